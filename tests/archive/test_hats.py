# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Readers of HATS, such as LSDB, open the archive."""

from __future__ import annotations

import hats
import numpy as np
import pytest
from hats.io import paths
from hats.io.validation import is_valid_catalog
from hats.pixel_math.spatial_index import compute_spatial_index
from helpers.archived_alerts import alerts, commit_night, even_places

from fink_voevent.archive import update
from fink_voevent.archive.layout import SCHEMA


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(update, "MOST_ROWS", 60)
    root = str(tmp_path / "voevent")
    for day in (0, 1, 400):
        commit_night(root, alerts(even_places(200, day), day, 1000 * day))
    list(update.update(root, "20280101"))
    return tmp_path / "voevent" / "archive"


def test_hats_reads_the_catalog_its_pixels_and_its_rows(folder):
    catalog = hats.read_hats(folder)
    assert len(catalog) == 600
    assert catalog.schema.equals(SCHEMA)
    assert catalog.catalog_info.ra_column == "alert_ra"
    ids = []
    for pixel in catalog.get_healpix_pixels():
        path = paths.pixel_catalog_file(
            folder, pixel, npix_suffix=catalog.catalog_info.npix_suffix
        )
        rows = hats.io.file_io.read_parquet_file_to_pandas(path, is_dir=True)
        ids += rows["alert_id"].tolist()
        index = compute_spatial_index(rows["alert_ra"], rows["alert_dec"])
        assert (index == rows["_healpix_29"].to_numpy()).all()
        assert (index >> 2 * (29 - pixel.order) == pixel.pixel).all()
    assert sorted(ids) == [1000 * d + n for d in (0, 1, 400) for n in range(200)]


def test_hats_selects_the_pixels_of_a_cone(folder):
    catalog = hats.read_hats(folder)
    some = catalog.filter_by_cone(10.0, 20.0, 3600.0)
    assert 0 < len(some.get_healpix_pixels()) < len(catalog.get_healpix_pixels())
    assert np.isfinite(some.get_max_coverage_order())


def test_hats_finds_the_catalog_valid(folder):
    assert is_valid_catalog(folder, strict=False)

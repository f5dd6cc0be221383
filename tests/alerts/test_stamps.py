# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Cutouts of packets: real ones, and content that is no image."""

from __future__ import annotations

import gzip
import io

import numpy as np
import pyarrow.dataset as ds
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.alerts import stamps


def fits_file(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    fits.PrimaryHDU(image).writeto(stream)
    return stream.getvalue()


def test_cutouts_of_both_surveys_are_read():
    image = np.arange(30.0, dtype=np.float32).reshape(5, 6)
    packed = gzip.compress(fits_file(image))
    for content in ({"stampData": packed}, fits_file(image)):
        found = stamps.from_packet({"cutoutTemplate": content})
        assert list(found.images) == ["template"]
        assert np.array_equal(found.images["template"], image)


@given(st.binary(max_size=200))
def test_content_that_is_no_image_is_none(content):
    assert stamps.from_packet({"cutoutScience": content}) is None
    packed = {"stampData": gzip.compress(content, mtime=0)}
    assert stamps.from_packet({"cutoutScience": packed}) is None


def test_an_image_that_is_far_too_large_is_none():
    bomb = gzip.compress(b"\0" * (stamps.MOST_BYTES * 8))
    large = fits_file(np.zeros((300, 300), np.float32))
    for content in (bomb, bomb[:-10], large):
        assert stamps.from_packet({"cutoutScience": {"stampData": content}}) is None


@pytest.mark.parametrize(
    "folder", ["ztf/regular", "rubin/rubin_test_data_10_0.parquet"]
)
def test_real_packets_have_three_cutouts(real, folder):
    table = ds.dataset(real / folder).to_table().slice(0, 10)
    for packet in table.to_pylist():
        assert list(stamps.from_packet(packet).images) == list(stamps.NAMES)

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Events with a known counterpart: it is found, and ranked first of bronze."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from fink_voevent.filters import blocks
from fink_voevent.offline.matching import match_night
from fink_voevent.score import background
from fink_voevent.score.background import CELLS
from fink_voevent.store.filesystem import open_store

COUNTERPARTS = {
    "S170817a": "AT2017gfo",
    "GBM-394416326": "ZTF13aaaabxl",  # GRB 130702A and iPTF13bxl
    "IceCube-130033-50579430": "ZTF17aaatxsb",  # IC170922A and TXS 0506+056
    "Swift-1126853": "ZTF22aaaagrb",  # GRB 221009A
}


@pytest.fixture(scope="module")
def found(spark, datatest, tmp_path_factory) -> list[dict]:
    from fink_voevent.config.load import load

    folder = tmp_path_factory.mktemp("truth")
    (folder / "alerts").mkdir()
    for name in ("alerts/early", "alerts/late", "truth/alerts"):
        copy = folder / "alerts" / f"{name.replace('/', '-')}.parquet"
        shutil.copy(datatest / f"{name}.parquet", copy)
    settings = load({}, {"data_prefix": str(folder / "data")}).settings
    even = {cut: np.full(CELLS, 2000) for cut in background.CUTS}
    rates = background.from_counts(even, 365, "ztf")
    background.save(rates, background.folder(settings.root))
    notices = [str(datatest / "voevents"), str(datatest / "truth" / "gw170817.json")]
    match_night(spark, settings, str(folder / "alerts"), notices, folder / "out")
    assert open_store(str(folder / "out")).exists("coincidences.parquet")
    return pq.read_table(folder / "out" / "coincidences.parquet").to_pylist()


@pytest.mark.parametrize("event", COUNTERPARTS)
def test_the_counterpart_is_found_and_ranked_first(found, event):
    pairs = pd.DataFrame([row for row in found if row["event_id"] == event])
    is_real = pairs["quality"].ge(blocks.BRONZE_QUALITY)
    real = pairs[is_real & ~pairs["extragalactic"].eq(other=False)]
    assert len(pairs) > 1
    # As in silver, objects that were active before the event come last.
    ranked = real.assign(active=real["prior_activity"].eq("active")).sort_values(
        ["active", "p_chance"]
    )
    assert ranked.iloc[0]["object_id"] == COUNTERPARTS[event]


def test_at2017gfo_is_new_and_in_the_map(found):
    rows = [row for row in found if row["object_id"] == "AT2017gfo"]
    assert [row["prior_activity"] for row in rows] == ["new"] * 3
    first = min(rows, key=lambda row: row["delay"])
    assert first["delay"] == pytest.approx(0.4527, abs=1e-3)
    assert first["credible_level"] < 0.9
    assert first["separation"] is None  # a map has no centre

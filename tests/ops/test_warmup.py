# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What goes through the stages at the start leaves nothing behind."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest

from fink_voevent.notices.normalisation import normalise_all
from fink_voevent.ops import warmup


@pytest.fixture
def small(spark, settings, datatest):
    """Give settings, and the folder of a night of alerts."""
    night = Path(settings.data_prefix, "science", settings.night)
    shutil.copytree(datatest / "alerts", night)
    return settings.model_copy(update={"warmup_notices": 2}), str(night)


def test_a_made_up_notice_is_one_that_is_matched(registry):
    seen = datetime(2022, 10, 9, 12, tzinfo=timezone.utc)
    (row,) = normalise_all([warmup.notice(10.0, -20.0, seen, 3)], registry)
    assert (row["messenger"], row["tense"], row["live"]) == ("grb", "observation", True)
    assert (row["ra"], row["dec"]) == (10.0, -20.0)
    assert row["cells"]
    assert seen - row["time"].replace(tzinfo=timezone.utc) == warmup.BEFORE


def test_it_goes_all_the_way_and_leaves_nothing(spark, small):
    settings, night = small
    packets = spark.read.parquet(night)
    root = Path(settings.root)
    went = []
    counts = []
    for done in warmup.warm_up(spark, settings, settings.night, packets, "x"):
        counts.append(done)
        made = root / "warmup" / "x" / "voevent"
        routed = [json.loads(m.read_text()) for m in made.glob("ledger/route/*.json")]
        went = [sum(manifest["facts"]["sent"].values()) for manifest in routed]
    assert counts[-1] == len(went) == 2 and all(went), "a filter passes what it meets"
    left = [path for path in root.rglob("*") if path.is_file()]
    assert left == []


def test_what_is_left_undone_leaves_nothing_either(spark, small):
    settings, night = small
    folder = Path(settings.root, "warmup", "x")
    folder.mkdir(parents=True)
    (folder / "of-a-process-that-was-killed").touch()
    packets = spark.read.parquet(night)
    steps = warmup.warm_up(spark, settings, settings.night, packets, "x")
    next(steps)
    assert [path.name for path in folder.iterdir()] == ["science"]
    steps.close()
    assert not folder.exists()


def test_a_night_without_a_usable_alert_is_no_error(spark, small):
    settings, night = small
    nothing = spark.read.parquet(night).limit(0)
    steps = warmup.warm_up(spark, settings, settings.night, nothing, "x")
    assert list(steps) == [0]

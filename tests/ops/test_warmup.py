# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Warm-up: artificial notices pass all stages and leave nothing behind."""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest
from helpers.pipeline import facts

from fink_voevent.notices.normalisation import normalise_all
from fink_voevent.ops import warmup


@pytest.fixture
def small(spark, settings, datatest):
    """Return settings with two artificial notices, and a folder of alerts."""
    night = Path(settings.data_prefix, "science", settings.night)
    shutil.copytree(datatest / "alerts", night)
    return settings.model_copy(update={"warmup_notices": 2}), str(night)


def test_an_artificial_notice_can_be_matched(registry):
    seen = datetime(2022, 10, 9, 12, tzinfo=timezone.utc)
    (row,) = normalise_all([warmup.notice(10.0, -20.0, seen, 3)], registry)
    assert (row["messenger"], row["tense"], row["live"]) == ("grb", "observation", True)
    assert (row["ra"], row["dec"]) == (10.0, -20.0)
    assert row["cells"]
    assert seen - row["time"].replace(tzinfo=timezone.utc) == warmup.BEFORE


def test_artificial_notices_pass_all_stages_and_leave_no_file(spark, small):
    settings, night = small
    packets = spark.read.parquet(night)
    root = Path(settings.root)
    sent = []
    counts = []
    for done in warmup.warm_up(spark, settings, settings.night, packets, "x"):
        counts.append(done)
        folder = root / "warmup" / "x" / "voevent"
        if folder.exists():
            sent = [sum(one["sent"].values()) for one in facts(str(folder), "route")]
    assert counts[-1] == len(sent) == 2
    assert all(sent), "a filter passes the alert"
    assert [path for path in root.rglob("*") if path.is_file()] == []


def test_an_interrupted_warm_up_leaves_no_file(spark, small):
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

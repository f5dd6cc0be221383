# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Events that await their map: alerts in their windows are counted, none is paired."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from astropy.time import Time
from skies import alert, collect, event, frame, thin
from stages import Pipeline
from test_maps import land, mapless

from fink_voevent import digest, in_time, ledger, match, night, versions
from fink_voevent.status import Observer

NO_REGION = {
    "ra": None,
    "dec": None,
    "error_r90": None,
    "fisher": None,
    "cells": None,
    "skymap_url": "https://example.org/map",
}
BEFORE_LEAP = datetime(2016, 12, 31, 12, tzinfo=timezone.utc)  # s of its day: 86,401
BEFORE, AFTER = 0.25, 1.0


@pytest.fixture
def unplaced(spark, tmp_path):
    """Latest rows of events around a leap second, without their map."""
    rows = [
        event(number, 0.0, 0.0, 1.0)
        | NO_REGION
        | {
            "time": BEFORE_LEAP + timedelta(hours=number),
            "window_before": BEFORE,
            "window_after": AFTER,
        }
        for number in range(4)
    ]
    return versions.latest(
        frame(spark, tmp_path / "events", "events", rows), ("observation",)
    )


def oracle(times: list[datetime]) -> dict[str, int]:
    """Elapsed time by astropy, to the microsecond."""
    found: Counter[str] = Counter()
    alerts = Time(times, scale="utc")
    for number in range(4):
        moment = Time(BEFORE_LEAP + timedelta(hours=number), scale="utc")
        days = np.round((alerts - moment).to_value("us")) / 86_400e6
        found[f"event-{number}"] = int(np.sum((days >= -BEFORE) & (days <= AFTER)))
    return dict(+found)


def test_alerts_of_each_window_are_counted_in_elapsed_time(spark, tmp_path, unplaced):
    rng = np.random.default_rng(5)
    edge = BEFORE_LEAP + timedelta(days=1)
    # the leap second is in the window: it ends a second sooner by the clock
    moments = [edge, edge - timedelta(seconds=1), edge - timedelta(seconds=2)]
    moments += [
        BEFORE_LEAP + timedelta(seconds=float(s))
        for s in rng.uniform(-90_000, 180_000, 300)
    ]
    facts = [alert(number, 10.0, 10.0, 0.0) for number in range(len(moments))]
    alerts = thin(spark, tmp_path / "alerts", facts).drop("alert_time")
    rows = list(enumerate(moments))
    times = spark.createDataFrame(rows, "alert_id long, alert_time timestamp")
    assert in_time.counts(alerts.join(times, "alert_id"), unplaced) == oracle(moments)


def test_they_meet_no_alert_and_are_known_as_unplaced(spark, tmp_path, unplaced):
    found = digest.of(unplaced)
    assert not digest.within(found, digest.reach(digest.unplaced(found)))
    assert digest.unplaced(found).keys() == {f"event-{n}" for n in range(4)}
    retracted = unplaced.drop("kind").selectExpr("*", "'retraction' AS kind")
    assert not digest.unplaced(digest.of(retracted))
    placeless = unplaced.drop("skymap_url").selectExpr("*", "NULL AS skymap_url")
    assert not digest.unplaced(digest.of(placeless))
    alerts = thin(spark, tmp_path / "alerts", [alert(1, 0.0, 0.0, 0.1)])
    pairs = match.pairs(alerts, versions.matchable(unplaced), 0.95, 4)
    assert not collect(pairs)


def test_the_stage_counts_them_whichever_comes_first(spark, settings, datatest):
    """All alerts of datatest, as time alone leaves none out of so wide a window."""
    told = []
    for number in range(2):
        changed = {
            "data_prefix": f"{settings.data_prefix}-{number}",
            "spool": f"{settings.spool}-{number}",
            "window": "9000,9000",
        }
        pipeline = Pipeline(spark, settings.model_copy(update=changed), datatest)
        names = [path.stem for path in sorted((datatest / "alerts").glob("*.parquet"))]
        steps = [
            lambda p=pipeline: land(p, mapless()),
            lambda p=pipeline, n=names: p.alerts(*n),
        ]
        for step in steps if number else steps[::-1]:
            step()
            pipeline.match()
        pipeline.spool.close()
        assert pipeline.standing() == []
        status = Observer(pipeline.settings.root).status()
        assert status.unplaced_notices == 1
        assert "live notices 0 and 1 that await their map" in status.line()
        manifests = ledger.Ledger(pipeline.settings.root, night.STAGE).manifests()
        counts: Counter[str] = Counter()
        for manifest in manifests:
            counts.update(manifest.facts["in_time_only"])
        told.append(counts)
        assert list(counts.values()) == [status.alerts]
    assert told[0] == told[1]

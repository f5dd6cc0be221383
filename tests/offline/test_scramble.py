# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Notices moved over the sky: exactly, and what chance then gives is as predicted."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from helpers.made_up_sky import LEVEL, OBSERVED, T0, collect, event, frame, map_event
from helpers.sizes import nightly
from helpers.uneven_sky import as_thin, cell_centres, scatter_alerts, uneven_rate

from fink_voevent.events import versions
from fink_voevent.offline import scramble
from fink_voevent.score import background, probability
from fink_voevent.score.background import CELL_DEG2
from fink_voevent.sky import localization


def live(spark, path, events):
    df = frame(spark, path, "notices", events)
    return versions.matchable(versions.latest(df, OBSERVED))


def joined(cells: list[dict]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for lo, hi in sorted((c["lo"], c["hi"]) for c in cells):
        if ranges and ranges[-1][1] == lo:
            ranges[-1] = (ranges[-1][0], hi)
        else:
            ranges.append((lo, hi))
    return ranges


@pytest.mark.parametrize("quarters", [1, *nightly(2, 3)])
def test_a_region_moves_with_its_centre(spark, tmp_path, quarters):
    places = [(10.0, 80.0), (350.0, 0.0), (100.0, -85.0), (45.0, 41.0)]
    events = [event(i, *place, 8.0) for i, place in enumerate(places)]
    df = live(spark, tmp_path / "e.parquet", events)
    rows = collect(scramble.scrambled(df, quarters, 2).orderBy("event_id"))
    for row, (ra, dec) in zip(rows, places, strict=True):
        mixture = localization.fisher(8.0, 0.9)
        turned = (ra + 90 * quarters) % 360
        cells = localization.cover(turned, dec, mixture.radius_deg(0.99))
        assert row["event_ra"] == turned
        assert joined(row["cells"]) == joined([{"lo": a, "hi": b} for a, b in cells])
    moved = rows[0]["event_time"].replace(tzinfo=T0.tzinfo)
    assert moved == events[0]["time"] + timedelta(days=2)


def test_four_quarter_turns_change_nothing(spark, tmp_path):
    one = map_event(1, 4)
    df = live(spark, tmp_path / "e.parquet", [one])
    (row,) = collect(scramble.scrambled(df, 4, 0))
    assert [p.asDict() for p in row["pixels"]] == one["pixels"]
    assert joined(row["cells"]) == joined(one["cells"])


def test_coincidences_by_chance_are_as_many_as_the_rates_predict(spark, tmp_path):
    rng = np.random.default_rng(8)
    events = [
        event(
            number,
            rng.uniform(0, 360),
            math.degrees(math.asin(rng.uniform(-1, 1))),
            3.0,
            time=T0 + timedelta(days=1),
            window_before=0.5,
            window_after=1.0,
        )
        for number in range(60)
    ]
    events.append(map_event(100, 6, time=T0 + timedelta(days=1), window_after=1.0))
    counts = rng.poisson(uneven_rate(*cell_centres()) * CELL_DEG2 * 100)
    snapshot = background.from_counts({"any": counts, "bronze": counts}, 100, "ztf")
    scorer = probability.Scorer(snapshot, LEVEL)
    alerts = as_thin(spark, tmp_path / "a.parquet", scatter_alerts(rng, 4.0))
    df = live(spark, tmp_path / "e.parquet", events)
    tally = scramble.measure(alerts, df, scorer, (0, 1), 5)
    assert tally.events == 61 * 3 * 2
    assert tally.predicted > 2000
    assert abs(tally.pairs - tally.predicted) < 5 * math.sqrt(tally.predicted)
    for p in (0.1, 0.5):
        expected = p * tally.events
        assert abs(tally.reached[p] - expected) < 4 * math.sqrt(expected)

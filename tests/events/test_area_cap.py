# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Large regions are matched in their most probable part; other alerts are counted."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.made_up_sky import (
    LEVEL,
    OBSERVED,
    collect,
    ellipse_event,
    event,
    frame,
    map_event,
    random_sky,
    thin,
)
from helpers.oracle import assert_equal, level_at, pairs
from helpers.pipeline import Pipeline

from fink_voevent.events import area_cap, versions
from fink_voevent.match import pairing
from fink_voevent.ops.status import Observer
from fink_voevent.score import background
from fink_voevent.score.probability import Scorer

CAP_DEG2 = 300.0


@pytest.fixture(scope="module")
def sky():
    """Events with circles and ellipses of all sizes and two maps, and alerts."""
    circles, alerts = random_sky(29, 40, 1500)
    shapes = [(15.0, 9.0, 30.0), (4.0, 1.0, 70.0)]
    ellipses = [ellipse_event(60 + i, 90.0 * i, 20.0, s) for i, s in enumerate(shapes)]
    return [*circles, *ellipses, map_event(100, 1), map_event(101, 2, order=2)], alerts


@pytest.fixture
def live(spark, tmp_path, sky):
    rows = frame(spark, tmp_path / "events.parquet", "notices", sky[0])
    return versions.matchable(versions.latest(rows, OBSERVED))


def expected(sky, levels: dict[str, float]) -> dict:
    return pairs(*sky, lambda event: min(LEVEL, levels[event["event_id"]]))


def test_regions_are_matched_in_their_most_probable_part(spark, tmp_path, sky, live):
    capped = area_cap.with_cap(live, CAP_DEG2, LEVEL)
    alerts = thin(spark, tmp_path / "alerts.parquet", sky[1])
    found = collect(pairing.pairs(alerts, capped, LEVEL, 4))
    levels = {row["event_id"]: level_at(row, CAP_DEG2) for row in sky[0]}
    assert sum(level < LEVEL for level in levels.values()) >= 10
    assert sum(level > LEVEL for level in levels.values()) >= 10
    assert_equal(found, expected(sky, levels))


def test_alerts_that_the_cap_leaves_out_are_counted_by_event(
    spark, tmp_path, sky, live
):
    capped = area_cap.with_cap(live, CAP_DEG2, LEVEL)
    alerts = thin(spark, tmp_path / "alerts.parquet", sky[1])
    levels = {row["event_id"]: level_at(row, CAP_DEG2) for row in sky[0]}
    whole = expected(sky, dict.fromkeys(levels, LEVEL))
    inside = expected(sky, levels)
    oracle: dict[str, int] = {}
    for event_id, _ in whole.keys() - inside.keys():
        oracle[event_id] = oracle.get(event_id, 0) + 1
    assert len(oracle) >= 10
    assert pairing.count_beyond_cap(alerts, capped, LEVEL, 4) == oracle


def test_a_cap_of_the_whole_sky_has_no_effect(spark, tmp_path, sky, live):
    capped = area_cap.with_cap(live, 41253.0, LEVEL)
    assert capped.where("cap_level IS NOT NULL").count() == 0


def test_the_chance_probability_is_that_of_the_matched_part(spark, tmp_path):
    """The expected number of alerts is the rate times the area of the cap."""
    wide = frame(spark, tmp_path / "e", "notices", [event(1, 40.0, 10.0, 25.0)])
    latest = versions.matchable(versions.latest(wide, OBSERVED))
    capped = area_cap.with_cap(latest, CAP_DEG2, LEVEL)
    counts = {cut: np.full(background.CELLS, 100) for cut in background.CUTS}
    scorer = Scorer(background.from_counts(counts, 10, "ztf"), LEVEL)
    (unrelated,) = scorer.expected(capped).values()
    per_day = 100 / (background.CELL_DEG2 * 10) * CAP_DEG2
    assert unrelated == pytest.approx(7 * per_day, rel=0.01)


def test_a_cap_smaller_than_one_pixel_leaves_that_pixel(spark, tmp_path, sky):
    row = frame(spark, tmp_path / "map", "notices", [map_event(100, 2, order=1)])
    latest = versions.matchable(versions.latest(row, OBSERVED))
    capped = area_cap.with_cap(latest, 1e-3, LEVEL)
    counts = {cut: np.full(background.CELLS, 100) for cut in background.CUTS}
    scorer = Scorer(background.from_counts(counts, 10, "ztf"), LEVEL)
    alerts = thin(spark, tmp_path / "alerts.parquet", sky[1])
    found = collect(scorer.score(pairing.pairs(alerts, capped, LEVEL, 3), capped))
    assert found
    assert {pair["credible_level"] for pair in found} == {0.0}
    assert all(0 <= pair["p_chance"] <= 1 for pair in found)


def test_the_stage_counts_the_alerts_that_the_cap_leaves_out(spark, settings, datatest):
    """The same number whether alerts or notices arrive first."""
    counts = []
    for number, cap_deg2 in enumerate((41253.0, 1.0, 1.0)):
        chosen = settings.model_copy(
            update={
                "cap_deg2": cap_deg2,
                "data_prefix": f"{settings.data_prefix}-{number}",
                "spool": f"{settings.spool}-{number}",
            }
        )
        pipeline = Pipeline(spark, chosen, datatest)
        steps = [pipeline.notices, lambda p=pipeline: p.alerts(*_names(datatest))]
        for step in steps if number < 2 else steps[::-1]:
            step()
            if number:  # without a cap the order does not matter: one batch
                pipeline.match()
        pipeline.match()
        pipeline.spool.close()
        pairs = {(r["event_id"], r["alert_id"]) for r in pipeline.current_pairs()}
        counts.append((pairs, Observer(chosen.root).status().beyond_cap))
    (whole, none), (first, left_out), (last, again) = counts
    assert none == 0
    assert first == last < whole
    assert left_out == again == len(whole) - len(first)


def _names(datatest) -> list[str]:
    return [path.stem for path in sorted((datatest / "alerts").glob("*.parquet"))]

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Known coincidences among unrelated objects: their topics, ranks and numbers."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.coincidence_rows import at, pair, table
from helpers.even_rates import STRENGTHS, scorer
from known_coincidences import KNOWN, Known

from fink_voevent.filters.discover import discover
from fink_voevent.offline.candidates import with_topics
from fink_voevent.score import candidates
from fink_voevent.score.candidate_scores import EventRegion
from fink_voevent.score.class_rates import class_list
from fink_voevent.score.reports import with_reports
from fink_voevent.sky import region as sky_region

LEVEL = 0.95
OURS = discover("fink_voevent.filters").filters
BY_EVENT = {known.event: known for known in KNOWN}
AMONG_NUCLEI = ("IC191001A", "IC200530A", "IC191119A")
ALONE = tuple(event for event in BY_EVENT if event not in AMONG_NUCLEI)
GOLD = ("GRB 230827A", "GRB 221009A", "EP240414a", "IC170922A")
COUNTERPART = 10_000  # its alert


def unrelated(known: Known, region: dict) -> list[dict]:
    """Return unrelated objects of the region and the window, as many as expected.

    Their credible levels are such that they are spread evenly over the region.
    """
    rng = np.random.default_rng(30)
    rows = []
    for name in ("fresh_1", "flaring"):
        ranked = class_list(scorer(known.survey).snapshot, name, region, LEVEL)
        number = ranked.total(known.days) if name == "fresh_1" else ranked.flares(1)
        count = rng.poisson(number)
        shares = rng.random(count) * ranked.integral[-1]
        levels = np.interp(shares, ranked.integral, ranked.levels)
        for level in levels:
            onset = float(rng.uniform(0, known.days))
            flags = {"first_detection": at(onset), "last_non_detection": at(-1.0)}
            if name == "flaring":
                onset = 0.5
                flags = {"first_detection": at(-500), "last_non_detection": None,
                         "active_nucleus": True,
                         "flux_change": float(rng.choice(STRENGTHS))}  # fmt: skip
            identity = {"object_id": f"U{len(rows)}", "survey": known.survey}
            place = {"credible_level": float(level), "messenger": known.messenger}
            rows.append(pair(len(rows), onset, **identity, **place, **flags))
    return rows


def judged(known: Known, **changes) -> list[dict]:
    """Return the candidates of an event, the counterpart among unrelated objects.

    Parameters
    ----------
    known : Known
    **changes
        Columns of the counterpart that have other values.
    """
    region = known.region()
    shape = {"ra": region["event_ra"], "dec": region["event_dec"], **region}
    found = sky_region.from_row(shape)
    (level,) = found.level_at([known.place[0]], [known.place[1]])
    assert level <= LEVEL
    rows = unrelated(known, region)
    windows = {"E1": (1.0, known.days)}
    counterpart = {
        "object_id": known.object_id,
        "survey": known.survey,
        "messenger": known.messenger,
        "credible_level": float(level),
        "first_detection": at(known.onset),
        "last_non_detection": at(known.limit),
        "detections": 2,
        "detection_span": known.span,
        **known.flags,
        **changes,
    }
    last = max(known.onset, 0.0) + min(known.span, known.days / 2)
    rows.append(pair(COUNTERPART, last, **counterpart))
    journal = table(rows)
    made = candidates.from_coincidences(journal, 0, windows)
    read = lambda events: [EventRegion("r1", region, LEVEL) for _ in events]  # noqa: E731
    scored = scorer(known.survey).score(made, {"E1": "r1"}, windows, read)
    ranked = with_reports(candidates.ranked(scored), journal, 0)
    return with_topics(ranked, journal, OURS).to_pylist()


@pytest.mark.parametrize("event", ALONE)
def test_what_is_near_the_event_or_soon_after_it_is_first_and_on_its_topic(event):
    known = BY_EVENT[event]
    rows = judged(known)
    (row,) = [r for r in rows if r["object_id"] == known.object_id]
    name = known.messenger
    levels = ("bronze", "gold", "silver")[:: 1 if event in GOLD else 2]
    assert row["topics"] == [f"{name}_{level}" for level in levels]
    assert row["rank"] == 1
    assert row["reported_alert_id"] == COUNTERPART
    others = [r["topics"] for r in rows if r is not row]
    assert sum(f"{name}_silver" in topics for topics in others) <= 3


@pytest.mark.parametrize("event", AMONG_NUCLEI)
def test_a_flare_in_a_large_region_is_silver_if_it_is_a_strong_one(event):
    """By place alone, five unrelated nuclei rank as high in a region of 25 deg2."""
    known = BY_EVENT[event]

    def with_change(flux_change: float) -> dict:
        rows = judged(known, flux_change=flux_change)
        return next(r for r in rows if r["object_id"] == known.object_id)

    weak, usual, strong = map(with_change, (0.1, 0.3, 0.5))
    assert weak["class"] == strong["class"] == "flaring"
    assert weak["topics"] == usual["topics"] == ["neutrino_bronze"]
    assert 5 < weak["expected_unrelated"] < 8
    assert 1 < usual["expected_unrelated"] < 1.6
    assert strong["expected_unrelated"] < 0.1
    assert strong["rank"] == 1
    levels = ("bronze", "gold", "silver")
    assert strong["topics"] == [f"neutrino_{level}" for level in levels]

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Random objects of both surveys: class, expected number and topics by an oracle."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.candidate_oracle import Burst, expected_unrelated, oracle, topics
from helpers.coincidence_rows import at, pair, table
from helpers.even_rates import RATES, STRENGTHS, scorer

from fink_voevent.filters.discover import discover
from fink_voevent.offline.candidates import with_topics
from fink_voevent.score import candidates
from fink_voevent.score.candidate_scores import EventRegion
from fink_voevent.score.reports import with_reports

FEW, MANY = 500, 5000  # objects of each survey
LEVEL = 0.95
# Of the share of a place, which is interpolated between the levels of a region
LEVELS_ERROR = 0.01
BURSTS = {
    "E-grb": Burst("grb", 2e4, 7.0),
    "E-gw": Burst("gw", 1e3, 14.0),
    "E-neutrino": Burst("neutrino", 5e4, 30.0),
    "E-frb": Burst("frb", 2e5, 3.0),
    "E-xray": Burst("xray", 1e6, 7.0),
    "E-gamma": Burst("gamma", 1e4, 7.0),
    "E-supernova": Burst("supernova", 3e4, 20.0),
    "E-muon": Burst("muon", 3e4, 5.0),
}
WINDOWS = {event: (1.0, burst.days) for event, burst in BURSTS.items()}
OURS = [
    one
    for one in discover("fink_voevent.filters").filters
    if one.name.endswith(("_bronze", "_silver", "_gold"))
]


def read(events):
    """Return the regions of events."""
    for event in events:
        kappa = BURSTS[event].kappa
        fisher = {"fraction": 1.0, "core_kappa": kappa, "tail_kappa": kappa}
        region = {"event_ra": 40.0, "event_dec": 30.0, "fisher": fisher}
        yield EventRegion(event, region | {"ellipse": None, "pixels": None}, LEVEL)


def random_rows(survey: str, objects: int) -> list[dict]:
    """Return one to three coincidences of each object; most are nearly new."""
    rng = np.random.default_rng(30)
    events = list(BURSTS)

    def flag(*chances: float) -> bool | None:
        return (True, False, None)[rng.choice(3, p=chances)]

    rows: list[dict] = []
    for number in range(objects):
        event = events[rng.integers(len(events))]
        days = BURSTS[event].days
        first = float(rng.uniform(-0.3, 1) * days * rng.random())
        limit = None if rng.random() < 0.1 else first - float(rng.exponential(3.0))
        host = None if rng.random() < 0.7 else "H"
        common = {
            "event_id": event,
            "survey": survey,
            "object_id": f"Z{number}" if rng.random() < 0.95 else None,
            "messenger": BURSTS[event].messenger,
            "first_detection": at(first),
            "last_non_detection": None if limit is None else at(limit),
            "limit_magnitude": None if limit is None else 20.5,
            "stellar": flag(0.2, 0.5, 0.3),
            "variable": flag(0.05, 0.0, 0.95),
            "active_nucleus": flag(0.15, 0.35, 0.5),
            "extragalactic": flag(0.3, 0.05, 0.65),
            "host": host,
            "host_chance": None if host is None else 0.01,
            "host_separation": (
                None if host is None else float(rng.choice([0.5, 2.0])) / 3600
            ),
        }
        span = 0.0
        for count in range(1, 1 + (1 if common["object_id"] is None else 3)):
            if count > 1 and rng.random() < 0.4:
                break
            time = max(first, -0.9) + span
            rows.append(
                pair(
                    len(rows),
                    time,
                    **common,
                    credible_level=float(rng.uniform(0, LEVEL)),
                    quality=float(rng.uniform(0.3, 1)),
                    magnitude=float(rng.uniform(17, 21)),
                    flux_change=float(rng.uniform(-0.3, 0.6)),
                    positive=flag(0.8, 0.15, 0.05),
                    moving=flag(0.05, 0.5, 0.45),
                    magnitude_rate=None,
                    detections=count,
                    detection_span=span,
                )
            )
            span += float(rng.choice([0.005, 0.02, 1.0]))
    return rows


def near(expected: float | None, threshold: float) -> bool:
    """Whether rounding decides on which side of a threshold a number is."""
    return expected is not None and abs(expected / threshold - 1) < LEVELS_ERROR


@pytest.mark.parametrize(
    "objects", [FEW, pytest.param(MANY, marks=pytest.mark.nightly)]
)
@pytest.mark.parametrize("survey", ["ztf", "rubin"])
def test_random_objects_are_judged_as_the_oracle_does(survey, objects):
    rows = random_rows(survey, objects)
    journal = table(rows)
    made = candidates.from_coincidences(journal, 0, WINDOWS)
    regions = {event: event for event in BURSTS}
    scored = scorer(survey).score(made, regions, WINDOWS, read)
    ranked = with_reports(candidates.ranked(scored), journal, 0)
    judged = with_topics(ranked, journal, OURS).to_pylist()
    expected = oracle(rows)
    assert len(judged) == len(expected) == objects
    levels = dict.fromkeys(("bronze", "silver", "gold"), 0)
    classes = dict.fromkeys(("fresh", "fresh_unknown", "flaring", "other"), 0)
    for row in judged:
        values = expected[row["object_id"]]
        burst = BURSTS[row["event_id"]]
        for name in ("class", "nature", "alert_ids", "detections", "fast_rise"):
            assert row[name] == values[name], (row["object_id"], name)
        number = expected_unrelated(values, burst, RATES[survey], LEVEL, STRENGTHS)
        if number is None:
            assert row["expected_unrelated"] is None
        else:
            assert row["expected_unrelated"] == pytest.approx(number, rel=LEVELS_ERROR)
        classes[row["class"]] += 1
        if near(number, 1.0) or near(number, 0.1):
            continue
        wanted = topics(values, burst.messenger, number)
        assert row["topics"] == wanted, (row["object_id"], number)
        for name in wanted:
            levels[name.rpartition("_")[2]] += 1
    assert min(levels.values()) > objects / 100
    assert min(classes.values()) > objects / 100

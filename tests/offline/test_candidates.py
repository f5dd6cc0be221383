# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Which filters the candidates of a past night pass."""

from __future__ import annotations

import pyarrow as pa
import pytest
from helpers.coincidence_rows import WINDOWS, pair, table

from fink_voevent.filters.discover import discover
from fink_voevent.offline.candidates import with_topics, without_lists
from fink_voevent.score import candidates
from fink_voevent.score.reports import with_reports

OURS = discover("fink_voevent.filters").filters


def judged(*rows: dict, expected: float | None = None, filters=OURS) -> dict[str, dict]:
    """Return candidates by name, with the filters that they pass."""
    pairs = table(list(rows))
    found = candidates.from_coincidences(pairs, 0, WINDOWS)
    position = found.schema.get_field_index("expected_unrelated")
    values = pa.array([expected] * len(found), pa.float64())
    found = found.set_column(position, "expected_unrelated", values)
    ranked = with_reports(candidates.ranked(found), pairs, 0)
    return {
        row["object_id"]: row for row in with_topics(ranked, pairs, filters).to_pylist()
    }


@pytest.mark.parametrize(
    ("expected", "topics"),
    [
        (None, ["grb_bronze"]),
        (1.1, ["grb_bronze"]),
        (0.5, ["grb_bronze", "grb_silver"]),
        (0.05, ["grb_bronze", "grb_gold", "grb_silver"]),
    ],
)
def test_a_candidate_passes_filters_by_its_expected_number(expected, topics):
    twice = {"detections": 2, "detection_span": 0.02}
    row = judged(pair(1, **twice), expected=expected)["Z1"]
    assert row["topics"] == topics


def test_a_filter_passes_if_one_alert_of_the_object_does():
    rows = judged(pair(1, quality=0.1), pair(2, object_id="Z2", quality=0.1), pair(3))
    assert rows["Z1"]["topics"] == ["grb_bronze"]
    assert rows["Z2"]["topics"] == []


def test_the_last_good_alert_reports_the_candidate():
    """Of all its alerts one is enough, so that silver is not missed."""
    alerts = [pair(1), pair(2, 0.7), pair(3, 0.9, quality=0.1)]
    row = judged(*alerts, expected=0.5)["Z1"]
    assert row["reported_alert_id"] == 2
    assert row["topics"] == ["grb_bronze", "grb_silver"]


def test_alerts_without_an_object_and_stars_and_waves_of_low_significance():
    rows = judged(
        pair(1, object_id=None),
        pair(2, object_id="star", stellar=True),
        pair(3, object_id="low", messenger="gw", event_significant=False),
        pair(4, object_id="other", messenger="optical"),
        pair(5, object_id="in time", credible_level=None),
    )
    found = {name: row["topics"] for name, row in rows.items()}
    assert found == {
        "alert-1": ["grb_bronze"],
        "star": [],
        "low": ["gw_subthreshold"],
        "other": ["other_bronze"],
    }


def test_filters_that_need_more_or_fail_are_left_out_and_named(
    tmp_path, monkeypatch, caplog
):
    sources = {
        "bright": "def bright(magpsf):\n    return magpsf < 18\n",
        "broken": "def broken(messenger):\n    raise ValueError('no')\n",
        "all": "def all(messenger):\n    return messenger == 'grb'\n",
    }
    for name, source in sources.items():
        folder = tmp_path / "added_here" / f"filter_{name}"
        folder.mkdir(parents=True)
        for place in (folder.parent, folder):
            (place / "__init__.py").write_text("")
        (folder / "filter.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    caplog.set_level("INFO")
    rows = judged(pair(1), filters=discover("added_here").filters)
    assert rows["Z1"]["topics"] == ["all"]
    assert "filter bright is not applied to candidates: it needs magpsf" in caplog.text
    assert "filter broken failed: ValueError: no" in caplog.text


def test_no_candidates_have_no_topics():
    assert judged(pair(1, credible_level=None)) == {}


def test_lists_become_texts():
    found = candidates.from_coincidences(table([pair(1), pair(2)]), 0, WINDOWS)
    (row,) = without_lists(found).to_pylist()
    assert row["alert_ids"] == "1 2"
    assert row["related_event_ids"] is None

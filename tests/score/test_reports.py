# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Which alert reports a candidate to silver and gold."""

from __future__ import annotations

import pyarrow as pa
import pytest
from helpers.coincidence_rows import WINDOWS, pair, table

from fink_voevent.score import candidates
from fink_voevent.score.reports import (
    GOLD,
    REPORTED_ALERT,
    REPORTED_AS,
    SILVER,
    tiers,
    with_reports,
)


class Log:
    """Candidates batch by batch, each with a number of unrelated ones that is given."""

    def __init__(self) -> None:
        self.rows: list[dict] = []
        self.last: pa.Table | None = None

    def batch(
        self, number: int, expected: float | None, *rows: dict, **changes
    ) -> dict:
        """Add coincidences; return the row of their only candidate."""
        self.rows += [row | {"batch": number} for row in rows]
        journal = table(self.rows)
        found = candidates.from_coincidences(journal, number, WINDOWS)
        values = {"expected_unrelated": expected} | changes
        for name, value in values.items():
            field = found.schema.field(name)
            column = pa.array([value] * found.num_rows, field.type)
            found = found.set_column(found.schema.get_field_index(name), field, column)
        self.last = with_reports(found, journal, number, self.last)
        (row,) = self.last.to_pylist()
        return row


def state(row: dict) -> tuple[int | None, str]:
    return row[REPORTED_ALERT], row[REPORTED_AS]


def test_the_latest_alert_reports_a_candidate_once():
    log = Log()
    first = log.batch(0, 0.5, pair(2, 0.7), pair(1, 0.5))
    assert state(first) == (2, "silver fresh source")
    assert state(log.batch(1, 0.4, pair(3, 0.9))) == state(first)
    assert state(log.batch(2, 0.9, pair(4, 1.9))) == state(first)


def test_a_candidate_is_reported_when_it_reaches_a_tier():
    log = Log()
    assert state(log.batch(0, None, pair(1))) == (None, "")
    assert state(log.batch(1, 1.1, pair(2, 0.6))) == (None, "")
    assert state(log.batch(2, 1.0, pair(3, 0.7))) == (3, "silver fresh source")
    # gold needs two detections some time apart, or a fast rise
    twice = {"detections": 2, "detection_span": 0.3}
    assert state(log.batch(3, 0.1, pair(4, 0.8, **twice))) == (4, "gold fresh source")


@pytest.mark.parametrize(
    "changes", [{"class": "flaring"}, {"nature": "active_nucleus"}], ids=str
)
def test_a_candidate_is_reported_again_when_it_is_something_else(changes):
    log = Log()
    neutrino = {"messenger": "neutrino"}
    before = log.batch(0, 0.5, pair(1, **neutrino))
    after = log.batch(1, 0.5, pair(2, 0.6, **neutrino), **changes)
    assert (before[REPORTED_ALERT], after[REPORTED_ALERT]) == (1, 2)
    assert before[REPORTED_AS] != after[REPORTED_AS]


def test_an_alert_that_is_not_good_enough_leaves_the_report_to_the_next_one():
    log = Log()
    assert state(log.batch(0, 1.5, pair(1))) == (None, "")
    assert state(log.batch(1, 0.5, pair(2, 0.6, quality=0.1))) == (None, "")
    assert state(log.batch(2, 0.5, pair(3, 0.7))) == (3, "silver fresh source")


def test_another_alert_reports_if_that_of_the_report_is_withdrawn():
    log = Log()
    log.batch(0, 0.5, pair(1))
    log.batch(1, 0.5, pair(2, 0.6))
    better = {"event_version": 2, "notice_id": "n2", "ivorn": "ivo://x#2"}
    gone = pair(1, status="withdrawn", **better)
    kept = pair(2, 0.6, status="update", **better)
    assert state(log.batch(2, 0.5, gone, kept)) == (2, "silver fresh source")


def test_an_update_of_the_alert_of_the_report_is_the_report_of_the_change():
    """It goes to the topic in any case: no second packet says the same."""
    log = Log()
    twice = {"detections": 2, "detection_span": 0.3}
    log.batch(0, 0.5, pair(1, **twice))
    log.batch(1, 0.5, pair(2, 0.6, **twice))
    better = {"event_version": 2, "notice_id": "n2", "ivorn": "ivo://x#2"}
    updates = [pair(n, at, status="update", **twice, **better)
               for n, at in ((1, 0.5), (2, 0.6))]  # fmt: skip
    assert state(log.batch(2, 0.05, *updates)) == (1, "gold fresh source")


def test_a_candidate_that_returns_to_a_tier_is_reported_again():
    log = Log()
    log.batch(0, 0.5, pair(1))
    assert state(log.batch(1, 2.0, pair(2, 0.6))) == (None, "")
    assert state(log.batch(2, 0.5, pair(3, 0.7))) == (3, "silver fresh source")


def test_a_candidate_that_ended_reports_nothing_and_starts_again():
    log = Log()
    log.batch(0, 0.5, pair(1))
    gone = pair(1, status="retracted", event_version=2, notice_id="n2")
    assert state(log.batch(1, 0.5, gone)) == (None, "")
    again = pair(1, status="new", event_version=3, notice_id="n3")
    assert state(log.batch(2, 0.5, again)) == (1, "silver fresh source")


def test_identifiers_of_alerts_lose_no_digit():
    number = 2_105_123_456_789_012_345
    assert state(Log().batch(0, 0.5, pair(number)))[0] == number


def test_tiers_are_those_of_the_filters_for_every_messenger():
    rows = [
        pair(n, object_id=f"Z{n}", messenger=messenger, detections=2,
             detection_span=0.3)
        for n, messenger in enumerate(("grb", "neutrino", "unheard of", "gw"))
    ]  # fmt: skip
    found = candidates.from_coincidences(table(rows), 0, WINDOWS)
    values = [0.05, 0.5, 0.05, None]
    field = found.schema.field("expected_unrelated")
    found = found.set_column(
        found.schema.get_field_index(field.name), field, pa.array(values, field.type)
    )
    by_object = dict(zip(found["object_id"].to_pylist(), tiers(found), strict=True))
    assert by_object == {"Z0": GOLD, "Z1": SILVER, "Z2": GOLD, "Z3": ""}

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The table candidates, batch by batch: the same as of all coincidences at once."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers.coincidence_rows import at, pair, table
from helpers.pipeline import candidate_rows

from fink_voevent.match import candidates
from fink_voevent.offline.matching import match_night
from fink_voevent.score.candidates import view
from fink_voevent.store.delta import Tables
from fink_voevent.tables.schema import column_names

STAGE = "match"
JUDGE = candidates.Judge({}, lambda states: None, 0.95, None)  # no rates, no windows
BETTER = {"event_version": 2, "notice_id": "n2", "ivorn": "ivo://x#2"}


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return Tables(str(tmp_path / "voevent"))


def commit(tables: Tables, batch: int, *rows: dict) -> None:
    """Commit coincidences as a batch, and compute its candidates."""
    numbered = table([row | {"batch": batch} for row in rows])
    tables.append_rows("coincidences", numbered, STAGE, batch)
    candidates.write(tables, STAGE, batch, JUDGE)


def rows_of(tables: Tables, batch: int) -> list[dict]:
    columns = column_names("candidates")
    return tables.rows_of("candidates", columns, batch, batch).to_pylist()


def test_a_batch_writes_the_candidates_that_it_changes_and_no_others(tables):
    commit(tables, 0, pair(1), pair(2, object_id="Z2"), pair(3, event_id="E2"))
    commit(tables, 1, pair(4, 0.7), pair(5, object_id=None))
    commit(tables, 2)
    found = {(r["event_id"], r["object_id"]): r for r in rows_of(tables, 1)}
    assert found.keys() == {("E1", "Z1"), ("E1", "alert-5")}
    assert found["E1", "Z1"]["alert_ids"] == [1, 4]
    assert found["E1", "Z1"]["status"] == "update"
    assert found["E1", "alert-5"]["status"] == "new"
    assert candidates.new_by_class(tables, 0) == {"fresh": 3}
    assert candidates.new_by_class(tables, 1) == {"fresh": 1}
    assert candidates.new_by_class(tables, 2) == {}


def test_a_batch_that_is_done_again_writes_nothing_twice(tables):
    commit(tables, 0, pair(1))
    before = tables.table("candidates").version()
    candidates.write(tables, STAGE, 0, JUDGE)
    candidates.write(Tables(tables.root), STAGE, 0, JUDGE)
    assert Tables(tables.root).table("candidates").version() == before


def test_the_rank_is_that_among_all_valid_candidates_of_the_event(tables):
    commit(
        tables,
        *(0, pair(1, object_id="A", credible_level=0.3)),
        pair(2, object_id="B", credible_level=0.2),
    )
    commit(tables, 1, pair(3, object_id="C", credible_level=0.25))
    assert [row["rank"] for row in rows_of(tables, 0)] == [2, 1]
    assert [row["rank"] for row in rows_of(tables, 1)] == [2]
    gone = pair(2, object_id="B", credible_level=0.2, status="withdrawn", **BETTER)
    commit(tables, 2, gone)
    assert [(r["status"], r["rank"]) for r in rows_of(tables, 2)] == [
        ("withdrawn", None)
    ]
    commit(tables, 3, pair(4, object_id="D", credible_level=0.9))
    assert [row["rank"] for row in rows_of(tables, 3)] == [3]


def test_a_retraction_ends_a_candidate_with_its_reason(tables):
    commit(tables, 0, pair(1), pair(2, 0.6))
    ends = [pair(n, at, status="retracted", **BETTER) for n, at in ((1, 0.5), (2, 0.6))]
    commit(tables, 1, *ends)
    (row,) = rows_of(tables, 1)
    assert (row["status"], row["rank"], row["alert_ids"]) == ("retracted", None, [1, 2])
    assert row["reason"] == "ivo://x#2 retracts the event"


def test_an_object_of_two_events_is_written_for_the_one_that_changed(tables):
    commit(tables, 0, pair(1), pair(1, event_id="E2"), pair(2, object_id="Z2"))
    commit(tables, 1, pair(3, event_id="E2"), pair(4, object_id="Z2"))
    keys = [(row["event_id"], row["object_id"]) for row in rows_of(tables, 1)]
    assert sorted(keys) == [("E1", "Z2"), ("E2", "Z1")]


def test_alerts_long_before_an_event_belong_to_its_candidate(tables):
    """They are in files that are left out only if no window can reach them."""
    commit(tables, 0, pair(1, -55.0, first_detection=None, last_non_detection=None))
    commit(tables, 1, pair(2, 0.5, last_non_detection=None))
    (row,) = rows_of(tables, 1)
    assert row["alert_ids"] == [1, 2]
    assert row["onset_to"] == pytest.approx(-55)


def test_candidates_of_a_backlog_are_those_of_single_batches(tables, tmp_path):
    rows = [
        pair(n, 0.1 * n, object_id=f"Z{n % 3}", first_detection=at(0.05 * n))
        for n in range(1, 10)
    ]
    for batch, row in enumerate(rows):
        commit(tables, batch, row)
    at_once = Tables(str(tmp_path / "other"))
    commit(at_once, 0, *rows)
    found = []
    for each in (tables, at_once):
        last = view(each.arrow("candidates", [*column_names("candidates"), "batch"]))
        found.append(last.drop_columns(["batch", "status", "rank"]).to_pylist())
    assert found[0] == found[1]


def test_the_candidates_of_the_stage_are_those_of_matching_at_rest(
    spark, pipeline, datatest, tmp_path
):
    pipeline.alerts("early")
    pipeline.notices("grb130702a_alert", "grb130702a_flt_pos", "grb221009a_bat")
    pipeline.match()
    pipeline.alerts("late")
    pipeline.notices()
    pipeline.match()
    where = (str(datatest / "alerts"), [str(datatest / "voevents")])
    counts = match_night(spark, pipeline.settings, *where, tmp_path / "out", ("csv",))
    rows = pq.read_table(tmp_path / "out" / "candidates.parquet").to_pylist()
    assert sum(counts.candidates.values()) == len(rows)
    assert (tmp_path / "out" / "candidates.csv").stat().st_size
    found = [r for r in candidate_rows(pipeline.settings.root) if r["rank"] is not None]
    found.sort(key=lambda row: (row["event_id"], row["rank"]))
    for row in (*rows, *found):
        for name in ("status", "notice_received_at", "topics"):
            row.pop(name, None)
    assert found == rows

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The last row of each pair is the one that Spark's view takes."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from helpers.delta_tables import rows_of
from helpers.shown_tables import T0, match, pair
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.errors import InputError
from fink_voevent.match import revisions
from fink_voevent.show.views import (
    candidate_rows,
    latest_of_pairs,
    latest_pairs,
    require_tables,
)
from fink_voevent.store.batches import BatchLog, Input
from fink_voevent.store.delta import Tables

moments = st.none() | st.integers(0, 2).map(lambda n: T0 + timedelta(seconds=n))
rows = st.fixed_dictionaries(
    {
        "event_id": st.sampled_from("ab"),
        "survey": st.sampled_from(["ztf", "rubin"]),
        "alert_id": st.integers(1, 2),
        "event_version": st.integers(1, 2),
        "event_issued": moments,
        "notice_received_at": st.integers(0, 2).map(lambda n: T0 + timedelta(days=n)),
        "notice_id": st.sampled_from("xyz"),
        "status": st.sampled_from(["new", "update", "withdrawn", "retracted"]),
        "batch": st.integers(0, 5),
    }
)
BEFORE_ALL = T0 - timedelta(days=9)


def order(row: dict) -> tuple:
    """By batch, version, issue time, retraction, landing and identity."""
    is_retracted, issued = row["status"] == "retracted", row["event_issued"]
    return (
        row["batch"],
        row["event_version"],
        is_retracted and issued is None,
        issued or BEFORE_ALL,
        is_retracted,
        row["notice_received_at"] if issued is None else BEFORE_ALL,
        row["notice_id"],
    )


def keyed(found) -> dict[tuple, tuple]:
    pairs = [((r["event_id"], r["survey"], r["alert_id"]), order(r)) for r in found]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@given(st.lists(rows, max_size=12))
def test_the_last_row_of_a_pair_is_that_of_the_last_batch_and_notice(journal):
    expected: dict[tuple, tuple] = {}
    for row in journal:
        key = (row["event_id"], row["survey"], row["alert_id"])
        expected[key] = max(expected.get(key, order(row)), order(row))
    found = latest_of_pairs(rows_of("coincidences", journal))
    assert keyed(found.to_pylist()) == expected


def test_it_is_that_of_spark(spark):
    import random

    rng = random.Random(1)  # noqa: S311 - test data
    journal = [
        {
            "event_id": rng.choice("abcd"),
            "survey": rng.choice(["ztf", "rubin"]),
            "alert_id": rng.randint(1, 5),
            "event_version": rng.randint(1, 2),
            "event_issued": rng.choice([None, T0, T0 + timedelta(seconds=1)]),
            "notice_received_at": T0 + timedelta(days=rng.randint(0, 2)),
            "notice_id": rng.choice("xyz"),
            "status": rng.choice(["new", "update", "withdrawn", "retracted"]),
            "batch": number,
        }
        for number in range(300)
    ]
    table = rows_of("coincidences", journal)
    names = list(journal[0])
    in_spark = spark.createDataFrame(
        [tuple(row[name] for name in names) for row in journal],
        "event_id string, survey string, alert_id bigint, event_version bigint,"
        " event_issued timestamp, notice_received_at timestamp, notice_id string,"
        " status string, batch bigint",
    )
    found = revisions.view(in_spark).select("event_id", "survey", "alert_id", "batch")
    ours = latest_of_pairs(table).select(["event_id", "survey", "alert_id", "batch"])
    assert {tuple(row) for row in found.collect()} == {
        tuple(row.values()) for row in ours.to_pylist()
    }


def test_rows_of_a_batch_that_is_not_done_do_not_count(tmp_path):
    root = str(tmp_path / "voevent")
    match(root, pair("e", "a"))
    log = BatchLog(Tables(root), "match")
    batch = log.plan(Input(survey="ztf"))
    unfinished = rows_of("coincidences", [pair("e", "b", batch=1)])
    log.tables.append_rows("coincidences", unfinished, "match", batch.number)
    found = latest_pairs(Tables(root), ["object_id"])
    assert found["object_id"].to_pylist() == ["a"]


def test_without_tables_one_sentence_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="nothing has ever run here.*--data-prefix"):
        require_tables(str(tmp_path / "typo" / "voevent"))
    (tmp_path / "voevent" / "landing").mkdir(parents=True)
    require_tables(str(tmp_path / "voevent"))


def test_of_candidates_the_row_of_the_last_batch_that_is_done_is_taken(tmp_path):
    root = str(tmp_path / "voevent")
    assert candidate_rows(root, ["class"]) is None
    match(root)
    match(root)
    table = partial(pa.Table.from_pylist)
    rows = [
        {"event_id": "e", "object_id": "a", "survey": "ztf", "class": c, "batch": n}
        for n, c in enumerate(["fresh", "other", "flaring"])  # 2 is not done
    ]
    write_deltalake(f"{root}/candidates", table(rows))
    found = candidate_rows(root, ["class", "object_id", "not_there"])
    assert found.to_pylist() == [{"object_id": "a", "class": "other"}]

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""An event whose notices arrive out of order: its pairs have one name in the end."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.chaos import ALERT, AUTHORITY, JD, TIME, Notice, alert, xml
from helpers.pipeline import Pipeline

from fink_voevent.listen import landing
from fink_voevent.listen.spool import Received
from fink_voevent.store.filesystem import open_store


def document(version: int, cited: int | None, hours: int, ra: float = 10.0) -> bytes:
    """Notice that names no event, and cites only the notice before it."""
    cites = () if cited is None else ((f"{AUTHORITY}#E0-{cited}", "supersedes"),)
    issued = f"{TIME + timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}"
    ivorn = f"{AUTHORITY}#E0-{version}"
    when = f"{TIME:%Y-%m-%dT%H:%M:%S}"
    place = (ra, 5.0, 1.0)
    return xml(
        Notice(str(version), ivorn, issued, when, (), place, cites=cites)
    ).encode()


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (document(0, None, 1), document(2, 1, 3)),
        # The first notice is current before and after; only the name changes.
        (document(0, None, 9), document(2, 1, 3, ra=30.0)),
    ],
)
def test_a_notice_that_links_two_events_withdraws_the_pairs_of_the_second_name(
    spark, settings, datatest, first, last
):
    pipeline = Pipeline(spark, settings, datatest)
    rows = [
        alert(n, f"Z{n}", ra, 5.0, JD + 0.5, 19.0, 0.0, None, "Unknown", 0.9)
        for n, ra in enumerate((10.0, 30.0))
    ]
    table = pa.Table.from_pylist(rows, schema=ALERT)
    pq.write_table(table, pipeline.incoming / "a.parquet")
    pipeline.alerts()
    store = open_store(settings.root).subfolder("landing")
    names = []
    for part in ((first, last), (document(1, 0, 2),)):
        pipeline.spool.append([Received(raw, "file", "x") for raw in part])
        landing.drain(pipeline.spool, store)
        pipeline.match()
        names.append({row["event_id"] for row in pipeline.current_pairs()})
        valid = [row for row in pipeline.candidates() if row["rank"] is not None]
        assert {row["event_id"] for row in valid} == names[-1]
        assert all(row["status"] in ("new", "update") for row in valid)
    pipeline.spool.close()
    ended = [row for row in pipeline.candidates() if row["rank"] is None]
    assert {(row["event_id"], row["status"]) for row in ended} == {
        (f"{AUTHORITY}#E0-1", "withdrawn")
    }
    assert all(row["reason"] for row in ended)
    assert names == [{f"{AUTHORITY}#E0-0", f"{AUTHORITY}#E0-1"}, {f"{AUTHORITY}#E0-0"}]

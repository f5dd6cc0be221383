# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""An event whose notices come in disorder: told under one name in the end."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
from test_chaos import ALERT, AUTHORITY, JD, TIME, Notice, alert, xml
from test_pipeline import Pipeline

from fink_voevent import landing
from fink_voevent.spool import Received
from fink_voevent.storage import open_store


def document(version: int, cited: int | None) -> bytes:
    """Notice that names no event, and cites only the one before it."""
    cites = () if cited is None else ((f"{AUTHORITY}#E0-{cited}", "supersedes"),)
    issued = f"{TIME + timedelta(hours=version + 1):%Y-%m-%dT%H:%M:%S}"
    place = (10.0, 5.0, 1.0)
    ivorn = f"{AUTHORITY}#E0-{version}"
    when = f"{TIME:%Y-%m-%dT%H:%M:%S}"
    return xml(
        Notice(str(version), ivorn, issued, when, (), place, cites=cites)
    ).encode()


def test_a_notice_between_two_withdraws_what_was_told_under_the_other_name(
    spark, settings, datatest
):
    pipeline = Pipeline(spark, settings, datatest)
    rows = [
        alert(n, f"Z{n}", 10.0, 5.0, JD + 0.5, 19.0, 0.0, None, "Unknown", 0.9)
        for n in range(2)
    ]
    table = pa.Table.from_pylist(rows, schema=ALERT)
    pq.write_table(table, pipeline.incoming / "a.parquet")
    pipeline.alerts()
    store = open_store(settings.root).at("landing")
    names = []
    for part in ((document(0, None), document(2, 1)), (document(1, 0),)):
        pipeline.spool.append([Received(raw, "file", "x") for raw in part])
        landing.drain(pipeline.spool, store)
        pipeline.match()
        names.append({row["event_id"] for row in pipeline.standing()})
    pipeline.spool.close()
    assert names == [{f"{AUTHORITY}#E0-0", f"{AUTHORITY}#E0-1"}, {f"{AUTHORITY}#E0-0"}]

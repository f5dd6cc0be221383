# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Forged notices through all stages: no pair and no packet follows from them."""

from __future__ import annotations

import logging

import pyarrow as pa
import pyarrow.parquet as pq
from helpers.chaos import ALERT, JD, TIME, Notice, alert, xml

from fink_voevent.listen import landing
from fink_voevent.listen.spool import Received
from fink_voevent.store.delta import Tables
from fink_voevent.store.filesystem import open_store

HONEST, OTHER = "honest.example:8099", "hostile.example:8099"
STREAM = "ivo://honest.obs/stream"
PLACES = {f"{STREAM}#A1": 10.0, f"{STREAM}#A2": 30.0, "GBM-727000001": 50.0}
GBM = "ivo://nasa.gsfc.gcn/Fermi#GBM_Fin_Pos_{}"
FORGED_RA = 70.0


def document(ivorn: str, ra: float, hour: int, cites=(), params=()) -> bytes:
    issued = f"{TIME:%Y-%m-%d}T{hour:02d}:00:00"
    when = f"{TIME:%Y-%m-%dT%H:%M:%S}"
    place = (ra, 5.0, 1.0)
    return xml(Notice("", ivorn, issued, when, params, place, cites=cites)).encode()


def gbm(name: str, ra: float, hour: int) -> bytes:
    params = (("Packet_Type", "115", ""), ("TrigID", "727000001", ""))
    return document(GBM.format(name), ra, hour, params=params)


def send(pipeline, source: str, *raws: bytes, transport: str = "vtp") -> None:
    """Land documents of a source."""
    pipeline.spool.append([Received(raw, transport, source) for raw in raws])
    store = open_store(pipeline.settings.root).subfolder("landing")
    landing.drain(pipeline.spool, store)


def pairs(pipeline) -> dict[tuple[str, str], tuple]:
    """Return the current pairs, with what identifies their notice."""
    return {
        (row["event_id"], row["object_id"]): (row["ivorn"], row["notice_source"])
        for row in pipeline.current_pairs()
    }


def packets(pipeline) -> int:
    return sum(map(len, pipeline.topics().values()))


def test_forged_notices_change_no_pair_until_the_operator_says_so(pipeline, caplog):
    sources = f"{HONEST},{OTHER},gcn://T"
    pipeline.settings = pipeline.settings.model_copy(update={"sources": sources})
    rows = [
        alert(n, f"Z{n}", ra, 5.0, JD + 0.5, 19.0, 0.0, None, "Unknown", 0.9)
        for n, ra in enumerate((*PLACES.values(), FORGED_RA))
    ]
    table = pa.Table.from_pylist(rows, schema=ALERT)
    pq.write_table(table, pipeline.incoming / "a.parquet")
    pipeline.alerts()
    real = gbm("0", PLACES["GBM-727000001"], 13)
    honest = [document(i, ra, 13) for i, ra in PLACES.items() if i.startswith(STREAM)]
    send(pipeline, OTHER, real)  # a copy that is not trusted lands first
    pipeline.match()
    assert pairs(pipeline) == {}
    send(pipeline, "gcn/T", real, transport="kafka")
    send(pipeline, HONEST, *honest)
    pipeline.run()
    before, sent = pairs(pipeline), packets(pipeline)
    assert before == {
        ("GBM-727000001", "Z2"): (GBM.format("0"), "gcn://T"),
        (f"{STREAM}#A1", "Z0"): (f"{STREAM}#A1", HONEST),
        (f"{STREAM}#A2", "Z1"): (f"{STREAM}#A2", HONEST),
    }
    assert sent > 0

    forged = [
        document("ivo://evil.example/x#1", 80.0, 14, ((f"{STREAM}#A1", "retraction"),)),
        document(f"{STREAM}#A2", FORGED_RA, 14),  # an ivorn that was used before
        document(f"{STREAM}#A3", FORGED_RA, 14, ((f"{STREAM}#A1", "supersedes"),)),
        gbm("evil", FORGED_RA, 14),
    ]
    with caplog.at_level(logging.WARNING):
        send(pipeline, OTHER, *forged)
        pipeline.run()
    assert pairs(pipeline) == before
    assert packets(pipeline) == sent
    (warning,) = [text for text in caplog.messages if STREAM in text]
    line = warning.partition("VOEVENT_SOURCES='")[2].partition("'")[0]
    assert line == f"{HONEST}={STREAM},{OTHER}={STREAM},gcn://T"
    events = Tables(pipeline.settings.root).arrow("events", ["ivorn"])
    assert len(events) == 7  # all are kept, each once

    pipeline.settings = pipeline.settings.model_copy(update={"sources": line})
    pipeline.match()
    moved = pairs(pipeline)
    assert moved[f"{STREAM}#A1", "Z3"] == (f"{STREAM}#A3", OTHER)
    assert (f"{STREAM}#A1", "Z0") not in moved
    only = f"{HONEST}={STREAM},{OTHER},gcn://T"
    pipeline.settings = pipeline.settings.model_copy(update={"sources": only})
    pipeline.match()
    assert pairs(pipeline) == before

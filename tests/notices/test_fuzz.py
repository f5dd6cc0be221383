# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Mutated documents neither crash nor block a reader.

Each document, however damaged, becomes a row or is refused with a reason.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import time
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fink_voevent.errors import NoticeError
from fink_voevent.notices import streams
from fink_voevent.notices.gcn_json import is_json
from fink_voevent.notices.normalisation import normalise
from fink_voevent.tables.schema import arrow_schema

DATA = Path(__file__).parents[2] / "datatest"
DATATEST_DOCUMENTS = [
    p.read_bytes()
    for folder in ("voevents", "traps", "json")
    for p in sorted((DATA / folder).iterdir())
]
FRAGMENTS = [
    b"<", b">", b"&", b'"', b"\x00", b"\xff\xfe", b"]]>", b"<!--", b"<![CDATA[", b"-1",
    b"NaN", b"1e999", b"9" * 40, b"<Param/>", b"<Group>", b"</What>", b"&#0;", b"inf",
    b"<!DOCTYPE x>", b'name="TrigID"', b"0000-00-00T00:00:00", b"99999-01-01T00:00:00",
    b"<C1/>", b"<ISOTime>", b"TT-", b"GAL", "é".encode(), b' unit="arcmin"', b"{", b"}",
]  # fmt: skip
VALUE = re.compile(rb"""(?:="|>)([^<>"&]+)(?="|<)""")
JSON_VALUE = re.compile(rb"""": "?([^",\n{}\[\]]+)""")
VALUES = [
    b"-1", b"NaN", b"inf", b"1e999", b"9" * 400, b"", b" ", b"0", b"-0.0", b"1e-320",
    b"0000-00-00T00:00:00", b"99999-01-01T00:00:00", b"9999-12-31T23:59:60",
    b"0001-01-01T00:00:00+14:00", b"TT-ICRS-TOPO", b"GPS-GAL-TOPO", b"TDB", b"GAL",
    b"arcmin", b"rad", b"true", b"164", b"2", b"{TrigID}", "é ".encode(),
    b"0x10", b"1_000", b"ivo://nasa.gsfc.gcn/INTEGRAL#Wakeup", b"Dec", b"180",
    b"359.99",
    b"ivo://nasa.gsfc.gcn/Fermi#GBM_Flt_Pos", b"retraction", b"MDC", b"90.0000001",
    b"null", b"[1, 2]", b"{}", b"[]", b"1e400",
    b"ivo://gwnet/LVC#S1-999999999999999999999-Initial", b"90", b"-90", b"1e-300",
]  # fmt: skip
PARSED = pa.schema([f.with_nullable(True) for f in arrow_schema("events")])
COUNT = int(os.environ.get("FUZZ", "4000"))


def mutate(raw: bytes, rng: random.Random) -> bytes:
    """Return a document with a few faults: bytes changed, cut, repeated or inserted."""
    if rng.random() < 0.7:  # the structure is intact, but values are wrong
        for _ in range(rng.randint(1, 8)):
            pattern = JSON_VALUE if is_json(raw) else VALUE
            spots = [m.span(1) for m in pattern.finditer(raw)]
            start, stop = rng.choice(spots or [(0, 0)])
            raw = raw[:start] + rng.choice(VALUES) + raw[stop:]
        return raw
    data = bytearray(raw)
    for _ in range(rng.randint(1, 6)):
        start, fault = rng.randrange(len(data) + 1), rng.randrange(5)
        size = rng.choice((1, 3, 20, 200))
        if fault == 0:
            data[start : start + size] = b""
        elif fault == 1:
            data[start:start] = rng.choice(FRAGMENTS)
        elif fault == 2:
            data[start:start] = data[start : start + size] * rng.choice((2, 50))
        elif fault == 3 and data:
            data[start - 1] = rng.randrange(256)
        else:
            data[start : start + size] = rng.choice(FRAGMENTS)
    return bytes(data)


def row_or_reason(raw: bytes, registry: streams.Registry) -> dict:
    """Read a document as the stage ingest does: a row, or a reason in one line."""
    try:
        return normalise(raw, registry)
    except NoticeError as error:
        assert str(error)
        assert "please report" not in str(error), repr(raw)
        return {"reason": str(error), "raw": raw}


def check(documents: list[bytes], registry: streams.Registry) -> None:
    """Read `COUNT` mutated documents, with bounds on the time of each and on memory."""
    rng = random.Random(20170817)  # noqa: S311 - repeatable, not secret
    rows = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(COUNT):
        raw = mutate(rng.choice(documents), rng)
        started = time.process_time()
        rows.append(row_or_reason(raw, registry))
        assert time.process_time() - started < 2
        if len(rows) == 500:  # Arrow must accept the rows too
            pa.RecordBatch.from_pylist(rows, schema=PARSED)
            rows.clear()
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kb < 300_000


@pytest.mark.filterwarnings("ignore::erfa.ErfaWarning")
def test_mutated_test_documents_are_rows_or_reasons(registry):
    check(DATATEST_DOCUMENTS, registry)


@pytest.mark.filterwarnings("ignore::erfa.ErfaWarning")
def test_mutated_real_documents_are_rows_or_reasons(registry, real):
    check([p.read_bytes() for p in sorted((real / "voevents").iterdir())], registry)


@pytest.mark.filterwarnings("ignore::erfa.ErfaWarning")
@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_row_or_a_reason(raw):
    row_or_reason(raw, streams.load())


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="<&\x00"), max_size=30)


@pytest.mark.filterwarnings("ignore::erfa.ErfaWarning")
@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS, TEXTS, TEXTS, TEXTS)
def test_any_text_in_any_field_is_a_row_or_a_reason(time_, ra, dec, error, identity):
    escape = json.dumps(identity).replace('"', "").replace("\\", "")
    raw = (
        f'<VOEvent ivorn="ivo://nasa.gsfc.gcn/INTEGRAL#Wakeup-{escape}"><What><Param'
        f' name="TrigID" value="{escape}"/></What><WhereWhen><ObsDataLocation>'
        "<ObservationLocation><AstroCoords coord_system_id='TT-GAL-TOPO'><Time>"
        f"<TimeInstant><ISOTime>{time_}</ISOTime></TimeInstant></Time><Position2D>"
        f"<Value2><C1>{ra}</C1><C2>{dec}</C2></Value2><Error2Radius>{error}"
        "</Error2Radius></Position2D></AstroCoords></ObservationLocation>"
        "</ObsDataLocation></WhereWhen></VOEvent>"
    ).encode()
    row_or_reason(raw, streams.load())

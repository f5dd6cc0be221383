# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Mutated documents neither crash nor block a reader.

Each document, however damaged, becomes a row or is refused with a reason.
"""

from __future__ import annotations

import json
import os
import random
import resource
import time
from pathlib import Path

import pyarrow as pa
import pytest
from helpers.mutation import mutate
from hypothesis import given, settings
from hypothesis import strategies as st

from fink_voevent.errors import NoticeError
from fink_voevent.notices import streams
from fink_voevent.notices.normalisation import normalise
from fink_voevent.tables.schema import arrow_schema

DATA = Path(__file__).parents[2] / "datatest"
DATATEST_DOCUMENTS = [
    p.read_bytes()
    for folder in ("voevents", "traps", "json")
    for p in sorted((DATA / folder).iterdir())
]
PARSED = pa.schema([f.with_nullable(True) for f in arrow_schema("events")])
COUNT = int(os.environ.get("FUZZ", "2000"))


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

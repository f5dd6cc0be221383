# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Documents of files of other programs, whose columns may have any values."""

from __future__ import annotations

from datetime import datetime, timezone

import pyarrow as pa
from helpers.hostile import HONEST, gcn_json
from helpers.landed import landed

from fink_voevent.ingest.parsing import parse_batch


def parsed(registry, columns: dict[str, pa.Array]) -> tuple[dict, dict]:
    """Parse an honest and a hostile document, with other values of some columns.

    Returns
    -------
    dict, dict
        Their rows of the tables events and quarantine.
    """
    batch = landed(HONEST % 1, gcn_json(note="\ud800"))
    given = dict(zip(batch.schema.names, batch.columns, strict=True)) | columns
    changed = pa.RecordBatch.from_arrays(list(given.values()), list(given))
    rows = {name: rows.to_pylist() for name, rows in parse_batch(changed, registry)}
    (event,), (refused,) = rows["events"], rows["quarantine"]
    return event, refused


def test_texts_that_are_not_utf_8_have_replacement_characters(registry):
    offsets = pa.array([0, 3, 6], pa.int32()).buffers()[1]
    content = pa.py_buffer(b"a\xff\xfeb\xed\xa0")
    values = pa.Array.from_buffers(pa.string(), 2, [None, offsets, content])
    names = ("source", "format", "sha256", "transport")
    event, refused = parsed(registry, dict.fromkeys(names, values))
    assert event["transport"] == "a\ufffd\ufffd"
    assert {refused[name] for name in names} == {"b\ufffd\ufffd"}
    assert "please report" not in refused["reason"]


def test_times_of_reception_outside_of_1900_to_2200_are_the_nearest(registry):
    values = pa.array([2**62, -(2**62)], pa.timestamp("us", "UTC"))
    event, refused = parsed(registry, {"received_at": values})
    assert event["received_at"] == datetime(2200, 1, 1, tzinfo=timezone.utc)
    assert refused["received_at"] == datetime(1900, 1, 1, tzinfo=timezone.utc)

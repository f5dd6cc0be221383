# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
from datetime import datetime
from decimal import Decimal

import fastavro
import pyarrow as pa

from fink_voevent.route import avro

SCHEMA = pa.schema(
    [
        ("triggerId", pa.string()),
        ("candid", pa.int64()),
        ("fid", pa.int32()),
        ("rb", pa.float32()),
        ("jd", pa.float64()),
        ("good", pa.bool_()),
        ("stamp", pa.binary()),
        ("scores", pa.map_(pa.string(), pa.float64())),
        ("candidate", pa.struct([("ra", pa.float64()), ("name", pa.string())])),
        ("history", pa.list_(pa.struct([("jd", pa.float64()), ("n", pa.int32())]))),
    ]
)
ROW = {
    "triggerId": "x",
    "candid": 2**62,
    "fid": 1,
    "rb": 0.5,
    "jd": 2460324.5,
    "good": True,
    "stamp": b"\x00\xff",
    "scores": {"a": 1.0},
    "candidate": {"ra": 1.5, "name": "é"},
    "history": [{"jd": 1.0, "n": 2}, {"jd": None, "n": None}],
}


def round_trip(rows: list[dict]) -> list[dict]:
    arrow = [r | {"scores": list((r["scores"] or {}).items())} for r in rows]
    batch = pa.RecordBatch.from_pylist(arrow, schema=SCHEMA)
    out = io.BytesIO()
    avro.write_file(out, avro.avro_schema(SCHEMA), avro.records(batch), "x")
    out.seek(0)
    return list(fastavro.reader(out))


def test_values_of_every_type_are_read_back_unchanged():
    assert round_trip([ROW]) == [ROW]


def test_every_value_can_be_null():
    empty = dict.fromkeys(ROW) | {"scores": {}}
    assert round_trip([empty]) == [empty]


def test_the_same_rows_give_the_same_bytes():
    def written() -> bytes:
        out = io.BytesIO()
        avro.write_file(out, avro.avro_schema(SCHEMA), [ROW], "x")
        return out.getvalue()

    assert written() == written()


def test_records_are_named_as_spark_names_them():
    schema = avro.avro_schema(SCHEMA)
    assert schema["name"] == "topLevelRecord"
    candidate = next(f for f in schema["fields"] if f["name"] == "candidate")
    assert candidate["type"][0]["namespace"] == "topLevelRecord"
    assert candidate["type"][1] == "null"


def test_types_without_an_avro_equivalent_become_strings():
    """A new column of Fink, whatever its type, must not stop the stage."""
    when = datetime(2022, 10, 9, 13, 17)  # noqa: DTZ001 - as in the column
    kinds = {
        "when": (pa.timestamp("us"), when, "2022-10-09 13:17:00"),
        "day": (pa.date32(), when.date(), "2022-10-09"),
        "price": (pa.decimal128(5, 2), Decimal("1.50"), "1.50"),
        "none": (pa.null(), None, None),
    }
    nested = pa.list_(pa.struct([("at", pa.timestamp("us"))]))
    schema = pa.schema([(k, v[0]) for k, v in kinds.items()] + [("past", nested)])
    row = {k: v[1] for k, v in kinds.items()} | {"past": [{"at": when}]}
    batch = pa.RecordBatch.from_pylist([row], schema=schema)
    out = io.BytesIO()
    avro.write_file(out, avro.avro_schema(schema), avro.records(batch), "x")
    out.seek(0)
    (found,) = fastavro.reader(out)
    assert found == {k: v[2] for k, v in kinds.items()} | {
        "past": [{"at": "2022-10-09 13:17:00"}]
    }

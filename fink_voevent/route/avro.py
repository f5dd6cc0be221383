# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Avro packets: Arrow data and the schema that Fink's clients expect.

The schema is named as Spark names it (``topLevelRecord``), every value nullable, so
that fink-client reads our packets as it reads Fink's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import fastavro
import pyarrow as pa
from pyarrow import types

TOP_RECORD = "topLevelRecord"
ROWS_AT_ONCE = 50  # packets as Python values, a quarter of a megabyte each


def avro_schema(fields: Iterable[pa.Field]) -> dict[str, Any]:
    """Avro schema of a packet with these Arrow fields."""
    return _record(fields, TOP_RECORD, "")


def _record(fields: Iterable[pa.Field], name: str, space: str) -> dict[str, Any]:
    inner = f"{space}.{name}" if space else name
    record: dict[str, Any] = {"type": "record", "name": name}
    if space:
        record["namespace"] = space
    record["fields"] = [
        {"name": f.name, "type": [_type(f.type, f.name, inner), "null"]} for f in fields
    ]
    return record


_SIMPLE = (
    (types.is_boolean, "boolean"),
    (types.is_int64, "long"),
    (types.is_integer, "int"),
    (types.is_float32, "float"),
    (types.is_floating, "double"),
    (types.is_string, "string"),
    (types.is_large_string, "string"),
    (types.is_binary, "bytes"),
    (types.is_large_binary, "bytes"),
)


def _type(arrow: pa.DataType, name: str, space: str) -> Any:
    for test, avro in _SIMPLE:
        if test(arrow):
            return avro
    if types.is_struct(arrow):
        return _record(arrow, name, space)
    if types.is_map(arrow):
        return {"type": "map", "values": [_type(arrow.item_type, name, space), "null"]}
    if types.is_list(arrow) or types.is_large_list(arrow):
        return {
            "type": "array",
            "items": [_type(arrow.value_type, name, space), "null"],
        }
    return "string"  # of times, dates, decimals: as they are written


def records(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows of a batch as Avro values: maps as dict, the rest as Arrow gives it."""
    kinds = [(field.name, field.type) for field in batch.schema]
    return [
        {name: _value(row[name], kind) for name, kind in kinds}
        for row in batch.to_pylist()
    ]


def rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """As `records`, a few at a time in memory."""
    for start in range(0, batch.num_rows, ROWS_AT_ONCE):
        yield from records(batch.slice(start, ROWS_AT_ONCE))


def _value(value: Any, arrow: pa.DataType) -> Any:
    if value is None or any(test(arrow) for test, _ in _SIMPLE):
        return value
    if not types.is_nested(arrow):
        return str(value)
    if types.is_struct(arrow):
        return {f.name: _value(value[f.name], f.type) for f in arrow}
    if types.is_map(arrow):
        return {k: _value(v, arrow.item_type) for k, v in value}
    return [_value(v, arrow.value_type) for v in value]


def write(
    stream: BinaryIO, schema: dict[str, Any], rows: Iterable[dict[str, Any]], name: str
) -> None:
    """Write an Avro file: the same bytes for the same rows and name.

    Parameters
    ----------
    stream : binary file
    schema : dict
        Of `avro_schema`.
    rows : iterable of dict
        Taken one by one.
    name : str
        Of the file; the marker between its blocks is made from it.
    """
    marker = hashlib.md5(name.encode(), usedforsecurity=False).digest()
    fastavro.writer(
        stream, fastavro.parse_schema(schema), rows, codec="deflate", sync_marker=marker
    )

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Write packets as Avro: from Arrow data, with the schema that Fink's clients expect.

The top-level record is named ``topLevelRecord``, as Spark names it, and every value is
nullable, so that fink-client reads our packets as it reads those of Fink.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, BinaryIO

import fastavro
import pyarrow as pa
from pyarrow import types

TOP_RECORD = "topLevelRecord"


def avro_schema(fields: Iterable[pa.Field]) -> dict[str, Any]:
    """Return the Avro schema of a packet with these Arrow fields.

    Types without an Avro equivalent here (times, dates, decimals) become strings.
    """
    return _record(fields, TOP_RECORD, "")


def _record(fields: Iterable[pa.Field], name: str, namespace: str) -> dict[str, Any]:
    inner = f"{namespace}.{name}" if namespace else name
    record: dict[str, Any] = {"type": "record", "name": name}
    if namespace:
        record["namespace"] = namespace
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


def _type(arrow: pa.DataType, name: str, namespace: str) -> Any:
    """Return the Avro type of an Arrow type."""
    for is_type, avro in _SIMPLE:
        if is_type(arrow):
            return avro
    if types.is_struct(arrow):
        return _record(arrow, name, namespace)
    if types.is_map(arrow):
        values = _type(arrow.item_type, name, namespace)
        return {"type": "map", "values": [values, "null"]}
    if types.is_list(arrow) or types.is_large_list(arrow):
        items = _type(arrow.value_type, name, namespace)
        return {"type": "array", "items": [items, "null"]}
    return "string"


def records(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return the rows of a batch as values for an Avro writer.

    Maps become dicts; values of types that `avro_schema` declares as strings become
    strings.
    """
    kinds = [(field.name, field.type) for field in batch.schema]
    return [
        {name: _value(row[name], kind) for name, kind in kinds}
        for row in batch.to_pylist()
    ]


def _value(value: Any, arrow: pa.DataType) -> Any:
    if value is None or any(is_type(arrow) for is_type, _ in _SIMPLE):
        return value
    if not types.is_nested(arrow):
        return str(value)
    if types.is_struct(arrow):
        return {f.name: _value(value[f.name], f.type) for f in arrow}
    if types.is_map(arrow):
        return {k: _value(v, arrow.item_type) for k, v in value}
    return [_value(v, arrow.value_type) for v in value]


def write_file(
    stream: BinaryIO, schema: dict[str, Any], rows: Iterable[dict[str, Any]], name: str
) -> None:
    """Write an Avro file: the same bytes for the same rows and name.

    Parameters
    ----------
    stream : binary file
        Open for writing.
    schema : dict
        From `avro_schema`.
    rows : iterable of dict
        Rows as `records` gives them; consumed one by one.
    name : str
        Name of the file. The marker between the blocks of the file derives from it,
        because a random marker would change the bytes.
    """
    marker = hashlib.md5(name.encode(), usedforsecurity=False).digest()
    fastavro.writer(
        stream, fastavro.parse_schema(schema), rows, codec="deflate", sync_marker=marker
    )

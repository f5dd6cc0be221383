# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Nested columns through `mapInArrow`, which takes only flat ones in Spark 3.4.

A struct crosses as a column for each field, a list of structs as a list for each field;
`flatten` in the worker, `nest` natively in Spark, `flat_schema` between them.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_type

JOIN = "__"


def flat_schema(schema: pa.Schema) -> pa.Schema:
    """Give the schema of what `flatten` makes of batches of `schema`."""
    fields = []
    for field in schema:
        for part in _parts(field.type):
            name = f"{field.name}{JOIN}{part.name}"
            if types.is_struct(field.type):
                fields.append(pa.field(name, part.type))
            else:
                fields.append(pa.field(name, pa.list_(part.type)))
        if not _parts(field.type):
            fields.append(field)
    return pa.schema(fields)


def _parts(kind: pa.DataType) -> list[pa.Field]:
    """Fields of a struct or of a list of structs; none of any other type."""
    if types.is_list(kind):
        kind = kind.value_type
        return list(kind) if types.is_struct(kind) else []
    return list(kind) if types.is_struct(kind) else []


def flatten(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Batch of flat columns."""
    columns = []
    for field, column in zip(batch.schema, batch.columns, strict=True):
        parts = _parts(field.type)
        if not parts:
            columns.append(column)
        elif types.is_struct(field.type):
            columns += [pc.struct_field(column, [i]) for i in range(len(parts))]
        else:
            columns += [
                pa.ListArray.from_arrays(
                    column.offsets, column.values.field(i), mask=column.is_null()
                )
                for i in range(len(parts))
            ]
    return pa.RecordBatch.from_arrays(columns, schema=flat_schema(batch.schema))


def nest(df: DataFrame, schema: pa.Schema) -> DataFrame:
    """Nested columns of a DataFrame with the columns of `flat_schema`.

    A struct whose fields are all null is null.
    """
    return df.select([_nested(field).alias(field.name) for field in schema])


def _nested(field: pa.Field) -> Column:
    parts = [F.col(f"{field.name}{JOIN}{part.name}") for part in _parts(field.type)]
    if not parts:
        return F.col(field.name)
    kind = from_arrow_type(field.type)
    if types.is_struct(field.type):
        return F.when(F.coalesce(*parts).isNotNull(), F.struct(*parts)).cast(kind)
    return F.arrays_zip(*parts).cast(kind)

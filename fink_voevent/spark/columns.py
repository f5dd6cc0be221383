# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Columns of a value, a name, or a dotted path that a schema may not have."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import ArrayType, DataType, StructType


def as_column(value: Column | str | float) -> Column:
    """Column of a column, of a name or of a number."""
    if isinstance(value, Column):
        return value
    return F.col(value) if isinstance(value, str) else F.lit(float(value))


def known(value: Column | str, otherwise: float) -> Column:
    """Column that is never null, which Spark's code then need not look at.

    For what is never null as it is declared, though not to Spark, which reads each
    column of a file as one that may be.
    """
    return F.coalesce(as_column(value), F.lit(otherwise))


def field(df: DataFrame, path: str) -> Column:
    """Column at a dotted path, null where this version of the schema has none."""
    return F.col(path) if type_of(df.schema, path) is not None else F.lit(None)


def type_of(schema: DataType, path: str) -> DataType | None:
    """Type at a dotted path, through arrays; None where there is nothing."""
    for part in path.split("."):
        if isinstance(schema, ArrayType):
            schema = schema.elementType
        if not isinstance(schema, StructType) or part not in schema.names:
            return None
        schema = schema[part].dataType
    return schema

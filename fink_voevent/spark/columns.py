# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Columns from a value, a name, or a dotted path that a schema may lack."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    MapType,
    NumericType,
    StringType,
    StructType,
)


def as_column(value: Column | str | float) -> Column:
    """Column from a column, the name of one, or a number."""
    if isinstance(value, Column):
        return value
    return F.col(value) if isinstance(value, str) else F.lit(float(value))


def known(value: Column | str, otherwise: float) -> Column:
    """Column that Spark knows to be never null, `otherwise` in place of a null.

    For columns that are declared never null in `tables`: Spark reads every column of a
    file as nullable, and the code that it generates checks each null that can be.
    """
    return F.coalesce(as_column(value), F.lit(otherwise))


def changing(number: int, beside: str) -> Column:
    """Column with a number that is another one in each batch.

    Spark writes a constant number into the code that it generates, and would compile
    the code again for each batch. As an element of an array it is a parameter.

    Parameters
    ----------
    number : int
    beside : str
        SQL of any integer, not null, that Spark does not know to be constant: without
        it Spark takes the element out of the array.
    """
    return F.expr(f"get(array({number}L), cast({beside} & 0 AS INT))")


def field(df: DataFrame, path: str) -> Column:
    """Column at a dotted path of `df`; null if its schema does not have it."""
    return F.col(path) if type_of(df.schema, path) is not None else F.lit(None)


def leaf(df: DataFrame, path: str, type_name: str) -> Column:
    """Column at a dotted path of `df`, as a number, a text or a flag.

    Parameters
    ----------
    df : DataFrame
    path : str
        Names of structs, or of maps with texts as keys, and of the value in them.
    type_name : {"double", "bigint", "string", "boolean"}

    Returns
    -------
    Column
        Null if the schema does not have the path, if it leads through a list, or if
        what is there cannot be converted.
    """
    kind: DataType | None = df.schema
    for part in path.split("."):
        if isinstance(kind, StructType) and part in kind.names:
            kind = kind[part].dataType
        elif isinstance(kind, MapType) and isinstance(kind.keyType, StringType):
            kind = kind.valueType
        else:
            kind = None
    convertible = isinstance(kind, (NumericType, StringType, BooleanType))
    return (F.col(path) if convertible else F.lit(None)).cast(type_name)


def type_of(schema: DataType, path: str) -> DataType | None:
    """Type at a dotted path, through arrays; None if there is no such field."""
    for part in path.split("."):
        if isinstance(schema, ArrayType):
            schema = schema.elementType
        if not isinstance(schema, StructType) or part not in schema.names:
            return None
        schema = schema[part].dataType
    return schema

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Our tables as Spark DataFrames: rows of committed data files, and of no other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_type
from pyspark.sql.types import StructField, StructType

from fink_voevent.store import merging
from fink_voevent.store.ledger import Manifest
from fink_voevent.tables.schema import TABLES


def read(
    spark: SparkSession, root: str, table: str, manifests: Iterable[Manifest]
) -> DataFrame:
    """Rows of a table that these manifests handed over; an empty table where none."""
    files = [f for m in manifests for f in m.tables.get(table, ())]
    return read_files(spark, root, table, files)


def read_files(
    spark: SparkSession, root: str, table: str, files: Sequence[str]
) -> DataFrame:
    """Rows of these data files of a table, relative to the root; empty where none."""
    schema = spark_schema(table)
    if not files:
        return spark.createDataFrame([], schema)
    fewest = merging.instead(root, table, files)
    return spark.read.schema(schema).parquet(*[f"{root}/{f}" for f in fewest])


def spark_schema(table: str) -> StructType:
    """Spark schema of `table`; every column nullable, as Spark reads files."""
    from pyspark.sql.types import StructType

    return StructType(
        [StructField(c.name, from_arrow_type(c.type), True) for c in TABLES[table]]
    )

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Our tables as Spark DataFrames: the rows of committed data files, and no others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_type
from pyspark.sql.types import StructField, StructType

from fink_voevent.store import merging
from fink_voevent.store.ledger import Manifest
from fink_voevent.tables.schema import TABLES


def spark_schema(table: str) -> StructType:
    """Spark schema of a table; every column nullable, as Spark reads files."""
    return StructType(
        [StructField(c.name, from_arrow_type(c.type), True) for c in TABLES[table]]
    )


def read(
    spark: SparkSession, root: str, table: str, manifests: Iterable[Manifest]
) -> DataFrame:
    """Rows of a table that these manifests commit; columns as in `tables`."""
    files = [f for m in manifests for f in m.tables.get(table, ())]
    return read_files(spark, root, table, files)


def read_files(
    spark: SparkSession, root: str, table: str, files: Sequence[str]
) -> DataFrame:
    """Rows of data files of a table; an empty DataFrame if there are no files.

    Parameters
    ----------
    spark : SparkSession
    root : str
        Folder of our tables.
    table : str
        Name of the table: the DataFrame has its columns, as declared in `tables`.
    files : sequence of str
        Paths relative to `root`.
    """
    schema = spark_schema(table)
    if not files:
        return spark.createDataFrame([], schema)
    fewest = merging.fewest_files(root, table, files)
    return spark.read.schema(schema).parquet(*[f"{root}/{f}" for f in fewest])

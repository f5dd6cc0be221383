# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Rows of our tables: of the data files that manifests hand over, and of no other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.dataset as ds

from fink_voevent import merging
from fink_voevent.ledger import Manifest
from fink_voevent.schema import arrow_schema, spark_schema
from fink_voevent.storage import open_store

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


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


def read_here(
    root: str, table: str, files: Sequence[str], columns: Sequence[str]
) -> pa.Table:
    """Columns of these data files of a table, read without Spark: for few rows."""
    schema = arrow_schema(table)
    if not files:
        return schema.empty_table().select(list(columns))
    store = open_store(root)
    fewest = merging.instead(root, table, files)
    paths = [store.at(*file.split("/")).path for file in fewest]
    return ds.dataset(paths, schema, "parquet", filesystem=store.filesystem).to_table(
        list(columns)
    )

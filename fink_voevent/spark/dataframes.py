# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Our tables as Spark DataFrames, and DataFrames as rows of our tables."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_type
from pyspark.sql.types import StructField, StructType

from fink_voevent.spark.columns import changing
from fink_voevent.store.delta import Tables, Written, staging_folder
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import (
    PARTITIONS,
    batch_column,
    column_names,
    declared_columns,
    stored_columns,
)


def spark_schema(table: str) -> StructType:
    """Spark schema of a table; every column nullable, as Spark reads files."""
    return StructType(
        [
            StructField(c.name, from_arrow_type(c.type), True)
            for c in declared_columns(table)
        ]
    )


def read(
    spark: SparkSession, tables: Tables, table: str, first: int, last: int
) -> DataFrame:
    """Rows of a table that some batches have written.

    Parameters
    ----------
    spark : SparkSession
    tables : Tables
    table : str
        The DataFrame has its columns, as declared in `tables`.
    first, last : int
        Batches, both included.
    """
    return read_files(
        spark, tables, table, tables.live_files(table, first, last), first, last
    )


def read_files(
    spark: SparkSession,
    tables: Tables,
    table: str,
    files: Sequence[str],
    first: int,
    last: int,
) -> DataFrame:
    """Rows of live files of a table that some batches have written.

    Parameters
    ----------
    spark, tables, table, first, last
        As of `read`.
    files : sequence of str
        Some of `Tables.live_files`. If there are none, the DataFrame is empty.
    """
    rows = read_stored(spark, tables, table, files)
    is_inside = within_batches(batch_column(table), first, last)
    return rows.where(is_inside).select(column_names(table))


def within_batches(column: str, first: int, last: int) -> Column:
    """Whether a number of a batch lies in a range, both ends included."""
    lowest, highest = changing(first, column), changing(last, column)
    return F.col(column).between(lowest, highest)


def read_stored(
    spark: SparkSession, tables: Tables, table: str, files: Sequence[str]
) -> DataFrame:
    """All rows of live files of a table, with the columns that are stored.

    Parameters
    ----------
    spark, tables, table, files
        As of `read_files`.
    """
    schema = StructType(
        [
            StructField(c.name, from_arrow_type(c.type), True)
            for c in stored_columns(table)
        ]
    )
    if not files:
        return spark.createDataFrame([], schema)
    folder = f"{tables.root}/{table}"
    reader = spark.read.schema(schema)
    if table in PARTITIONS:
        reader = reader.option("basePath", folder)
    return reader.parquet(*[f"{folder}/{file}" for file in files])


def append(
    tables: Tables, table: str, rows: DataFrame, stage: str, batch: int
) -> Written:
    """Write a DataFrame and commit it: see `Tables.append`.

    Parameters
    ----------
    tables : Tables
    table : str
    rows : DataFrame
        Columns of the table, without `batch_column`, or with it.
    stage : str
    batch : int
    """
    folder = staging_folder(tables.root, stage)
    try:
        write(rows, table, folder, batch)
        return tables.append(table, open_store(folder), stage, batch)
    finally:
        open_store(folder).remove()


def write(rows: DataFrame, table: str, folder: str, batch: int) -> None:
    """Write a DataFrame as files that a batch can commit to a table.

    Parameters
    ----------
    rows, table, batch
        As of `append`.
    folder : str
        Path or URI, which does not exist.
    """
    column = batch_column(table)
    if column not in rows.columns:
        rows = rows.withColumn(column, changing(batch, "spark_partition_id()"))
    writer = rows.write
    if table in PARTITIONS:
        writer = writer.partitionBy(*PARTITIONS[table])
    writer.parquet(folder)

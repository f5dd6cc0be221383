# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fink_voevent.spark import dataframes
from fink_voevent.tables import schema
from fink_voevent.tables.column import REAL

ALL = [(table, column) for table, cols in schema.TABLES.items() for column in cols]


@pytest.mark.parametrize(("table", "column"), ALL, ids=lambda x: getattr(x, "name", x))
def test_every_column_has_a_meaning_and_floats_have_a_unit(table, column):
    assert column.meaning
    if column.type == REAL:
        assert column.unit or column.name in ("x", "y", "z", "redshift")


@pytest.mark.parametrize("table", schema.TABLES)
def test_names_of_a_table_are_unique(table):
    assert len(set(schema.column_names(table))) == len(schema.column_names(table))


def test_times_are_microseconds_in_utc_as_spark_requires():
    for _, column in ALL:
        if pa.types.is_timestamp(column.type):
            assert column.type == pa.timestamp("us", tz="UTC")


def test_the_page_of_tables_is_up_to_date(datatest):
    page = datatest.parent / "docs" / "tables.md"
    assert page.read_text(encoding="utf-8") == schema.markdown()


@pytest.mark.parametrize("table", schema.TABLES)
def test_spark_reads_the_same_types_that_arrow_writes(table, spark, tmp_path: Path):
    path = tmp_path / "empty.parquet"
    nullable = pa.schema([f.with_nullable(True) for f in schema.arrow_schema(table)])
    pq.write_table(nullable.empty_table(), path)
    read = spark.read.parquet(str(path))
    assert [(f.name, f.dataType.simpleString()) for f in read.schema] == [
        (f.name, f.dataType.simpleString()) for f in dataframes.spark_schema(table)
    ]

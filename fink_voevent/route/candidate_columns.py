# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The candidate of each coincidence, as columns of its packet."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.score.candidates import KEYS
from fink_voevent.score.reports import REPORTED_ALERT, REPORTED_AS
from fink_voevent.spark import dataframes
from fink_voevent.store.delta import Tables
from fink_voevent.tables.routed import CANDIDATE_COLUMNS, REPORT_COLUMN

TABLE = "candidates"
REPORT_STATE = (REPORTED_ALERT, REPORTED_AS)  # columns that `REPORT_COLUMN` needs


def read_candidates(
    spark: SparkSession, tables: Tables, first: int, last: int
) -> DataFrame:
    """Candidates that batches of match have written: the columns that packets need.

    Parameters
    ----------
    spark : SparkSession
    tables : Tables
    first, last : int
        Batches, both included.

    Returns
    -------
    DataFrame
        `KEYS`, `batch`, the values of `CANDIDATE_COLUMNS`, and `REPORT_STATE`.
    """
    files = tables.live_files(TABLE, first, last)
    rows = dataframes.read_stored(spark, tables, TABLE, files)
    return rows.where(F.col("batch").between(first, last)).select(
        *KEYS, "batch", *CANDIDATE_COLUMNS.values(), *REPORT_STATE
    )


def with_candidates(pairs: DataFrame, candidates: DataFrame) -> DataFrame:
    """Add the columns of the candidate to coincidences.

    Each batch of match writes the candidates of all of its coincidences, so that a
    packet has its candidate as it was in the batch of its coincidence, however many
    batches are sent at once.

    Parameters
    ----------
    pairs : DataFrame
        Rows of the table coincidences.
    candidates : DataFrame
        From `read_candidates`. Without `batch`: candidates of all of `pairs`.

    Returns
    -------
    DataFrame
        The columns of `pairs`, those of `CANDIDATE_COLUMNS`, null without a candidate,
        as of coincidences in time only, and `REPORT_COLUMN`: true for each packet of a
        candidate of an earlier version, which does not say what reports it.
    """
    keys = {"event_id": F.col("event_id"), "survey": F.col("survey")}
    keys["object_id"] = object_name()
    if "batch" in candidates.columns:
        keys["batch"] = F.col("batch")
    renamed = candidates.select(
        F.struct(*keys).alias("_candidate_key"),
        *[F.col(source).alias(name) for name, source in CANDIDATE_COLUMNS.items()],
        *REPORT_STATE,
    )
    key = F.struct(*[column.alias(name) for name, column in keys.items()])
    is_report = F.col(REPORTED_AS).isNull() | F.coalesce(
        F.col("alert_id") == F.col(REPORTED_ALERT), F.lit(False)
    )
    return (
        pairs.withColumn("_candidate_key", key)
        .join(F.broadcast(renamed), "_candidate_key", "left")
        .select(*pairs.columns, *CANDIDATE_COLUMNS, is_report.alias(REPORT_COLUMN))
    )


def object_name() -> Column:
    """Name of the object of a coincidence: see `score.candidates.object_names`."""
    alone = F.concat(F.lit("alert-"), F.col("alert_id").cast("string"))
    return F.coalesce(F.col("object_id"), alone)

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The pair attached to its alert, as Fink distributes that: packets."""

from __future__ import annotations

from urllib.parse import unquote

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import DataType, StructType, TimestampType

from fink_voevent import surveys
from fink_voevent.schema import TABLES
from fink_voevent.storage import open_store

ISO = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"
# Of the pair, what the packet itself says, or what has no meaning to who reads it.
LEFT_OUT = ("magnitude", "band", "packet_file")


def coincidence_struct(packet_missing: Column) -> Column:
    """Struct `coincidence` of a packet: strings, longs, doubles and booleans only.

    No leaf is named like a leaf of a Fink schema: filters find columns by leaf name.
    """
    leaves = []
    for column in TABLES["coincidences"]:
        if column.name in LEFT_OUT:
            continue
        value = F.col(column.name)
        if pa.types.is_timestamp(column.type):
            value = F.date_format(value, ISO)
        leaves.append(value.alias(column.name))
    return F.struct(*leaves, packet_missing.alias("packet_missing"))


def trigger_id() -> Column:
    """``<event>_<version>_<alert id>_<status>``, in characters fit for file names."""
    name = F.concat_ws("_", "event_id", "event_version", "alert_id", "status")
    return F.regexp_replace(name, "[^A-Za-z0-9._-]", "-")


def _fink_columns(packets: DataFrame) -> list[Column]:
    """Columns as Fink distributes them: times as text, a null struct as nulls."""
    return [_cast(f.dataType, f.name).alias(f.name) for f in packets.schema]


def _same_path(uri: Column) -> Column:
    """URI without the slashes that Spark writes now once, now three times."""
    return F.regexp_replace(uri, "^([A-Za-z0-9]+:)/+", "$1/")


def _cast(kind: DataType, name: str) -> Column:
    if isinstance(kind, TimestampType):
        return F.col(name).cast("string")
    if isinstance(kind, StructType):
        return F.struct(*[F.col(f"{name}.{leaf}").alias(leaf) for leaf in kind.names])
    return F.col(name)


def packets(pairs: DataFrame, science: DataFrame | None, survey: str) -> DataFrame:
    """Packets of pairs.

    Parameters
    ----------
    pairs : DataFrame
        Coincidences; their `topics`, if there, become `_topics`.
    science : DataFrame or None
        Fink's science alerts of the files that the pairs name; None where none is left.
    survey : str

    Returns
    -------
    DataFrame
        One packet a pair. Where the alert is no longer there, the packet has the pair
        only, and `packet_missing` says so.
    """
    chosen = [F.col("topics").alias("_topics")] if "topics" in pairs.columns else []
    if science is None:
        return pairs.select(
            *chosen,
            *[value.alias(name) for name, value in surveys.identity(survey).items()],
            trigger_id().alias("triggerId"),
            coincidence_struct(F.lit(True)).alias("coincidence"),
        )
    key = surveys.packet_key(survey)
    pairs = pairs.withColumn("_file", _same_path(F.col("packet_file")))
    wanted = pairs.select("_file", F.col("alert_id").alias("_key")).distinct()
    alerts = (
        science.select(
            F.struct(*_fink_columns(science)).alias("alert"),
            F.col(key).cast("bigint").alias("_key"),
            _same_path(F.col("_metadata.file_path")).alias("_file"),
        )
        .join(F.broadcast(wanted), ["_file", "_key"], "left_semi")
        .dropDuplicates(["_file", "_key"])
    )
    told = surveys.identity(survey)
    own = [
        F.coalesce(f"alert.{c}", told[c]).alias(c) if c in told else F.col(f"alert.{c}")
        for c in science.columns
    ]
    joined = (
        pairs.withColumn("_key", F.col("alert_id"))
        .join(alerts, ["_file", "_key"], "left")
        .withColumn("_trigger", trigger_id())
        .withColumn("_pair", coincidence_struct(F.col("alert").isNull()))
    )
    return joined.select(
        *chosen,
        *own,
        F.col("_trigger").alias("triggerId"),
        F.col("_pair").alias("coincidence"),
    )


def science(pairs: DataFrame) -> DataFrame | None:
    """Read Fink's alerts of the files that the pairs name, as far as they are there."""
    rows = pairs.select("packet_file").distinct().collect()
    files = sorted(r.packet_file for r in rows)
    there = [f for f in files if _is_there(f)]
    if not there:
        return None
    reader = pairs.sparkSession.read.option("mergeSchema", "true")
    return reader.parquet(*map(unquote, there))  # Spark tells them encoded, reads plain


def _is_there(uri: str) -> bool:
    folder, _, name = uri.rpartition("/")
    return open_store(folder).exists(name)

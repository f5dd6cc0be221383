# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The pair attached to its alert, as Fink distributes that: packets."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import DataType, StructType, TimestampNTZType, TimestampType

from fink_voevent.alerts import surveys, thin_alerts
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import TABLES

ISO = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"
# Of the pair, what the packet itself says, or what has no meaning to who reads it.
FILE = "_file"  # column: Fink's file that holds an alert
PAIR = "_coincidence"  # column: the pair as it is recorded
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
    """Name a packet, in characters fit for file names.

    ``<event>_<version>_<alert id>_<status>_<batch>``: a notice may renew a pair more
    than once, as when its map comes or another instrument saw the event too.
    """
    name = F.concat_ws("_", "event_id", "event_version", "alert_id", "status", "batch")
    return F.regexp_replace(name, "[^A-Za-z0-9._-]", "-")


def _fink_columns(packets: DataFrame, names: list[str]) -> list[tuple[str, Column]]:
    """Columns as Fink distributes them: times as text, a null struct as nulls."""
    kinds = {f.name: f.dataType for f in packets.schema}
    return [(name, _cast(kinds[name], name)) for name in names]


def _same_path(uri: Column) -> Column:
    """URI without the slashes that Spark writes now once, now three times."""
    return F.regexp_replace(uri, "^([A-Za-z0-9]+:)/+", "$1/")


def _cast(kind: DataType, name: str) -> Column:
    if isinstance(kind, (TimestampType, TimestampNTZType)):
        return F.col(name).cast("string")
    if isinstance(kind, StructType):
        return F.struct(*[F.col(f"{name}.{leaf}").alias(leaf) for leaf in kind.names])
    return F.col(name)


def packets(pairs: DataFrame, science: DataFrame | None, survey: str) -> DataFrame:
    """Packets of pairs.

    Parameters
    ----------
    pairs : DataFrame
        Coincidences.
    science : DataFrame or None
        Fink's science alerts of the files that the pairs name; None where none is left.
    survey : str

    Returns
    -------
    DataFrame
        One packet a pair, and beside it, in `PAIR`, the coincidence as it came. Where
        the alert is no longer there, the packet has the pair only, and `packet_missing`
        says so.
    """
    recorded = F.struct(*pairs.columns).alias(PAIR)
    if science is None:
        return pairs.select(
            recorded,
            *[
                value.alias(name)
                for name, value in thin_alerts.identity_columns(survey).items()
            ],
            trigger_id().alias("triggerId"),
            coincidence_struct(F.lit(True)).alias("coincidence"),
        )
    told = thin_alerts.identity_columns(survey)
    own = [
        F.coalesce(f"_alert_{c}", told[c]).alias(c)
        if c in told
        else F.col(f"_alert_{c}").alias(c)
        for c in _own_columns(science)
    ]
    joined = (
        pairs.withColumn("_key", F.col("alert_id"))
        .join(_alerts_of(pairs, science, survey), "_key", "left")
        .withColumn("_trigger", trigger_id())
        .withColumn("_pair", coincidence_struct(F.col("_found").isNull()))
    )
    return joined.select(
        recorded,
        *own,
        F.col("_trigger").alias("triggerId"),
        F.col("_pair").alias("coincidence"),
    )


def _own_columns(science: DataFrame) -> list[str]:
    return [c for c in science.columns if c != FILE]


def _alerts_of(pairs: DataFrame, science: DataFrame, survey: str) -> DataFrame:
    """Alerts of pairs by `_key`, each once: of its own file, if that is there."""
    wanted = pairs.select(
        F.col("alert_id").alias("_key"), _same_path(F.col("packet_file")).alias("_own")
    ).distinct()
    best = Window.partitionBy("_key").orderBy(F.expr(f"{FILE} = _own").desc(), FILE)
    columns = _fink_columns(science, _own_columns(science))
    return (
        science.select(
            *[c.alias(f"_alert_{n}") for n, c in columns],
            F.col(surveys.packet_key(survey)).cast("bigint").alias("_key"),
            FILE,
        )
        .join(F.broadcast(wanted), "_key")
        .withColumn("_rank", F.row_number().over(best))
        .where("_rank = 1")
        .drop("_rank", "_own", FILE)
        .withColumn("_found", F.lit(True))
    )


class Source(NamedTuple):
    """Fink's file that holds an alert, and the night of the alert."""

    packet_file: str
    night: str


def science(
    spark: SparkSession, sources: Iterable[Source], archive: str = ""
) -> DataFrame | None:
    """Read Fink's alerts of these files, as far as they are there.

    Parameters
    ----------
    spark : SparkSession
    sources : iterable of Source
        Of coincidences.
    archive : str, optional
        Where Fink keeps its archive: the nights of files that are gone are read there,
        as Fink clears a night once it has merged it.

    Returns
    -------
    DataFrame or None
        Fink's columns, and the file in `FILE`.
    """
    rows = set(sources)
    there = sorted({r.packet_file for r in rows if _is_there(r.packet_file)})
    nights = {r.night for r in rows if r.packet_file not in there} if archive else ()
    merged = sorted(filter(_holds, (_archived(archive, night) for night in nights)))
    parts = []
    reader = spark.read.option("mergeSchema", "true")
    if there:  # Spark tells them encoded, reads plain
        parts.append(reader.parquet(*map(unquote, there)))
    if merged:
        parts.append(reader.parquet(*merged))
    if not parts:
        return None
    told = _same_path(F.col("_metadata.file_path"))
    named = [part.withColumn(FILE, told) for part in parts]
    return functools.reduce(
        lambda one, two: one.unionByName(two, allowMissingColumns=True), named
    )


def _archived(archive: str, night: str) -> str:
    """Folder of a night in Fink's archive."""
    year, month, day = night[:4], night[4:6], night[6:]
    return f"{archive.rstrip('/')}/science/year={year}/month={month}/day={day}"


def _holds(folder: str) -> bool:
    return bool(open_store(folder).names(".parquet"))


def _is_there(uri: str) -> bool:
    folder, _, name = uri.rpartition("/")
    return open_store(folder).exists(name)

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Packets: coincidences joined with their alerts, as Fink distributes alerts."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import (
    DataType,
    StringType,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from fink_voevent.alerts import surveys, thin_alerts
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.routed import CANDIDATE_COLUMNS, REPORT_COLUMN
from fink_voevent.tables.schema import TABLES

ISO = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"  # format of times in the struct `coincidence`
FILE = "_file"  # column of alerts: URI of the Fink file that contains the alert
PAIR = "_coincidence"  # column of packets: the coincidence with all columns, unchanged

# Columns of a coincidence that its packet does not repeat: Fink's alert has the first
# two, and the path of a file means nothing to a subscriber.
NOT_REPEATED = ("magnitude", "band", "packet_file")
EVENT_LETTERS = 100  # of the name of an event in the name of a packet
FROM_ALERTS = ("object_id", "band")  # texts of a coincidence that its alert contains


class PacketFile(NamedTuple):
    """A Fink file of alerts.

    Parameters
    ----------
    packet_file : str
        URI of the file, as in the table coincidences.
    night : str
        Night of its alerts, YYYYMMDD.
    """

    packet_file: str
    night: str


def read_alerts(
    spark: SparkSession, files: Iterable[PacketFile], archive: str = ""
) -> DataFrame | None:
    """Read Fink's science alerts from files, as far as they still exist.

    Parameters
    ----------
    spark : SparkSession
    files : iterable of PacketFile
        Files that coincidences name.
    archive : str, optional
        Folder of Fink's archive. Fink merges the files of a night into its archive and
        then removes them: if a file is missing, its whole night is read from there.

    Returns
    -------
    DataFrame or None
        All columns of Fink, and `FILE`. None if nothing is left to read.
    """
    files = set(files)
    existing = sorted({f.packet_file for f in files if _exists(f.packet_file)})
    nights = {f.night for f in files if f.packet_file not in existing}
    folders = {_archive_folder(archive, night) for night in nights} if archive else ()
    archived = sorted(f for f in folders if open_store(f).names(".parquet"))
    parts = []
    reader = spark.read.option("mergeSchema", "true")
    if existing:  # the URIs that Spark reports are encoded; it reads decoded ones
        parts.append(reader.parquet(*map(unquote, existing)))
    if archived:
        parts.append(reader.parquet(*archived))
    if not parts:
        return None
    path = _same_path(F.col("_metadata.file_path"))
    return functools.reduce(
        lambda one, two: one.unionByName(two, allowMissingColumns=True),
        [part.withColumn(FILE, path) for part in parts],
    )


def _exists(uri: str) -> bool:
    folder, _, name = uri.rpartition("/")
    return open_store(folder).exists(name)


def _archive_folder(archive: str, night: str) -> str:
    """Folder of a night in Fink's archive."""
    year, month, day = night[:4], night[4:6], night[6:]
    return f"{archive.rstrip('/')}/science/year={year}/month={month}/day={day}"


def _same_path(uri: Column) -> Column:
    """Normalise a URI: Spark writes one or three slashes after the scheme."""
    return F.regexp_replace(uri, "^([A-Za-z0-9]+:)/+", "$1/")


def build_packets(pairs: DataFrame, alerts: DataFrame | None, survey: str) -> DataFrame:
    """Join coincidences with their alerts.

    Parameters
    ----------
    pairs : DataFrame
        Rows of the table coincidences, with the columns of their candidates: from
        `candidate_columns.with_candidates`.
    alerts : DataFrame or None
        Fink's science alerts with `FILE`, from `read_alerts`. None if there are none.
    survey : {"ztf", "rubin"}

    Returns
    -------
    DataFrame
        One packet for each pair:

        - `PAIR`: struct of all columns of the coincidence;
        - the columns of Fink's alert, as Fink distributes them: times as strings. All
          are null but those of the identity if the alert is missing; without `alerts`
          there are only those of the identity (`thin_alerts.identity_columns`);
        - `triggerId`: see `trigger_id`;
        - `coincidence`: see `coincidence_struct`; its field `packet_missing` is true if
          the alert is missing.
    """
    pairs = pairs.withColumns({name: _as_utf8(F.col(name)) for name in FROM_ALERTS})
    recorded = F.struct(*pairs.columns).alias(PAIR)
    identity = thin_alerts.identity_columns(survey)
    if alerts is None:
        return pairs.select(
            recorded,
            *[value.alias(name) for name, value in identity.items()],
            trigger_id().alias("triggerId"),
            coincidence_struct(F.lit(True)).alias("coincidence"),
        )
    columns = [
        F.coalesce(f"_alert_{name}", identity[name]).alias(name)
        if name in identity
        else F.col(f"_alert_{name}").alias(name)
        for name in _fink_columns(alerts)
    ]
    joined = (
        pairs.withColumn("_key", F.col("alert_id"))
        .join(_alerts_of_pairs(pairs, alerts, survey), "_key", "left")
        .withColumn("_trigger", trigger_id())
        .withColumn("_pair", coincidence_struct(F.col("_found").isNull()))
    )
    return joined.select(
        recorded,
        *columns,
        F.col("_trigger").alias("triggerId"),
        F.col("_pair").alias("coincidence"),
    )


def coincidence_struct(packet_missing: Column) -> Column:
    """Return the struct `coincidence` of a packet.

    Its fields are the columns of the table coincidences without `NOT_REPEATED`, times
    as strings in the format `ISO`, `CANDIDATE_COLUMNS`, `REPORT_COLUMN`,
    `packet_missing`, and `left_out`, the names of the parts of the packet that could
    not be sent (null if there are none). They are strings, longs, doubles and
    booleans, and arrays of strings. None has the name of a field within a Fink schema,
    because filters find columns by the last part of their name.

    Parameters
    ----------
    packet_missing : Column
        Whether the alert could not be read.
    """
    fields = []
    for column in TABLES["coincidences"]:
        if column.name in NOT_REPEATED:
            continue
        value = F.col(column.name)
        if pa.types.is_timestamp(column.type):
            value = F.date_format(value, ISO)
        fields.append(value.alias(column.name))
    fields += [F.col(name) for name in (*CANDIDATE_COLUMNS, REPORT_COLUMN)]
    fields.append(packet_missing.alias("packet_missing"))
    left_out = F.lit(None).cast("array<string>").alias("left_out")
    return F.struct(*fields, left_out)


def trigger_id() -> Column:
    """Return the name of a packet, in characters that suit file names.

    It is ``<event>_<alert id>_<status>_<batch>``. A pair is reported at most once in a
    batch, and the number of the batch rises, so that it orders the reports of a pair.
    The version of the notice is not part of it: one notice can update a pair several
    times, for example when its sky map arrives, or when another instrument detected the
    event too; and it is a number of 14 digits. An event with other
    characters in its name, or with a name that is too long for a file name, gets a part
    of the hash of its name, so that no two events have the same.
    """
    suitable = F.regexp_replace("event_id", "[^A-Za-z0-9._-]", "-")
    digest = F.substring(F.sha2(F.col("event_id"), 256), 1, 16)
    unusual = (suitable != F.col("event_id")) | (F.length("event_id") > EVENT_LETTERS)
    short = F.concat_ws("-", F.substring(suitable, 1, EVENT_LETTERS), digest)
    event = F.when(unusual, short).otherwise(suitable)
    return F.concat_ws("_", event, "alert_id", "status", "batch")


def _alerts_of_pairs(pairs: DataFrame, alerts: DataFrame, survey: str) -> DataFrame:
    """Select the alerts of pairs, each once.

    Of several copies of an alert, the one in the file that the pair names is preferred.

    Returns
    -------
    DataFrame
        `_key` (the alert's id), the columns of Fink with the prefix ``_alert_``, and
        `_found`, true.
    """
    wanted = pairs.select(
        F.col("alert_id").alias("_key"),
        _same_path(F.col("packet_file")).alias("_named_file"),
    ).distinct()
    preferred = F.expr(f"{FILE} = _named_file").desc()
    best = Window.partitionBy("_key").orderBy(preferred, FILE)
    kinds = {f.name: f.dataType for f in alerts.schema}
    return (
        alerts.select(
            *[
                _as_distributed(name, kinds[name]).alias(f"_alert_{name}")
                for name in _fink_columns(alerts)
            ],
            F.col(surveys.packet_key(survey)).cast("bigint").alias("_key"),
            FILE,
        )
        .join(F.broadcast(wanted), "_key")
        .withColumn("_rank", F.row_number().over(best))
        .where("_rank = 1")
        .drop("_rank", "_named_file", FILE)
        .withColumn("_found", F.lit(True))
    )


def _fink_columns(alerts: DataFrame) -> list[str]:
    return [name for name in alerts.columns if name != FILE]


def _as_distributed(name: str, kind: DataType) -> Column:
    """Column as Fink distributes it: a time as a string, a null struct as nulls.

    Text that is not UTF-8 gets U+FFFD, because nothing after Spark could read it.
    """
    if isinstance(kind, (TimestampType, TimestampNTZType)):
        return F.col(name).cast("string")
    if isinstance(kind, StringType):
        return _as_utf8(F.col(name))
    if isinstance(kind, StructType):
        leaves = []
        for leaf in kind:
            value = F.col(f"{name}.{leaf.name}")
            if isinstance(leaf.dataType, StringType):
                value = _as_utf8(value)
            leaves.append(value.alias(leaf.name))
        return F.struct(*leaves)
    return F.col(name)


def _as_utf8(text: Column) -> Column:
    """Replace what is not UTF-8 in a text, as Java does when it reads one."""
    return F.decode(F.encode(text, "UTF-8"), "UTF-8")

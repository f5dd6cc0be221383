# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""All fields of real alerts, sent through Kafka and read by fink-client."""

from __future__ import annotations

import math
from datetime import datetime

import fastavro
import pytest
from fink_client.consumer import AlertConsumer
from helpers.kafka_packets import brokers
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import StructType

from fink_voevent.alerts import surveys, thin_alerts
from fink_voevent.route import kafka_sink, packet_table, tally
from fink_voevent.spark.dataframes import spark_schema

FOLDERS = {
    "ztf/science_20240115": ("ztf", 849),
    "ztf/regular": ("ztf", 133),
    "rubin/rubin_test_data_10_0.parquet": ("rubin", 27),
}


def plain(value):
    """Convert a value to its form in a packet: times as strings, NaN as None."""
    if isinstance(value, datetime):
        text = value.isoformat(" ")
        return text.rstrip("0").rstrip(".") if value.microsecond else text
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, bytearray):
        return bytes(value)
    return None if isinstance(value, float) and math.isnan(value) else value


def pairs_of(science, survey: str):
    """Return a pair for each alert, with nulls in most columns."""
    known = {"event_id": "e", "event_version": 1, "status": "new", "batch": 0}
    absent = [c for c in spark_schema("routed") if c.name not in known]
    alerts = thin_alerts.thin(science, survey)
    return alerts.select(
        "*",
        *[F.lit(value).alias(name) for name, value in known.items()],
        *[
            F.lit(None).cast(c.dataType).alias(c.name)
            for c in absent
            if c.name not in alerts.columns
        ],
    )


def as_distributed(science, key: str) -> dict[int, dict]:
    """Rows by their key, as Fink distributes them: a null struct as nulls."""
    nothing = {
        f.name: dict.fromkeys(f.dataType.names)
        for f in science.schema
        if isinstance(f.dataType, StructType)
    }
    rows = [row.asDict(recursive=True) for row in science.collect()]
    return {
        row[key]: plain(
            row | {n: leaves for n, leaves in nothing.items() if row[n] is None}
        )
        for row in rows
    }


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_fink_client_reads_every_field_of_all_real_alerts(
    spark, broker, prefix, real, folder, tmp_path
):
    """fink-client reads packets, and writes files of packets."""
    survey, count = FOLDERS[folder]
    topic = f"{prefix}{folder.replace('/', '.')}"
    science = spark.read.parquet(str(real / folder))
    key = surveys.packet_key(survey)
    named = science.withColumn(packet_table.FILE, F.col("_metadata.file_path"))
    sender = brokers(broker)
    sender.create([topic])
    sender.create([f"{prefix}batches"], 1)
    packets = packet_table.build_packets(pairs_of(science, survey), named, survey).drop(
        packet_table.PAIR
    )
    packets = packets.withColumn("_topics", F.array(F.lit(topic)))
    sent = kafka_sink.Delivery(sender, f"{prefix}batches", topic, 0, 0).send(packets)
    assert sent == tally.Sent({topic: count})
    expected = as_distributed(science, key)
    kind = {"ztf": "ztf", "rubin": "lsst"}[survey]
    servers = {"bootstrap.servers": broker.plain}
    reader = AlertConsumer([topic], servers | {"group.id": "r"}, survey=kind)
    found = [plain(reader.poll(30)[1]) for _ in range(count)]
    reader.close()
    writer = AlertConsumer([topic], servers | {"group.id": "w"}, survey=kind)
    for _ in range(count):
        writer.poll_and_write(str(tmp_path), timeout=30)
    writer.close()
    files = sorted(tmp_path.glob("*.avro"))
    written = [plain(next(iter(fastavro.reader(f.open("rb"))))) for f in files]
    for one in (found, written):
        assert len(one) == count
        assert {p[key] for p in one} == set(expected)
        for packet in one:
            pair = packet.pop("coincidence")
            assert pair["alert_id"] == packet[key]
            assert pair["left_out"] is None
            assert packet.pop("triggerId") == f"e_{packet[key]}_new_0"
            assert packet == expected[packet[key]]

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Packets of alerts and events with any text in them."""

from __future__ import annotations

import re

import fastavro
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.route import file_sink, packet_table
from fink_voevent.spark.dataframes import spark_schema


def pairs(spark, event_ids: list[str]):
    """Return a pair of alert 0 with each event, and its candidate; most are null."""
    known = {"event_version": 1, "status": "new", "batch": 3, "alert_id": 0}
    rows = spark.createDataFrame([(e,) for e in event_ids], "event_id string")
    absent = [c for c in spark_schema("routed") if c.name != "event_id"]
    columns = [F.lit(known.get(c.name)).cast(c.dataType).alias(c.name) for c in absent]
    return rows.coalesce(1).select("event_id", *columns)


def alerts(spark):
    """Return an alert with text that is not UTF-8 in three places."""
    broken = F.expr("cast(X'41ff42' AS string)")
    return spark.range(1).select(
        F.col("id").alias("candid"),
        broken.alias("objectId"),
        F.struct(broken.alias("field"), F.lit(1.5).alias("ra")).alias("candidate"),
        F.array(broken).alias("names"),
        F.lit("f").alias(packet_table.FILE),
    )


def test_text_that_is_not_utf8_stops_no_packet(spark, tmp_path):
    built = packet_table.build_packets(pairs(spark, ["e"]), alerts(spark), "ztf")
    packets = built.drop(packet_table.PAIR).withColumn(
        "_topics", F.array(F.lit("bronze"))
    )
    sent = file_sink.send(packets, str(tmp_path), "batch", 1)
    assert sent.counts == {"bronze": 1}
    (left_out,) = sent.left_out
    assert (left_out.packet, left_out.parts) == ("e_0_new_3", ("names",))
    with (tmp_path / "bronze" / "batch.avro").open("rb") as file:
        (read,) = fastavro.reader(file)
    assert read["objectId"] == read["candidate"]["field"] == "A\ufffdB"
    assert (read["candidate"]["ra"], read["names"]) == (1.5, None)
    assert read["coincidence"]["left_out"] == ["names"]


def test_events_with_similar_names_have_packets_with_different_names(spark):
    names = ["GRB-1", "GRB 1", "GRB/1", "GRB\x001", "G" * 101, "G" * 1_000_000, "é"]
    chosen = pairs(spark, names).select(packet_table.trigger_id()).collect()
    found = [row[0] for row in chosen]
    assert found[0] == "GRB-1_0_new_3"
    assert len(set(found)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,150}_0_new_3", one) for one in found)

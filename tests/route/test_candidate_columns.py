# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What a packet says of its candidate."""

from __future__ import annotations

from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.route.candidate_columns import with_candidates
from fink_voevent.spark.dataframes import spark_schema

CLOSE = (2_105_123_456_789_012_345, 2_105_123_456_789_012_346)  # equal as doubles
KEYS = "event_id string, survey string, object_id string, alert_id long, batch long"


def candidates(spark, rows: list[dict]):
    """Return candidates of event E; what is missing is null."""
    known = [{"event_id": "E", "survey": "ztf", **row} for row in rows]
    names = list(known[0])
    made = spark.createDataFrame([tuple(row.values()) for row in known], names)
    missing = [f for f in spark_schema("candidates") if f.name not in names]
    return made.select(
        "*", *[F.lit(None).cast(f.dataType).alias(f.name) for f in missing]
    )


def test_one_packet_reports_a_candidate_and_of_an_earlier_version_each_does(spark):
    rows = [
        {"object_id": "A", "batch": 1, "reported_alert_id": CLOSE[0],
         "reported_as": "silver fresh source"},
        {"object_id": "B", "batch": 1, "reported_alert_id": 7, "reported_as": ""},
        {"object_id": "old", "batch": 1, "reported_alert_id": None,
         "reported_as": None},
    ]  # fmt: skip
    alerts = [("A", CLOSE[0]), ("A", CLOSE[1]), ("B", 3), ("old", 4), ("old", 5)]
    pairs = spark.createDataFrame([("E", "ztf", *one, 1) for one in alerts], KEYS)
    judged = with_candidates(pairs, candidates(spark, rows)).collect()
    found = {row["alert_id"]: row["reports_candidate"] for row in judged}
    assert found == {CLOSE[0]: True, CLOSE[1]: False, 3: False, 4: True, 5: True}

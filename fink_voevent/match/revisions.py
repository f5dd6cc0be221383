# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What a new version of an event changes of what was reported of it.

The order of notices is their own (version, issue time, then identity), never that of
arrival, so that the current status of each pair is the same for any batching.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.events.versions import ORDER, newest_first
from fink_voevent.match.pairing import coincidence_id
from fink_voevent.spark.codegen import stage_end
from fink_voevent.tables.schema import names


def view(journal: DataFrame) -> DataFrame:
    """Latest coincidence of each event and alert: what holds now.

    The pairs that stand are the same for any batching and any order of arrival; whether
    one is `new` or `update`, and what was withdrawn on the way, follow the batches.
    """
    newest = Window.partitionBy("event_id", "survey", "alert_id").orderBy(
        *newest_first("status = 'retracted'", ORDER), F.col("batch").desc()
    )
    ranked = journal.withColumn("_rank", F.row_number().over(newest))
    return ranked.where("_rank = 1").drop("_rank")


def revise(
    again: DataFrame, before: DataFrame, changed: DataFrame, batch: int
) -> DataFrame:
    """Coincidences that a new version of an event makes of alerts already seen.

    Parameters
    ----------
    again : DataFrame
        `pairs` of the alerts already seen with the changed events.
    before : DataFrame
        `view` of what was reported.
    changed : DataFrame
        Rows of `latest` that are not the same as before: see `summary.changed`.
    batch : int
        That records them.

    Returns
    -------
    DataFrame
        `new` for a pair not reported; `update` for one reported; `withdrawn` (the new
        version no longer holds the alert) and `retracted` for one reported that no
        longer is, with the numbers last reported and the identity of the new notice.
    """
    key, again = ["event_id", "survey", "alert_id"], stage_end(again)
    standing = before.where(F.col("status").isin("new", "update"))
    reported = standing.select(*key, F.lit(True).alias("_reported"))
    status = F.when(F.col("_reported"), "update").otherwise("new")
    renewed = (
        again.join(reported, key, "left")
        .withColumn("status", status)
        .select(names("coincidences"))
    )
    identity = (
        *(*ORDER, "ivorn", "notice_sha256"),
        *("notice_received_at", "related_event_ids"),
    )
    newer = changed.select(
        "event_id",
        "kind",
        *[F.col(c).alias(f"_{c}") for c in identity],
        F.lit(batch).cast("bigint").alias("_batch"),
    )
    gone = (
        standing.join(again.select(*key), key, "left_anti")
        .join(F.broadcast(newer), "event_id")
        .withColumns({c: F.col(f"_{c}") for c in (*identity, "batch")})
        .withColumn(
            "status",
            F.when(F.col("kind") == "retraction", "retracted").otherwise("withdrawn"),
        )
        .withColumn("coincidence_id", coincidence_id("notice_id", "survey", "alert_id"))
        .select(names("coincidences"))
    )
    return renewed.unionByName(gone)

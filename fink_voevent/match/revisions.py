# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""How a new version of an event changes the coincidences reported before.

Notices of an event are ordered as in `versions`, which does not depend on the batches,
so that the current status of each pair is the same for any batching.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.events.versions import ORDER, newest_first
from fink_voevent.match.pairing import coincidence_id
from fink_voevent.spark.codegen import stage_end
from fink_voevent.spark.columns import changing
from fink_voevent.tables.schema import column_names

_PAIR = ["event_id", "survey", "alert_id"]  # identifies a pair


def view(journal: DataFrame) -> DataFrame:
    """Latest coincidence of each event and alert.

    The pairs with the status `new` or `update` are the same for any batching and any
    order of arrival. Which of the two a pair has, and whether pairs were withdrawn on
    the way, depends on the batches.

    Parameters
    ----------
    journal : DataFrame
        Rows of the table coincidences. Needed are `event_id`, `survey`, `alert_id`,
        `event_version`, `event_issued`, `notice_received_at`, `notice_id`, `status` and
        `batch`.

    Returns
    -------
    DataFrame
        One row of `journal` for each `event_id`, `survey` and `alert_id`.
    """
    # First by batch: a notice that counts no longer may have had a later version.
    newest = Window.partitionBy(*_PAIR).orderBy(
        F.col("batch").desc(), *newest_first("status = 'retracted'", ORDER)
    )
    ranked = journal.withColumn("_rank", F.row_number().over(newest))
    return ranked.where("_rank = 1").drop("_rank")


def revise(
    pairs: DataFrame, reported: DataFrame, changed: DataFrame, batch: int
) -> DataFrame:
    """Coincidences that new versions of events make of alerts of earlier batches.

    Parameters
    ----------
    pairs : DataFrame
        Pairs of the alerts of earlier batches with the changed events: columns of the
        table coincidences, without `status`.
    reported : DataFrame
        `view` of the coincidences reported before.
    changed : DataFrame
        Rows of `versions.latest`: events that are not the same as before (see
        `summary.changed`).
    batch : int
        Number of the batch that records the coincidences.

    Returns
    -------
    DataFrame
        Columns of the table coincidences. The status is

        - ``new`` for a pair that is not reported;
        - ``update`` for a pair that is reported;
        - ``withdrawn`` for a reported pair that is no longer one, because the new
          version does not contain the alert;
        - ``retracted`` for a reported pair of an event that is retracted.

        The last two have the numbers that were last reported and the identity of the
        new notice.
    """
    pairs = stage_end(pairs)
    valid = reported.where(F.col("status").isin("new", "update"))
    is_reported = valid.select(*_PAIR, F.lit(True).alias("_reported"))
    status = F.when(F.col("_reported"), "update").otherwise("new")
    current = (
        pairs.join(is_reported, _PAIR, "left")
        .withColumn("status", status)
        .select(column_names("coincidences"))
    )
    identity = (
        *ORDER,
        *("ivorn", "notice_sha256", "notice_source", "related_event_ids"),
    )
    new_notices = changed.select(
        "event_id",
        "kind",
        *[F.col(c).alias(f"_{c}") for c in identity],
        changing(batch, "length(kind)").alias("_batch"),
    )
    ended = (
        valid.join(pairs.select(*_PAIR), _PAIR, "left_anti")
        .join(F.broadcast(new_notices), "event_id")
        .withColumns({c: F.col(f"_{c}") for c in (*identity, "batch")})
        .withColumn(
            "status",
            F.when(F.col("kind") == "retraction", "retracted").otherwise("withdrawn"),
        )
        .withColumn("coincidence_id", coincidence_id("notice_id", "survey", "alert_id"))
        .select(column_names("coincidences"))
    )
    return current.unionByName(ended)

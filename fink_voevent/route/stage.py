# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Coincidences to topics: the alert as Fink distributes it, the pair beside it.

A packet is the alert's own packet, with one struct `coincidence` and the top-level
`triggerId`; `topics` says where it goes. A withdrawal or retraction has the numbers
last recorded of the pair that it takes back.

What went where is a table, `routed`, which `publish` reads too.
"""

from __future__ import annotations

import itertools
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence

import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming import StreamingQuery

from fink_voevent.alerts import surveys
from fink_voevent.config.settings import Settings
from fink_voevent.ingest import stage as ingest_stage
from fink_voevent.match import stage as match_stage
from fink_voevent.route import file_sink, heartbeat, kafka_sink, packet_table, topics
from fink_voevent.spark import dataframes
from fink_voevent.spark.session import tries_again
from fink_voevent.store import arrow_tables, ledger
from fink_voevent.store.kafka_brokers import KEPT, Brokers
from fink_voevent.store.lease import Fence
from fink_voevent.store.ledger import Ledger, Manifest, run_of

_LOG = logging.getLogger(__name__)
STAGE = "route"
MANIFESTS_AT_ONCE = 50


def start(spark: SparkSession, settings: Settings) -> StreamingQuery:
    """Start the stage: coincidences of each batch of match, once, to the topics."""
    root = settings.root
    source = Ledger(root, match_stage.ANNOUNCED)
    source.prepare()
    Ledger(root, STAGE).prepare()
    checkpoint = f"{root}/checkpoints/{STAGE}/{settings.survey}"
    manifests = (
        spark.readStream.option("maxFileAge", ingest_stage.FOREVER)
        # a batch is one transaction, which Kafka ends after a time: not all that
        # waited at once
        .option("maxFilesPerTrigger", MANIFESTS_AT_ONCE)
        .text(source.folder)
    )
    return (
        manifests.writeStream.foreachBatch(batch_writer(settings, run_of(checkpoint)))
        .queryName("voevent_route")
        .option("checkpointLocation", checkpoint)
        .trigger(processingTime=f"{settings.trigger_s} seconds")
        .start()
    )


def batch_writer(
    settings: Settings, run: str, level: int = logging.INFO
) -> Callable[[DataFrame, int], None]:
    """Return what `foreachBatch` calls: read the pairs, route, hand over.

    What it did is logged at `level`.
    """
    own, fence = Ledger(settings.root, STAGE), Fence.take(settings.root, STAGE)
    ways = topics.Routes(topics.routes(settings))
    send = _sender(settings, run, [topic for _, topic in ways.routes])

    def process(lines: DataFrame, batch: int) -> None:
        fence.check()
        if own.has(run, batch):
            return
        manifests = [ledger.parse(line.value) for line in lines.collect()]
        files = [f for m in manifests for f in m.tables.get("coincidences", ())]
        sources = _sources(settings, files)
        sent, tables = {}, {}
        if sources and ways.routes:
            spark = lines.sparkSession
            pairs = _pairs(spark, settings, files)
            alerts = packet_table.science(spark, sources, settings.archive_prefix)
            # made once: for the table, and for the topics
            whole = topics.select_packets(
                pairs, alerts, ways, settings.survey
            ).persist()
            follows = any(topics.FOLLOWING & found for found in sources.values())
            told = _told(spark, settings, own, (run, batch)) if follows else None
            chosen = topics.with_topics(whole, told)
            rows = topics.rows(chosen, settings.survey)
            written = own.write(rows.coalesce(1), "routed", run, batch)
            tables["routed"] = written.files
            fence.check()
            if written.rows:
                sent = send(chosen.drop(packet_table.PAIR), batch)
            whole.unpersist()
            ways.tell_failures()
        facts = {"sent": sent, "manifests": sorted(m.name for m in manifests)}
        fence.check()
        own.commit(Manifest(STAGE, run, batch, tables, facts))
        for topic, count in sent.items():
            _LOG.log(level, "route: %d packets to %s", count, topic)

    return process


def _pairs(spark: SparkSession, settings: Settings, files: Sequence[str]) -> DataFrame:
    """Coincidences of our survey, in these files; no topic is told of time alone."""
    table = dataframes.read_files(spark, settings.root, "coincidences", files)
    placed = F.col("credible_level").isNotNull()  # see `time_only`
    return table.where((F.col("survey") == settings.survey) & placed)


def _told(
    spark: SparkSession, settings: Settings, own: Ledger, now: tuple[str, int]
) -> DataFrame:
    """Rows that were routed, but for those of the run and batch that are on."""
    before = [m for m in own.manifests() if (m.run, m.batch) != now]
    return dataframes.read(spark, settings.root, "routed", before)


def _sources(
    settings: Settings, files: Sequence[str]
) -> dict[packet_table.Source, set[str]]:
    """Where the alerts of the same pairs lie, and the statuses of those."""
    columns = ("packet_file", "night", "status", "survey", "credible_level")
    found: dict[packet_table.Source, set[str]] = defaultdict(set)
    table = arrow_tables.read_arrow(settings.root, "coincidences", files, columns)
    ours = pc.field("survey") == settings.survey
    for row in table.filter(ours & pc.field("credible_level").is_valid()).to_pylist():
        found[packet_table.Source(row["packet_file"], row["night"])].add(row["status"])
    return found


def _sender(
    settings: Settings, run: str, names: list[str]
) -> Callable[[DataFrame, int], dict[str, int]]:
    """Return what sends the packets of a batch: to Kafka if set, else to files."""
    if not settings.kafka_servers:
        folder = f"{settings.root}/topics"
        return lambda df, batch: file_sink.send(df, folder, f"{run}-{batch:08d}", 2)
    servers = Brokers.of(settings)
    batches = f"{settings.topic_prefix}voevent_batches_{settings.survey}"
    suffix = surveys.topic_suffix(settings.survey)
    notices = f"{settings.topic_prefix}voevent_notices{suffix}"
    if settings.json_notices:
        names = [*names, notices]
    if settings.allow_tests:
        names = [*names, *[f"{name}{topics.TEST}" for name in names]]
    servers.create([*names, heartbeat.topic_of(settings)])
    servers.create([batches], 1, KEPT)
    handled = itertools.count()

    def send(df: DataFrame, batch: int) -> dict[str, int]:
        # the first of this process, or what Spark may do again, may have been sent
        asked = next(handled) == 0 or tries_again(df.sparkSession)
        json_topics: tuple[str, ...] = ()
        if settings.json_notices:
            df = topics.with_notices(df, notices)
            json_topics = (notices, f"{notices}{topics.TEST}")
        return kafka_sink.Delivery(
            servers, batches, run, batch, asked, json_topics
        ).send(df)

    return send

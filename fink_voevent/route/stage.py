# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The stage route: send the packets of coincidences to topics.

A packet is the packet of the alert as Fink distributes it, with two additional
top-level columns: the struct `coincidence` and the string `triggerId`. `topics` decides
where it goes. The packet of a withdrawal or retraction contains the numbers that were
last recorded for the pair.

The table `routed` records which packets went to which topics; `publish` reads it.
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
from fink_voevent.filters.discover import discover
from fink_voevent.match import stage as match_stage
from fink_voevent.route import file_sink, heartbeat, kafka_sink, packet_table, topics
from fink_voevent.route.tally import Sent
from fink_voevent.spark import dataframes
from fink_voevent.spark.queries import start_stage, stream_manifests
from fink_voevent.spark.session import retries_tasks
from fink_voevent.spark.unreadable import SPARK_ERRORS, damaged
from fink_voevent.store import arrow_tables
from fink_voevent.store.kafka_brokers import KEPT, Brokers
from fink_voevent.store.lease import Fence
from fink_voevent.store.ledger import Ledger, Manifest, run_name

_LOG = logging.getLogger(__name__)
STAGE = "route"

# Manifests of match in one batch. A batch is one transaction, which Kafka aborts after
# a timeout, so a backlog must not become one batch.
MANIFESTS_AT_ONCE = 50

# Fink files of alerts, each with the statuses of its pairs.
PacketFiles = dict[packet_table.PacketFile, set[str]]
FILE_TASKS = 2  # Spark tasks that write Avro files, if there is no Kafka


def start(spark: SparkSession, settings: Settings) -> StreamingQuery:
    """Start the stage: it sends the coincidences of each batch of match once."""
    root = settings.root
    source = Ledger(root, match_stage.ANNOUNCED)
    Ledger(root, STAGE).prepare()
    for faulty in discover(settings.filters).faulty:
        _LOG.error("%s", faulty)
    checkpoint = f"{root}/checkpoints/{STAGE}/{settings.survey}"
    manifests = stream_manifests(spark, source, MANIFESTS_AT_ONCE)
    process = batch_writer(settings, run_name(checkpoint))
    return start_stage("voevent_route", manifests, process, checkpoint, settings)


def batch_writer(
    settings: Settings, run: str, level: int = logging.INFO
) -> Callable[[DataFrame, int], None]:
    """Return the function for `foreachBatch`, which routes one batch and commits it.

    Parameters
    ----------
    settings : Settings
    run : str
        Name of the life of the checkpoint.
    level : int, optional
        Level at which the numbers of sent packets are logged.

    Returns
    -------
    callable
        Its arguments are a DataFrame with the column `value`, one manifest of match in
        each row, and the number of the batch.
    """
    committed, fence = Ledger(settings.root, STAGE), Fence.take(settings.root, STAGE)
    source = Ledger(settings.root, match_stage.ANNOUNCED)
    routes = topics.Routes(topics.list_routes(settings))
    send = _sender(settings, run, [topic for _, topic in routes.routes])

    def route(
        pairs: DataFrame, alerts: DataFrame | None, batch: int, *, has_follow_ups: bool
    ) -> tuple[Sent, tuple[str, ...]]:
        """Send the packets of a batch; return what was sent, and files of routed."""
        # persisted, because the table and the topics both use it
        selected = topics.select_packets(
            pairs, alerts, routes, settings.survey
        ).persist()
        try:
            earlier = None
            if has_follow_ups:
                spark = pairs.sparkSession
                earlier = _read_routed(spark, settings, committed, (run, batch))
            packets = topics.assign_topics(selected, earlier)
            rows = topics.routed_rows(packets, settings.survey)
            written = committed.write(rows.coalesce(1), "routed", run, batch)
            fence.check()
            sent = Sent({})
            if written.rows:
                sent = send(packets.drop(packet_table.PAIR), batch)
        finally:
            selected.unpersist()
        routes.log_failures()
        return sent, written.files

    def process(lines: DataFrame, batch: int) -> None:
        fence.check()
        if committed.has(run, batch):
            return
        manifests = source.of_lines(line.value for line in lines.collect())
        files = [f for m in manifests for f in m.tables.get("coincidences", ())]
        packet_files = _packet_files(settings, files)
        statuses = set().union(*packet_files.values())
        sent, tables = Sent({}), {}
        while statuses and routes.routes:
            spark = lines.sparkSession
            try:
                pairs = _read_pairs(spark, settings, files)
                alerts = packet_table.read_alerts(
                    spark, packet_files, settings.archive_prefix
                )
                sent, tables["routed"] = route(
                    pairs,
                    alerts,
                    batch,
                    has_follow_ups=bool(topics.FOLLOW_UPS & statuses),
                )
                break
            except SPARK_ERRORS:  # noqa: PERF203 - few iterations
                without_alerts = _damaged_files(spark, settings, packet_files)
                if not without_alerts:
                    raise
                for file in without_alerts:
                    del packet_files[file]
        facts = {**sent.record(), "manifests": sorted(m.name for m in manifests)}
        fence.check()
        committed.commit(Manifest(STAGE, run, batch, tables, facts))
        sent.log(level)

    return process


def _packet_files(settings: Settings, files: Sequence[str]) -> PacketFiles:
    """Fink files with the alerts of `_read_pairs`, and the statuses of their pairs."""
    columns = ("packet_file", "night", "status", "survey", "credible_level")
    table = arrow_tables.read_arrow(settings.root, "coincidences", files, columns)
    is_ours = pc.field("survey") == settings.survey
    located = table.filter(is_ours & pc.field("credible_level").is_valid())
    found: dict[packet_table.PacketFile, set[str]] = defaultdict(set)
    for row in located.to_pylist():
        file = packet_table.PacketFile(row["packet_file"], row["night"])
        found[file].add(row["status"])
    return found


def _damaged_files(
    spark: SparkSession, settings: Settings, packet_files: PacketFiles
) -> list[packet_table.PacketFile]:
    """Fink files that cannot be read, each logged: their alerts will be missing."""

    def read(paths: Sequence[str]) -> DataFrame:
        wanted = [file for file in packet_files if file.packet_file in paths]
        alerts = packet_table.read_alerts(spark, wanted, settings.archive_prefix)
        return spark.range(0) if alerts is None else alerts

    found = damaged([file.packet_file for file in packet_files], read)
    for path, reason in found.items():
        _LOG.error("the packets of %s are sent without the alert: %s", path, reason)
    return [file for file in packet_files if file.packet_file in found]


def _read_pairs(
    spark: SparkSession, settings: Settings, files: Sequence[str]
) -> DataFrame:
    """Read the coincidences of our survey from files of the table coincidences.

    Pairs that coincide in time only (see `match.time_only`) have no credible level and
    are not sent to topics.
    """
    table = dataframes.read_files(spark, settings.root, "coincidences", files)
    located = F.col("credible_level").isNotNull()
    return table.where((F.col("survey") == settings.survey) & located)


def _read_routed(
    spark: SparkSession, settings: Settings, committed: Ledger, current: tuple[str, int]
) -> DataFrame:
    """Read the table routed, without the rows of the current run and batch."""
    earlier = [m for m in committed.manifests() if (m.run, m.batch) != current]
    return dataframes.read(spark, settings.root, "routed", earlier)


def _sender(
    settings: Settings, run: str, topic_names: list[str]
) -> Callable[[DataFrame, int], Sent]:
    """Return the function that sends the packets of a batch: to Kafka, or to files.

    It takes the packets (with `_topics`) and the number of the batch, and returns what
    was sent. The topics of Kafka are created here.
    """
    if not settings.kafka_servers:
        folder = f"{settings.root}/topics"
        return lambda packets, batch: file_sink.send(
            packets, folder, f"{run}-{batch:08d}", FILE_TASKS
        )
    brokers = Brokers.from_settings(settings)
    batches_topic = f"{settings.topic_prefix}voevent_batches_{settings.survey}"
    suffix = surveys.topic_suffix(settings.survey)
    notice_topic = f"{settings.topic_prefix}voevent_notices{suffix}"
    notice_topics: tuple[str, ...] = ()
    if settings.json_notices:
        notice_topics = (notice_topic, f"{notice_topic}{topics.TEST_SUFFIX}")
        topic_names = [*topic_names, notice_topic]
    if settings.allow_tests:
        tests = [f"{name}{topics.TEST_SUFFIX}" for name in topic_names]
        topic_names = [*topic_names, *tests]
    brokers.create([*topic_names, heartbeat.heartbeat_topic(settings)])
    brokers.create([batches_topic], 1, KEPT)
    limits = brokers.message_limits(topic_names)
    calls = itertools.count()

    def send(packets: DataFrame, batch: int) -> Sent:
        # An earlier process may have sent the first batch of this one; Spark may have
        # sent any batch before, if it repeats failed tasks.
        may_be_sent = next(calls) == 0 or retries_tasks(packets.sparkSession)
        if settings.json_notices:
            packets = topics.add_notice_topic(packets, notice_topic)
        return kafka_sink.Delivery(
            brokers, batches_topic, run, batch, may_be_sent, notice_topics, limits
        ).send(packets)

    return send

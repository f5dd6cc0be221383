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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow.compute as pc
from confluent_kafka import KafkaException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.alerts import surveys
from fink_voevent.config.settings import Settings
from fink_voevent.filters.discover import discover
from fink_voevent.match import stage as match_stage
from fink_voevent.route import (
    candidate_columns,
    file_sink,
    heartbeat,
    kafka_sink,
    packet_table,
    topics,
)
from fink_voevent.route.tally import Sent
from fink_voevent.spark import dataframes
from fink_voevent.spark.session import retries_tasks
from fink_voevent.spark.unreadable import SPARK_ERRORS, damaged
from fink_voevent.store import upkeep
from fink_voevent.store.batches import FIRST, Batch, BatchLog, GivenFiles, Input
from fink_voevent.store.delta import Tables, clean_staging
from fink_voevent.store.filesystem import open_store
from fink_voevent.store.kafka_brokers import KEPT, Brokers

_LOG = logging.getLogger(__name__)
STAGE = "route"

# Batches of match with coincidences in one batch. A batch is one transaction, which
# Kafka aborts after a timeout, so a backlog must not become one batch.
BATCHES_AT_ONCE = 50

# Fink files of alerts, each with the statuses of its pairs.
PacketFiles = dict[packet_table.PacketFile, set[str]]
FILE_TASKS = 2  # Spark tasks that write Avro files, if there is no Kafka


def start(spark: SparkSession, settings: Settings) -> RouteStage:
    """Start the stage; filters that cannot be used are logged."""
    for faulty in discover(settings.filters).faulty:
        _LOG.error("%s", faulty)
    return RouteStage(spark, settings)


class RouteStage:
    """The stage, batch by batch: see `store.batches.Stage`.

    It sends the coincidences of each batch of match once.

    Parameters
    ----------
    spark : SparkSession
    settings : Settings
    level : int, optional
        Level at which the numbers of sent packets are logged.
    """

    def __init__(
        self, spark: SparkSession, settings: Settings, level: int = logging.INFO
    ) -> None:
        self._spark, self._settings, self._level = spark, settings, level
        self._tables = Tables(settings.root)
        self.log = BatchLog(self._tables, STAGE)
        self.files = GivenFiles()  # it reads no files of other programs
        clean_staging(settings.root, STAGE)
        self._routes = topics.Routes(topics.list_routes(settings))
        names = [topic for _, topic in self._routes.routes]
        # The tables, not their folder: another table in the same folder is not sent yet
        name = f"{settings.survey}-{self.log.identity()}"
        self._sender = _sender(settings, name, names)
        # batches up to here have nothing to send
        self._looked = self._until_before(self.log.last_done() + 1)
        # Batches that Kafka has and the table of batches has lost, as after a power
        # cut: they are recorded with the input that was sent, and not sent again.
        # If match has lost batches too, nothing can be said: they are sent again.
        matched = self.log.last_done(match_stage.STAGE)
        self._lost = {
            number: until
            for number, until in self._sender.sent().items()
            if number > self.log.last_done() and until <= matched
        }

    def _until_before(self, number: int) -> int:
        """Last batch of match that was sent before a batch."""
        last = self.log.newest_planned(self._settings.survey, before=number)
        return FIRST - 1 if last is None else last.input.until[match_stage.STAGE]

    def next_input(self) -> Input | None:
        """Return the batches of match that are sent next; None if there are none."""
        lost = self._lost.pop(self.log.last_done() + 1, None)
        if lost is not None:
            return self._input(lost)
        done = self.log.last_done(match_stage.STAGE)
        if done <= self._looked:
            return None
        number = pc.field("batch")
        is_new = (number > self._looked) & (number <= done)
        is_ours = pc.field("survey") == self._settings.survey
        found = self._tables.arrow("coincidences", ["batch"], is_new & is_ours)
        batches = sorted(pc.unique(found["batch"]).to_pylist())
        if not batches:
            self._looked = done
            return None
        last = done
        if len(batches) > BATCHES_AT_ONCE:
            last = batches[BATCHES_AT_ONCE - 1]
        return self._input(last)

    def _input(self, last: int) -> Input:
        return Input(until={match_stage.STAGE: last}, survey=self._settings.survey)

    def process(self, batch: Batch) -> Mapping[str, Any]:
        """Send the packets of coincidences, and record them in the table routed."""
        first = self._until_before(batch.number) + 1
        last = batch.input.until[match_stage.STAGE]
        packet_files = _packet_files(self._tables, self._settings, first, last)
        sent = Sent({})
        statuses = set().union(*packet_files.values())
        while statuses and self._routes.routes:
            try:
                pairs = _read_pairs(
                    self._spark, self._tables, self._settings, first, last
                )
                alerts = packet_table.read_alerts(
                    self._spark, packet_files, self._settings.archive_prefix
                )
                has_follow_ups = bool(topics.FOLLOW_UPS & statuses)
                sent = self._route(pairs, alerts, batch, has_follow_ups=has_follow_ups)
                break
            except SPARK_ERRORS:  # noqa: PERF203 - few iterations
                without_alerts = _damaged_files(
                    self._spark, self._settings, packet_files
                )
                if not without_alerts:
                    raise
                for file in without_alerts:
                    del packet_files[file]
        return {"survey": batch.input.survey, **sent.record()}

    def _route(
        self,
        pairs: DataFrame,
        alerts: DataFrame | None,
        batch: Batch,
        *,
        has_follow_ups: bool,
    ) -> Sent:
        """Send the packets of a batch; return what was sent."""
        survey = self._settings.survey
        # persisted, because the table and the topics both use it
        selected = topics.select_packets(pairs, alerts, self._routes, survey).persist()
        try:
            earlier = None
            if has_follow_ups:
                earlier = dataframes.read(
                    self._spark, self._tables, "routed", FIRST, batch.number - 1
                )
            packets = topics.assign_topics(selected, earlier)
            rows = topics.routed_rows(packets, survey).coalesce(1)
            written = dataframes.append(
                self._tables, "routed", rows, STAGE, batch.number
            )
            if not written.rows:
                return Sent({})
            return self._sender.send(packets.drop(packet_table.PAIR), batch)
        finally:
            selected.unpersist()
            self._routes.log_failures()

    def finished(self, batch: Batch, facts: Mapping[str, Any]) -> None:
        """Keep in mind what was sent, and log it."""
        self._looked = batch.input.until[match_stage.STAGE]
        upkeep.compact_if_due(self._tables, "routed")
        Sent.of_record(facts).log(self._level)


def _packet_files(
    tables: Tables, settings: Settings, first: int, last: int
) -> PacketFiles:
    """Fink files with the alerts of `_read_pairs`, and the statuses of their pairs."""
    columns = ("packet_file", "night", "status", "survey", "credible_level")
    table = tables.rows_of("coincidences", columns, first, last)
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
    spark: SparkSession, tables: Tables, settings: Settings, first: int, last: int
) -> DataFrame:
    """Read the coincidences of our survey that batches of match have recorded.

    Each has the columns of its candidate: see `candidate_columns.with_candidates`.

    Pairs that coincide in time only (see `match.time_only`) have no credible level and
    are not sent to topics.
    """
    table = dataframes.read(spark, tables, "coincidences", first, last)
    located = F.col("credible_level").isNotNull()
    pairs = table.where((F.col("survey") == settings.survey) & located)
    candidates = candidate_columns.read_candidates(spark, tables, first, last)
    return candidate_columns.with_candidates(pairs, candidates)


class Sender(Protocol):
    """Sends the packets of a batch."""

    def send(self, packets: DataFrame, batch: Batch) -> Sent:
        """Send packets (with `_topics`); return what was sent."""

    def sent(self) -> dict[int, int]:
        """Return the last batch of match in batches that were sent, by their number."""


@dataclass(frozen=True)
class _FileSender:
    """Writes packets to files, if there is no Kafka: see `file_sink`."""

    folder: str

    def send(self, packets: DataFrame, batch: Batch) -> Sent:
        name = f"{batch.input.survey}-{batch.number:09d}"
        return file_sink.send(packets, self.folder, name, FILE_TASKS)

    def sent(self) -> dict[int, int]:
        return {}  # a batch that is repeated writes the same files


@dataclass
class _KafkaSender:
    """Sends packets to Kafka, each batch in one transaction: see `kafka_sink`.

    The topics are created when this is.
    """

    settings: Settings
    name: str  # of the tables and the survey: see `Delivery.sender`
    topic_names: Sequence[str]
    _calls: Iterator[int] = field(default_factory=itertools.count)
    _sent: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = self.settings
        self._brokers = Brokers.from_settings(settings)
        self._batches = f"{settings.topic_prefix}voevent_batches_{settings.survey}"
        suffix = surveys.topic_suffix(settings.survey)
        self._notices = f"{settings.topic_prefix}voevent_notices{suffix}"
        names = list(self.topic_names)
        if settings.json_notices:
            names.append(self._notices)
        if settings.allow_tests:
            names += [f"{name}{topics.TEST_SUFFIX}" for name in names]
        self._brokers.create([*names, heartbeat.heartbeat_topic(settings)])
        self._brokers.create([self._batches], 1, KEPT)
        self._limits = self._brokers.message_limits(names)

    def send(self, packets: DataFrame, batch: Batch) -> Sent:
        # An earlier process may have sent the first batch of this one. Where there are
        # no locks, another process may have sent any batch; so may Spark, if it
        # repeats failed tasks.
        is_first = next(self._calls) == 0 or batch.number in self._sent
        has_locks = open_store(self.settings.root).is_local
        is_once = has_locks and not retries_tasks(packets.sparkSession)
        may_be_sent = is_first or not is_once
        notice_topics: tuple[str, ...] = ()
        if self.settings.json_notices:
            packets = topics.add_notice_topic(packets, self._notices)
            notice_topics = (self._notices, f"{self._notices}{topics.TEST_SUFFIX}")
        return kafka_sink.Delivery(
            *(self._brokers, self._batches, self.name, batch.number),
            *(batch.input.until[match_stage.STAGE], may_be_sent),
            *(notice_topics, self._limits),
        ).send(packets)

    def sent(self) -> dict[int, int]:
        try:
            records = kafka_sink.sent_batches(self._brokers, self._batches, self.name)
        except KafkaException as error:
            raise self._brokers.failure(error.args[0]) from None
        self._sent = {record["batch"]: record["until"] for record in records}
        return self._sent


def _sender(settings: Settings, name: str, topic_names: Sequence[str]) -> Sender:
    """Return what sends the packets: to Kafka, or to files."""
    if settings.kafka_servers:
        return _KafkaSender(settings, name, topic_names)
    return _FileSender(f"{settings.root}/topics")

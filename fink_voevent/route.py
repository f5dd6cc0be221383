# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Coincidences to topics: the alert as Fink distributes it, the pair beside it.

All filters are boolean columns of one select. A packet is the alert's own packet, with
one struct `coincidence` and the top-level `triggerId`. A withdrawal or retraction goes
where the pair went that it takes back, and has the numbers last recorded of it.

What went where is a table, `routed`, which `publish` reads too.
"""

from __future__ import annotations

import itertools
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fink_utils.spark.utils import FinkUDF, expand_function_from_string
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming import StreamingQuery
from pyspark.sql.types import BooleanType

from fink_voevent import (
    attach,
    avro_files,
    heartbeat,
    ingest,
    kafka,
    ledger,
    night,
    surveys,
)
from fink_voevent.brokers import KEPT, Brokers
from fink_voevent.filters.discover import Filter, discover
from fink_voevent.ledger import Ledger, Manifest, run_of
from fink_voevent.schema import names
from fink_voevent.settings import Settings

_LOG = logging.getLogger(__name__)
STAGE = "route"
TAKEN_BACK = frozenset({"withdrawn", "retracted"})
_TEXTS = "array<string>"
TEST = "_test"  # last part of the topics of tests and injections
LEGACY = ("grb_bronze", "grb_silver", "grb_gold", "gw_bronze")  # fink-mm's topics


@dataclass(frozen=True)
class Ways:
    """Filters, and the topic to which each leads.

    What selects the packets of a topic is made once for each schema of packets.
    """

    routes: Sequence[tuple[Filter, str]]
    _chosen: dict[str, list[Column]] = field(default_factory=dict)

    def with_topics(self, packets: DataFrame) -> DataFrame:
        """Packets and, in `_topics`, the topics whose filter selects each."""
        schema = packets.schema.json()
        if schema not in self._chosen:
            self._chosen[schema] = self._choices(packets)
        none = F.lit(None).cast("string")
        topics = F.array_compact(F.array(none, *self._chosen[schema]))
        return packets.withColumn("_topics", topics)

    def _choices(self, packets: DataFrame) -> list[Column]:
        chosen = []
        for one, topic in self.routes:
            try:
                function, columns = expand_function_from_string(packets, one.path)
            except AssertionError as error:  # fink-utils' word for: no such column
                reason = " ".join(str(error).split())
                _LOG.error("filter %s selects nothing here: %s", one.name, reason)
                continue
            wrapped = FinkUDF(function, BooleanType(), one.name, one.description)
            chosen.append(F.when(wrapped.for_spark(*columns), F.lit(topic)))
        return chosen


def decide(
    pairs: DataFrame,
    alerts: DataFrame | None,
    ways: Ways,
    told: DataFrame | None,
    survey: str,
) -> DataFrame:
    """Coincidences that go to a topic, and to which.

    Parameters
    ----------
    pairs : DataFrame
        Coincidences.
    alerts : DataFrame or None
        See `attach.packets`.
    ways : Ways
    told : DataFrame or None
        Rows of the table routed of earlier batches: what takes a pair back goes where
        the pair went, whatever a filter says of it now. None where no pair is taken
        back.
    survey : str
    """
    whole = attach.packets(pairs, alerts, survey)
    key = ["coincidence_id", "status", "batch"]
    fink = surveys.told_by_fink(whole, survey)
    passed = ways.with_topics(whole).select(
        *[F.col(f"coincidence.{name}") for name in key],
        *[column.alias(name) for name, column in fink.items()],
        F.col("_topics").alias("topics"),
    )
    decided = pairs.join(passed, key)
    if told is not None:
        decided = _with_those_before(decided, told)
    real = F.col("tense") == "observation"
    marked = F.transform("topics", lambda topic: F.concat(topic, F.lit(TEST)))
    return (
        decided.where(F.size("topics") > 0)
        .withColumn("topics", F.array_sort("topics"))
        .withColumn("topics", F.when(real, F.col("topics")).otherwise(marked))
        .select(names("routed"))
    )


def _with_those_before(decided: DataFrame, told: DataFrame) -> DataFrame:
    """Add to the topics of what takes a pair back those to which the pair went."""
    pair = ["event_id", "survey", "alert_id"]
    gone = told.unionByName(decided.select(told.columns))
    plain = F.transform(
        F.flatten(F.collect_list("topics")),
        lambda topic: F.regexp_replace(topic, f"{TEST}$", ""),
    )
    wanted = decided.where(_taken_back()).select(*pair).distinct()
    before = (
        gone.join(wanted, pair, "left_semi")
        .groupBy(*pair)
        .agg(F.array_distinct(plain).alias("_before"))
    )
    both = F.array_union("topics", F.coalesce("_before", F.array().cast(_TEXTS)))
    return decided.join(before, pair, "left").withColumn(
        "topics", F.when(_taken_back(), both).otherwise(F.col("topics"))
    )


def _taken_back() -> Column:
    return F.col("status").isin(*TAKEN_BACK)


def routes(settings: Settings) -> list[tuple[Filter, str]]:
    """List filters with their topics: prefix, name, and the survey as Fink writes it.

    With `legacy_topics`, those whose packets fink-client knows by name go there too.
    """
    filters = discover(settings.filters)
    suffix = surveys.topic_suffix(settings.survey)
    own = [(one, f"{settings.topic_prefix}{one.name}{suffix}") for one in filters]
    if not settings.legacy_topics:
        return own
    return own + [(one, f"fink_{one.name}") for one in filters if one.name in LEGACY]


def start(spark: SparkSession, settings: Settings) -> StreamingQuery:
    """Start the stage: every manifest of match, once, to the topics."""
    root = settings.root
    source = Ledger(root, night.STAGE)
    source.prepare()
    Ledger(root, STAGE).prepare()
    checkpoint = f"{root}/checkpoints/{STAGE}/{settings.survey}"
    manifests = spark.readStream.option("maxFileAge", ingest.FOREVER).text(
        source.folder
    )
    return (
        manifests.writeStream.foreachBatch(batch_writer(settings, run_of(checkpoint)))
        .queryName("voevent_route")
        .option("checkpointLocation", checkpoint)
        .trigger(processingTime=f"{settings.trigger_s} seconds")
        .start()
    )


def batch_writer(settings: Settings, run: str) -> Callable[[DataFrame, int], None]:
    """Return what `foreachBatch` calls: read the pairs, route, hand over."""
    own = Ledger(settings.root, STAGE)
    ways = Ways(routes(settings))
    send = _sender(settings, run, [topic for _, topic in ways.routes])

    def process(lines: DataFrame, batch: int) -> None:
        if own.has(run, batch):
            return
        manifests = [ledger.parse(line.value) for line in lines.collect()]
        files = [f for m in manifests for f in m.tables.get("coincidences", ())]
        sources = _sources(settings, files)
        sent: dict[str, int] = {}
        tables: dict[str, tuple[str, ...]] = {}
        if sources and ways.routes:
            spark, root = lines.sparkSession, settings.root
            table = ledger.read_files(spark, root, "coincidences", files)
            pairs = table.where(F.col("survey") == settings.survey)
            alerts = attach.science(spark, sources, settings.archive_prefix)
            told = None
            if any(TAKEN_BACK & statuses for statuses in sources.values()):
                before = [
                    m for m in own.manifests() if (m.run, m.batch) != (run, batch)
                ]
                told = ledger.read(spark, root, "routed", before)
            chosen = decide(pairs, alerts, ways, told, settings.survey).coalesce(1)
            written = own.write(chosen, "routed", run, batch)
            tables["routed"] = written.files
            routed = ledger.read_files(spark, root, "routed", written.files)
            if written.rows:
                sent = send(attach.packets(routed, alerts, settings.survey), batch)
        facts = {"sent": sent, "manifests": sorted(m.name for m in manifests)}
        own.commit(Manifest(STAGE, run, batch, tables, facts))
        for topic, count in sent.items():
            _LOG.info("route: %d packets to %s", count, topic)

    return process


def _sources(settings: Settings, files: Sequence[str]) -> dict[attach.Source, set[str]]:
    """Where the alerts of our survey's pairs lie, and the statuses of those."""
    columns = ("packet_file", "night", "status", "survey")
    found: dict[attach.Source, set[str]] = defaultdict(set)
    for row in ledger.table(settings.root, "coincidences", files, columns).to_pylist():
        if row["survey"] == settings.survey:
            found[attach.Source(row["packet_file"], row["night"])].add(row["status"])
    return found


def _sender(
    settings: Settings, run: str, topics: list[str]
) -> Callable[[DataFrame, int], dict[str, int]]:
    """Return what sends the packets of a batch: to Kafka if set, else to files."""
    if not settings.kafka_servers:
        folder = f"{settings.root}/topics"
        return lambda df, batch: avro_files.send(df, folder, f"{run}-{batch:08d}", 2)
    servers = Brokers.of(settings)
    batches = f"{settings.topic_prefix}voevent_batches_{settings.survey}"
    if settings.allow_tests:
        topics = [*topics, *[f"{topic}{TEST}" for topic in topics]]
    servers.create([*topics, heartbeat.topic_of(settings)])
    servers.create([batches], 1, KEPT)
    handled = itertools.count()

    def send(df: DataFrame, batch: int) -> dict[str, int]:
        first = next(handled) == 0  # of this process: what follows it is new
        return kafka.Delivery(servers, batches, run, batch, first).send(df)

    return send

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Which coincidences go to which topics.

All filters are boolean columns of one select. What follows on a pair, an update or what
takes it back, goes where the pair stands too: who was told of it is told the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pandas as pd
from fink_utils.spark.utils import FinkUDF, expand_function_from_string
from pyspark.accumulators import Accumulator, AccumulatorParam
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.functions import pandas_udf
from pyspark.sql.types import BooleanType

from fink_voevent.alerts import surveys, thin_alerts
from fink_voevent.config.settings import Settings
from fink_voevent.filters.discover import Filter, discover
from fink_voevent.route import packet_table
from fink_voevent.tables.schema import names

_LOG = logging.getLogger(__name__)
FOLLOWING = frozenset({"update", "withdrawn", "retracted"})
_TEXTS = "array<string>"
_FIRST = Window.unboundedPreceding
TEST = "_test"  # last part of the topics of tests and injections
Reasons = dict[str, str]  # by the filter's name
LEGACY = ("grb_bronze", "grb_silver", "grb_gold", "gw_bronze")  # fink-mm's topics


@dataclass(frozen=True)
class Routes:
    """Filters, and the topic to which each leads.

    What selects the packets of a topic is made once for each schema of packets.
    """

    routes: Sequence[tuple[Filter, str]]
    _chosen: dict[str, list[Column]] = field(default_factory=dict)
    _failed: list[Accumulator[Reasons]] = field(default_factory=list)

    def with_topics(self, packets: DataFrame) -> DataFrame:
        """Packets and, in `_topics`, the topics whose filter selects each."""
        told = packets.drop(
            packet_table.PAIR
        )  # filters find columns by their last name
        schema = told.schema.json()
        if schema not in self._chosen:
            self._chosen[schema] = self._choices(told)
        none = F.lit(None).cast("string")
        topics = F.array_compact(F.array(none, *self._chosen[schema]))
        return packets.withColumn("_topics", topics)

    def tell_failures(self) -> None:
        """Log which filters failed since this was asked last, with a reason of each."""
        for failed in self._failed:
            for name, reason in sorted(failed.value.items()):
                _LOG.error("filter %s failed on packets that it lost: %s", name, reason)
            failed.value = {}

    def _choices(self, packets: DataFrame) -> list[Column]:
        chosen = []
        context = packets.sparkSession.sparkContext
        failed = context.accumulator({}, AnyReason())
        self._failed.append(failed)
        for one, topic in self.routes:
            try:
                function, columns = expand_function_from_string(packets, one.path)
            except AssertionError as error:  # fink-utils' word for: no such column
                reason = " ".join(str(error).split())
                _LOG.error("filter %s selects nothing here: %s", one.name, reason)
                continue
            wrapped = FinkUDF(function, BooleanType(), one.name, one.description)
            guarded = _guarded(one.name, wrapped.for_pandas, failed)
            # or Spark runs it a second time, to drop rows before they are joined
            selects = pandas_udf(guarded, BooleanType()).asNondeterministic()
            chosen.append(F.when(selects(*columns), F.lit(topic)))
        return chosen


class AnyReason(AccumulatorParam[Reasons]):
    """One reason of each filter that failed, from Spark's workers to the driver."""

    def zero(self, value: Reasons) -> Reasons:
        """Nothing has failed."""
        return {}

    def addInPlace(self, value1: Reasons, value2: Reasons) -> Reasons:  # noqa: N802
        """Merge what two tasks told."""
        return {**value2, **value1}


def _guarded(
    name: str, function: Callable[..., pd.Series], failed: Accumulator[Reasons]
) -> Callable[..., pd.Series]:
    """Let a filter that fails select nothing: the others, and the stages, go on."""

    def select(*columns: pd.Series) -> pd.Series:
        try:
            chosen = pd.Series(function(*columns)).astype("boolean")
            if len(chosen) != len(columns[0]):
                raise ValueError(f"{len(chosen)} answers for {len(columns[0])} packets")
        except Exception as error:  # noqa: BLE001 - of a user's code, and told
            failed.add({name: f"{type(error).__name__}: {error}"})
            return pd.Series(data=False, index=columns[0].index)
        return chosen.fillna(value=False).astype(bool)

    return select


def select_packets(
    pairs: DataFrame, alerts: DataFrame | None, ways: Routes, survey: str
) -> DataFrame:
    """Packets of the coincidences that a filter passes, or that follow on a pair.

    Parameters
    ----------
    pairs : DataFrame
        Coincidences.
    alerts : DataFrame or None
        See `packet_table.packets`.
    ways : Ways
    survey : str

    Returns
    -------
    DataFrame
        Of `packet_table.packets`, and the topics in `_topics`.
    """
    # one task: what follows, the table and a transaction, is of one too
    whole = ways.with_topics(packet_table.packets(pairs, alerts, survey).coalesce(1))
    return whole.where((F.size("_topics") > 0) | _follows())


def with_topics(packets: DataFrame, told: DataFrame | None) -> DataFrame:
    """Packets that go to a topic, and to which.

    Parameters
    ----------
    packets : DataFrame
        Of `passed`.
    told : DataFrame or None
        Rows of the table routed of earlier batches: what follows on a pair goes where
        that stands, whatever a filter says of it now. None where nothing follows.
    """
    if told is not None:
        packets = _with_those_before(packets, told)
    real = _of_pair("tense") == "observation"
    marked = F.transform("_topics", lambda topic: F.concat(topic, F.lit(TEST)))
    topics = F.when(real, F.col("_topics")).otherwise(marked)
    return packets.where(F.size("_topics") > 0).withColumn(
        "_topics", F.array_sort(topics)
    )


def _with_those_before(packets: DataFrame, told: DataFrame) -> DataFrame:
    """Add to the topics of what follows on a pair those on which it stands.

    A pair that is taken back and raised again stands where it is told anew: not where
    it stood before, nor where its end alone was told.
    """
    pair = ["event_id", "survey", "alert_id"]
    row = [_of_pair(name) for name in (*pair, "batch", "status")]
    own = packets.select(*row, F.col("_topics").alias("topics"))
    wanted = packets.where(_follows()).select(row[: len(pair)]).distinct()
    every = told.select(own.columns).unionByName(own).join(wanted, pair, "left_semi")
    earlier = Window.partitionBy(*pair).orderBy("batch").rowsBetween(_FIRST, -1)
    ends = F.coalesce(F.sum(F.when(_ended(), 1)).over(earlier), F.lit(0))
    since = Window.partitionBy(*pair, "_ends").orderBy("batch")
    held = F.collect_list(F.when(~_ended(), F.col("topics"))).over(since)
    plain = F.transform(
        F.flatten(held), lambda topic: F.regexp_replace(topic, f"{TEST}$", "")
    )
    before = every.withColumn("_ends", ends).select(
        F.struct(*pair, "batch").alias("_pair"),
        F.array_distinct(plain).alias("_before"),
    )
    both = F.array_union("_topics", F.coalesce("_before", F.array().cast(_TEXTS)))
    return (
        packets.withColumn("_pair", F.struct(*row[: len(pair) + 1]))
        .join(before, "_pair", "left")
        .withColumn("_topics", F.when(_follows(), both).otherwise(F.col("_topics")))
        .drop("_pair", "_before")
    )


def _ended() -> Column:
    return F.col("status").isin("withdrawn", "retracted")


def rows(packets: DataFrame, survey: str) -> DataFrame:
    """Rows of the table routed, of packets that are `decided`."""
    fink = thin_alerts.fink_columns(packets, survey)
    return packets.select(
        f"{packet_table.PAIR}.*",
        F.col("_topics").alias("topics"),
        *[column.alias(name) for name, column in fink.items()],
    ).select(names("routed"))


def _of_pair(name: str) -> Column:
    return F.col(f"{packet_table.PAIR}.{name}")


def _follows() -> Column:
    return _of_pair("status").isin(*FOLLOWING)


def with_notices(packets: DataFrame, topic: str) -> DataFrame:
    """Add to the topics of packets the one of JSON notices; tests have their own."""
    real = F.col("coincidence.tense") == "observation"
    notices = F.when(real, F.lit(topic)).otherwise(F.lit(f"{topic}{TEST}"))
    return packets.withColumn("_topics", F.concat("_topics", F.array(notices)))


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

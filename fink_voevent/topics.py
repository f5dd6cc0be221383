# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Which coincidences go to which topics.

All filters are boolean columns of one select. A withdrawal or retraction goes where the
pair went that it takes back.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from fink_utils.spark.utils import FinkUDF, expand_function_from_string
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.functions import pandas_udf
from pyspark.sql.types import BooleanType

from fink_voevent import attach, surveys
from fink_voevent.filters.discover import Filter, discover
from fink_voevent.schema import names
from fink_voevent.settings import Settings

_LOG = logging.getLogger(__name__)
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
        told = packets.drop(attach.PAIR)  # filters find columns by their last name
        schema = told.schema.json()
        if schema not in self._chosen:
            self._chosen[schema] = self._choices(told)
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
            # or Spark runs it a second time, to drop rows before they are joined
            selects = pandas_udf(wrapped.for_pandas, BooleanType()).asNondeterministic()
            chosen.append(F.when(selects(*columns), F.lit(topic)))
        return chosen


def passed(
    pairs: DataFrame, alerts: DataFrame | None, ways: Ways, survey: str
) -> DataFrame:
    """Packets of the coincidences that a filter passes, or that take a pair back.

    Parameters
    ----------
    pairs : DataFrame
        Coincidences.
    alerts : DataFrame or None
        See `attach.packets`.
    ways : Ways
    survey : str

    Returns
    -------
    DataFrame
        Of `attach.packets`, and the topics in `_topics`.
    """
    # one task: what follows, the table and a transaction, is of one too
    whole = ways.with_topics(attach.packets(pairs, alerts, survey).coalesce(1))
    return whole.where((F.size("_topics") > 0) | _taken_back())


def decided(packets: DataFrame, told: DataFrame | None) -> DataFrame:
    """Packets that go to a topic, and to which.

    Parameters
    ----------
    packets : DataFrame
        Of `passed`.
    told : DataFrame or None
        Rows of the table routed of earlier batches: what takes a pair back goes where
        the pair went, whatever a filter says of it now. None where no pair is taken
        back.
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
    """Add to the topics of what takes a pair back those to which the pair went."""
    pair = ["event_id", "survey", "alert_id"]
    own = packets.select(*map(_of_pair, pair), F.col("_topics").alias("topics"))
    plain = F.transform(
        F.flatten(F.collect_list("topics")),
        lambda topic: F.regexp_replace(topic, f"{TEST}$", ""),
    )
    wanted = packets.where(_taken_back()).select(*map(_of_pair, pair)).distinct()
    before = (
        told.select(own.columns)
        .unionByName(own)
        .join(wanted, pair, "left_semi")
        .groupBy(*pair)
        .agg(F.array_distinct(plain).alias("_before"))
        .select(F.struct(*pair).alias("_pair"), "_before")
    )
    both = F.array_union("_topics", F.coalesce("_before", F.array().cast(_TEXTS)))
    return (
        packets.withColumn("_pair", F.struct(*map(_of_pair, pair)))
        .join(before, "_pair", "left")
        .withColumn("_topics", F.when(_taken_back(), both).otherwise(F.col("_topics")))
        .drop("_pair", "_before")
    )


def rows(packets: DataFrame, survey: str) -> DataFrame:
    """Rows of the table routed, of packets that are `decided`."""
    fink = surveys.told_by_fink(packets, survey)
    return packets.select(
        f"{attach.PAIR}.*",
        F.col("_topics").alias("topics"),
        *[column.alias(name) for name, column in fink.items()],
    ).select(names("routed"))


def _of_pair(name: str) -> Column:
    return F.col(f"{attach.PAIR}.{name}")


def _taken_back() -> Column:
    return _of_pair("status").isin(*TAKEN_BACK)


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

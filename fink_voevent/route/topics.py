# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Decide which coincidences go to which topics.

All filters are evaluated as boolean columns of one select. A follow-up of a pair, that
is an update, a withdrawal or a retraction, also goes to the topics to which the pair
was sent before: subscribers who received the pair receive all that changes.
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
from fink_voevent.filters.discover import Filter, describe_error, discover
from fink_voevent.route import packet_table
from fink_voevent.tables.schema import column_names

_LOG = logging.getLogger(__name__)
FOLLOW_UPS = frozenset({"update", "withdrawn", "retracted"})  # statuses
TEST_SUFFIX = "_test"  # of the topics of tests and injections
LEGACY_FILTERS = ("grb_bronze", "grb_silver", "grb_gold", "gw_bronze")  # of fink-mm
Reasons = dict[str, str]  # why filters failed, by the name of the filter


def list_routes(settings: Settings) -> list[tuple[Filter, str]]:
    """List each filter with its topic: prefix, filter name and suffix of the survey.

    With the setting `legacy_topics`, the filters that fink-client knows from fink-mm
    are listed a second time, with the topic ``fink_NAME``. Filters that cannot be used
    are not listed.
    """
    filters = discover(settings.filters).filters
    suffix = surveys.topic_suffix(settings.survey)
    routes = [(one, f"{settings.topic_prefix}{one.name}{suffix}") for one in filters]
    if settings.legacy_topics:
        legacy = [one for one in filters if one.name in LEGACY_FILTERS]
        routes += [(one, f"fink_{one.name}") for one in legacy]
    return routes


@dataclass(frozen=True)
class Routes:
    """Filters and the topics to which they send packets.

    Parameters
    ----------
    routes : sequence of (Filter, str)
        Each filter with its topic, from `list_routes`.
    """

    routes: Sequence[tuple[Filter, str]]
    # For each schema of packets, as JSON: one column for each filter, with its topic if
    # the filter selects the packet, else null. Kept, because building them takes time.
    _columns: dict[str, list[Column]] = field(default_factory=dict)
    # For each of these schemas: the filters that failed since the last `log_failures`.
    _failures: list[Accumulator[Reasons]] = field(default_factory=list)

    def apply_filters(self, packets: DataFrame) -> DataFrame:
        """Add `_topics`: for each packet, the array of topics whose filter selects it.

        A filter of which a column is missing is logged and selects nothing.

        Parameters
        ----------
        packets : DataFrame
            From `packet_table.build_packets`. Filters can use all columns and fields
            except those of `packet_table.PAIR`.
        """
        # filters find columns by the last part of the name, which PAIR would repeat
        visible = packets.drop(packet_table.PAIR)
        schema = visible.schema.json()
        if schema not in self._columns:
            self._columns[schema] = self._topic_columns(visible)
        none = F.lit(None).cast("string")
        topics = F.array_compact(F.array(none, *self._columns[schema]))
        return packets.withColumn("_topics", topics)

    def log_failures(self) -> None:
        """Log the filters that failed since the last call, with a reason of each."""
        for failures in self._failures:
            for name, reason in sorted(failures.value.items()):
                _LOG.error("filter %s failed and missed packets: %s", name, reason)
            failures.value = {}

    def _topic_columns(self, packets: DataFrame) -> list[Column]:
        columns = []
        failures = packets.sparkSession.sparkContext.accumulator({}, _ReasonsParam())
        self._failures.append(failures)
        for one, topic in self.routes:
            try:
                function, arguments = expand_function_from_string(packets, one.path)
                if not arguments:
                    raise ValueError("it has no arguments")  # noqa: TRY301
            # AssertionError of fink-utils if a column is missing; others if what is
            # callable is not a function
            except Exception as error:  # noqa: BLE001 - a user's code; it is logged
                reason = describe_error(error)
                _LOG.error("filter %s selects nothing: %s", one.name, reason)
                continue
            wrapped = FinkUDF(function, BooleanType(), one.name, one.description)
            guarded = _guarded(one.name, wrapped.for_pandas, failures)
            # not deterministic, or Spark would evaluate the filter a second time, to
            # drop rows before the join
            selects = pandas_udf(guarded, BooleanType()).asNondeterministic()
            columns.append(F.when(selects(*arguments), F.lit(topic)))
        return columns


class _ReasonsParam(AccumulatorParam[Reasons]):
    """Accumulates one reason for each filter that failed in a Spark task."""

    def zero(self, value: Reasons) -> Reasons:
        """Return the start value: no filter failed."""
        return {}

    def addInPlace(self, value1: Reasons, value2: Reasons) -> Reasons:  # noqa: N802
        """Merge the reasons of two tasks; the first one of each filter is kept."""
        return {**value2, **value1}


def _guarded(
    name: str, function: Callable[..., pd.Series], failures: Accumulator[Reasons]
) -> Callable[..., pd.Series]:
    """Wrap a filter so that it selects nothing if it fails, and stops nothing else."""

    def select(*columns: pd.Series) -> pd.Series:
        try:
            selected = pd.Series(function(*columns)).astype("boolean")
            if len(selected) != len(columns[0]):
                raise ValueError(
                    f"{len(selected)} values for {len(columns[0])} packets"
                )
        # SystemExit would end the process of the Spark task
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's code; logged
            failures.add({name: describe_error(error)})
            return pd.Series(data=False, index=columns[0].index)
        return selected.fillna(value=False).astype(bool)

    return select


def select_packets(
    pairs: DataFrame, alerts: DataFrame | None, routes: Routes, survey: str
) -> DataFrame:
    """Build the packets of coincidences that a filter selects or that are follow-ups.

    Parameters
    ----------
    pairs : DataFrame
        As of `packet_table.build_packets`.
    alerts : DataFrame or None
        Fink's science alerts, from `packet_table.read_alerts`.
    routes : Routes
    survey : {"ztf", "rubin"}

    Returns
    -------
    DataFrame
        The columns of `packet_table.build_packets`, and `_topics`, the array of the
        topics whose filter selects the packet; it can be empty for a follow-up.
    """
    # one task, since all that uses these packets, a table and a transaction, needs one
    packets = packet_table.build_packets(pairs, alerts, survey).coalesce(1)
    selected = routes.apply_filters(packets)
    return selected.where((F.size("_topics") > 0) | _is_follow_up())


def assign_topics(packets: DataFrame, earlier: DataFrame | None) -> DataFrame:
    """Decide the topics of packets; drop packets that go to no topic.

    Follow-ups also go to the topics of the earlier packets of their pair, even if the
    filters of these topics do not select them. Topics of tests and injections get the
    suffix `TEST_SUFFIX`.

    Parameters
    ----------
    packets : DataFrame
        From `select_packets`: `packet_table.PAIR`, `_topics` and other columns.
    earlier : DataFrame or None
        Rows of the table routed from earlier batches, with `event_id`, `survey`,
        `alert_id`, `batch`, `status` and `topics`. None if no packet is a follow-up.

    Returns
    -------
    DataFrame
        As `packets`, with the final `_topics`, sorted.
    """
    if earlier is not None:
        packets = _add_earlier_topics(packets, earlier)
    is_real = _pair_column("tense") == "observation"
    test_topics = F.transform("_topics", lambda t: F.concat(t, F.lit(TEST_SUFFIX)))
    topics = F.when(is_real, F.col("_topics")).otherwise(test_topics)
    return packets.where(F.size("_topics") > 0).withColumn(
        "_topics", F.array_sort(topics)
    )


def _add_earlier_topics(packets: DataFrame, earlier: DataFrame) -> DataFrame:
    """Add to the `_topics` of follow-ups the topics on which their pair is reported.

    These are the topics of the new packet and of the updates since the pair last ended,
    that is, since it was last withdrawn or retracted. So a pair that is reported again
    is on the topics of its new report, but neither on those of the report before, nor
    on those to which only its end was sent.
    """
    pair = ["event_id", "survey", "alert_id"]
    pair_columns = [_pair_column(name) for name in pair]
    batch, status = _pair_column("batch"), _pair_column("status")
    current = packets.select(
        *pair_columns, batch, status, F.col("_topics").alias("topics")
    )
    wanted = packets.where(_is_follow_up()).select(pair_columns).distinct()
    reports = earlier.select(current.columns).unionByName(current)
    reports = reports.join(wanted, pair, "left_semi")

    is_end = F.col("status").isin("withdrawn", "retracted")
    by_batch = Window.partitionBy(*pair).orderBy("batch")
    before = by_batch.rowsBetween(Window.unboundedPreceding, -1)
    ends = F.coalesce(F.sum(F.when(is_end, 1)).over(before), F.lit(0))
    since_end = Window.partitionBy(*pair, "_ends").orderBy("batch")
    reported = F.collect_list(F.when(~is_end, F.col("topics"))).over(since_end)
    without_suffix = F.transform(
        F.flatten(reported), lambda t: F.regexp_replace(t, f"{TEST_SUFFIX}$", "")
    )
    pair_topics = reports.withColumn("_ends", ends).select(
        F.struct(*pair, "batch").alias("_key"),
        F.array_distinct(without_suffix).alias("_pair_topics"),
    )
    own, no_topics = F.col("_topics"), F.array().cast("array<string>")
    union = F.array_union(own, F.coalesce("_pair_topics", no_topics))
    return (
        packets.withColumn("_key", F.struct(*pair_columns, batch))
        .join(pair_topics, "_key", "left")
        .withColumn("_topics", F.when(_is_follow_up(), union).otherwise(own))
        .drop("_key", "_pair_topics")
    )


def _pair_column(name: str) -> Column:
    return F.col(f"{packet_table.PAIR}.{name}")


def _is_follow_up() -> Column:
    return _pair_column("status").isin(*FOLLOW_UPS)


def add_notice_topic(packets: DataFrame, topic: str) -> DataFrame:
    """Add the topic of JSON notices to the `_topics` of all packets.

    Tests and injections get the topic with `TEST_SUFFIX`.

    Parameters
    ----------
    packets : DataFrame
        With `_topics`, and `coincidence` with `tense`.
    topic : str
    """
    is_real = F.col("coincidence.tense") == "observation"
    notices = F.when(is_real, F.lit(topic)).otherwise(F.lit(f"{topic}{TEST_SUFFIX}"))
    return packets.withColumn("_topics", F.concat("_topics", F.array(notices)))


def routed_rows(packets: DataFrame, survey: str) -> DataFrame:
    """Return the rows of the table routed.

    Parameters
    ----------
    packets : DataFrame
        From `assign_topics`, with the columns of Fink's alert.
    survey : {"ztf", "rubin"}

    Returns
    -------
    DataFrame
        The columns of the table routed: those of coincidences and candidates, `topics`,
        `classification` and `fink_version`.
    """
    fink = thin_alerts.fink_columns(packets, survey)
    return packets.select(
        f"{packet_table.PAIR}.*",
        F.col("_topics").alias("topics"),
        *[column.alias(name) for name, column in fink.items()],
    ).select(column_names("routed"))

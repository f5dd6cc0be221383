# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Run stages in one Spark process: ingest, match and route, or some of them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException, StreamingQueryException
from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQuery

from fink_voevent.config.settings import Settings
from fink_voevent.errors import VOEventPluginError
from fink_voevent.ingest import skymaps
from fink_voevent.ingest import stage as ingest_stage
from fink_voevent.match import night_change
from fink_voevent.match import stage as match_stage
from fink_voevent.ops import warmup
from fink_voevent.ops.supervisor import parent_lost
from fink_voevent.route import stage as route_stage
from fink_voevent.route.heartbeat import Heartbeat
from fink_voevent.spark.session import spark_session
from fink_voevent.spark.unreadable import cause
from fink_voevent.store import merging
from fink_voevent.store.lease import hold
from fink_voevent.store.ledger import Ledger

_LOG = logging.getLogger(__name__)
# Longest wait for real data to be processed, between two steps of the warm-up.
GIVE_WAY_S = 20.0
STAGES = (ingest_stage.STAGE, match_stage.STAGE, route_stage.STAGE)


def run(
    settings: Settings, stop: threading.Event, stages: Sequence[str] = STAGES
) -> None:
    """Run stages until `stop` is set, a stage fails, or our supervisor has ended.

    Parameters
    ----------
    settings : Settings
    stop : threading.Event
    stages : sequence of str, optional
        Some of `STAGES`.

    Raises
    ------
    StorageError
        If another process runs one of these stages on the same tables.
    InputError
        If the science alerts of the night do not appear within `wait_s`.
    VOEventPluginError
        If a stage fails. The message is one line; the log of Spark has the details.
    """
    with ExitStack() as leases:
        for stage in stages:
            leases.enter_context(hold(settings.root, stage))
        try:
            _run(settings, stop, stages)
        except (PySparkException, Py4JError) as error:
            _LOG.debug("%s", error)
            raise VOEventPluginError(f"Spark failed: {cause(str(error))}") from None


def _run(settings: Settings, stop: threading.Event, stages: Sequence[str]) -> None:
    is_orphaned = parent_lost()
    log = Path(settings.spool) / "spark.log"
    with spark_session(settings, "fink_voevent", log) as spark:
        _LOG.info("Spark has started; its own log is %s", log)
        queries: list[StreamingQuery] = []
        routes = route_stage.STAGE in stages
        heartbeat = Heartbeat.from_settings(settings) if routes else None

        def halted() -> bool:
            _raise_failure(queries)
            if heartbeat is not None:
                heartbeat.beat()
            return stop.wait(night_change.POLL_S) or is_orphaned()

        try:
            if ingest_stage.STAGE in stages:
                skymaps.start(settings, stop)
                queries.append(ingest_stage.start(spark, settings))
            if routes:
                queries.append(route_stage.start(spark, settings))
            _LOG.info("running: %s", ", ".join(str(q.name) for q in queries) or "-")
            night = None
            if match_stage.STAGE in stages:
                night = _start_match(spark, settings, queries, halted)
            _warm_up(spark, settings, stages, lambda: _halted_or_idle(queries, halted))
            ledgers = [Ledger(settings.root, stage) for stage in stages]
            housekeeping = merging.Housekeeping(ledgers)
            while not halted():
                housekeeping.turn(time.monotonic(), halted)
                if night is not None and night_change.has_next_night_begun(
                    settings, night
                ):
                    _stop_match(queries)
                    night = _start_match(spark, settings, queries, halted)
        finally:
            for query in queries:
                query.stop()


def _start_match(
    spark: SparkSession,
    settings: Settings,
    queries: list[StreamingQuery],
    halted: Callable[[], bool],
) -> str | None:
    """Start to match the current night and return its name; None if halted."""
    night = night_change.current_night(settings)
    query = night_change.begin(spark, settings, night, halted)
    if query is None:
        return None
    queries.append(query)
    return night


def _stop_match(queries: list[StreamingQuery]) -> None:
    """Stop the query of match, and remove it from the list."""
    for query in [q for q in queries if q.name == match_stage.QUERY]:
        query.stop()
        queries.remove(query)


def _warm_up(
    spark: SparkSession,
    settings: Settings,
    stages: Sequence[str],
    halted: Callable[[], bool],
) -> None:
    """Warm the stages up, if the night has alerts.

    `halted` is called between two steps and may wait; the warm-up ends if it returns
    True.
    """
    night = night_change.current_night(settings)
    path = night_change.science_folder(settings, night)
    if not settings.warmup_notices or night_change.read_schema(spark, path) is None:
        return
    packets = spark.read.parquet(path)
    done = 0
    steps = warmup.warm_up(spark, settings, night, packets, "-".join(stages))
    try:
        with closing(steps):
            for done in steps:
                _LOG.debug("%d artificial notices have passed all stages", done)
                if halted():
                    return
    except (PySparkException, Py4JError, OSError, VOEventPluginError) as error:
        _LOG.warning(
            "the warm-up failed, so that the first notices will be slow: %s",
            cause(str(error)),
        )
    else:
        _LOG.info("warmed up with %d artificial notices", done)


def _halted_or_idle(
    queries: Sequence[StreamingQuery], halted: Callable[[], bool]
) -> bool:
    """Wait until the queries have no data, for `GIVE_WAY_S` at most; True if halted."""
    for _ in range(int(GIVE_WAY_S / night_change.POLL_S)):
        if halted():
            return True
        if not any(query.status["isDataAvailable"] for query in queries):
            break
    return False


def _raise_failure(queries: list[StreamingQuery]) -> None:
    """Raise VOEventPluginError if a query has failed."""
    for query in queries:
        failure: StreamingQueryException | None = query.exception()
        if failure is not None:
            _LOG.debug("%s", failure)
            raise VOEventPluginError(
                f"stage {query.name} failed: {cause(str(failure))} (the log of Spark"
                " has the details)"
            )

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""One Spark process with stages: ingest, match and route, or some of them."""

from __future__ import annotations

import logging
import re
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
from fink_voevent.spark.session import build
from fink_voevent.store import merging
from fink_voevent.store.lease import hold
from fink_voevent.store.ledger import Ledger

_LOG = logging.getLogger(__name__)
_CAUSE = re.compile(r"(Caused by: )?[\w.]*(Error|Exception|Interrupt)\b")
GIVE_WAY_S = 20.0  # between two steps of the warm-up
STAGES = (ingest_stage.STAGE, match_stage.STAGE, route_stage.STAGE)


def run(
    settings: Settings, stop: threading.Event, stages: Sequence[str] = STAGES
) -> None:
    """Run stages until `stop` is set, one fails or our supervisor is gone.

    Parameters
    ----------
    settings : Settings
    stop : threading.Event
    stages : sequence of str, optional
        Some of `STAGES`.

    Raises
    ------
    StorageError
        Where another process runs one of them on the same root.
    InputError
        Where the night's science alerts do not appear within `wait_s`.
    VOEventPluginError
        Where a stage fails: one line; Spark's log has the rest.
    """
    with ExitStack() as leases:
        for stage in stages:
            leases.enter_context(hold(settings.root, stage))
        try:
            _run(settings, stop, stages)
        except (PySparkException, Py4JError) as error:
            _LOG.debug("%s", error)
            raise VOEventPluginError(f"Spark failed: {_reason(str(error))}") from None


def _run(settings: Settings, stop: threading.Event, stages: Sequence[str]) -> None:
    orphaned = parent_lost()
    log = Path(settings.spool) / "spark.log"
    spark = build(settings, "fink_voevent", log)
    _LOG.info("Spark started; its own log is %s", log)
    queries: list[StreamingQuery] = []
    heart = Heartbeat.from_settings(settings) if route_stage.STAGE in stages else None

    def halted() -> bool:
        _raise_failure(queries)
        if heart is not None:
            heart.beat()
        return stop.wait(night_change.POLL_S) or orphaned()

    try:
        if ingest_stage.STAGE in stages:
            skymaps.start(settings, stop)
            queries.append(ingest_stage.start(spark, settings))
        if route_stage.STAGE in stages:
            queries.append(route_stage.start(spark, settings))
        _LOG.info("running: %s", ", ".join(str(query.name) for query in queries) or "-")
        running = None
        if match_stage.STAGE in stages:
            running = _begin(spark, settings, queries, halted)
        _warm_up(spark, settings, stages, lambda: _halted_or_idle(queries, halted))
        few = merging.Housekeeping([Ledger(settings.root, stage) for stage in stages])
        while not halted():
            few.turn(time.monotonic(), halted)
            if running is not None and night_change.has_next_night_begun(
                settings, running
            ):
                _stop_match(queries)
                running = _begin(spark, settings, queries, halted)
    finally:
        for query in queries:
            query.stop()
        spark.stop()


def _begin(
    spark: SparkSession,
    settings: Settings,
    queries: list[StreamingQuery],
    halted: Callable[[], bool],
) -> str | None:
    """Start to match the night of now, and give its name; None where halted."""
    name = night_change.current_night(settings)
    query = night_change.begin(spark, settings, name, halted)
    if query is None:
        return None
    queries.append(query)
    return name


def _stop_match(queries: list[StreamingQuery]) -> None:
    for query in [q for q in queries if q.name == match_stage.QUERY]:
        query.stop()
        queries.remove(query)


def _warm_up(
    spark: SparkSession,
    settings: Settings,
    stages: Sequence[str],
    halted: Callable[[], bool],
) -> None:
    """Warm the stages up, if there are alerts to do it with.

    `halted` is asked between two steps, and may take its time.
    """
    tonight = night_change.current_night(settings)
    path = night_change.science_folder(settings, tonight)
    if not settings.warmup_notices or night_change.read_schema(spark, path) is None:
        return
    packets = spark.read.parquet(path)
    done = 0
    steps = warmup.warm_up(spark, settings, tonight, packets, "-".join(stages))
    try:
        with closing(steps):
            for done in steps:
                _LOG.debug("%d made-up notices went all the way", done)
                if halted():
                    return
    except (PySparkException, Py4JError, OSError, VOEventPluginError) as error:
        _LOG.warning("the first notices will be slow: %s", _reason(str(error)))
    else:
        _LOG.info("warmed up with %d made-up notices", done)


def _halted_or_idle(
    queries: Sequence[StreamingQuery], halted: Callable[[], bool]
) -> bool:
    """Let real work go first, for `GIVE_WAY_S` at most, and tell whether to stop."""
    for _ in range(int(GIVE_WAY_S / night_change.POLL_S)):
        if halted():
            return True
        if not any(query.status["isDataAvailable"] for query in queries):
            break
    return False


def _raise_failure(queries: list[StreamingQuery]) -> None:
    for query in queries:
        failure: StreamingQueryException | None = query.exception()
        if failure is not None:
            _LOG.debug("%s", failure)
            raise VOEventPluginError(
                f"stage {query.name} failed: {_reason(str(failure))} (Spark's own log"
                " has the details)"
            )


def _reason(text: str) -> str:
    """Line that names the first cause, of what Spark says of a failed query."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if _CAUSE.match(line)), lines[0])

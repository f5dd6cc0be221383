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
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from fink_voevent.config.settings import Settings
from fink_voevent.errors import StorageError, VOEventPluginError
from fink_voevent.ingest import skymaps
from fink_voevent.ingest import stage as ingest_stage
from fink_voevent.match import night_change
from fink_voevent.match import stage as match_stage
from fink_voevent.ops import warmup
from fink_voevent.ops.announcing import announce
from fink_voevent.ops.beats import beating
from fink_voevent.ops.supervisor import parent_lost
from fink_voevent.route import stage as route_stage
from fink_voevent.route.heartbeat import Heartbeat
from fink_voevent.spark.session import is_submitted, spark_session
from fink_voevent.spark.unreadable import cause
from fink_voevent.store import upkeep
from fink_voevent.store.batches import BATCHES, Stage, do_next
from fink_voevent.store.delta import Tables
from fink_voevent.store.lease import hold
from fink_voevent.store.one_commit import refuse_double_commits

_LOG = logging.getLogger(__name__)
# Longest wait for real data to be processed, between two steps of the warm-up.
GIVE_WAY_S = 20.0
STAGES = (ingest_stage.STAGE, match_stage.STAGE, route_stage.STAGE)
WRITTEN_BY = {
    ingest_stage.STAGE: (*ingest_stage.TABLES, skymaps.TABLE),
    match_stage.STAGE: ("alerts", "coincidences", "candidates", BATCHES),
    route_stage.STAGE: ("routed",),
}
SHORTEST_S = 0.2  # wait of a stage without input, if there is no interval
CLEAN_S = 3600.0  # interval between two removals of old files


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
        If another process runs one of these stages on the same tables, or the store
        does not keep two processes apart.
    InputError
        If the science alerts of the night do not appear within `wait_s`.
    VOEventPluginError
        If a stage fails. The message is one line; the log of Spark has the details.
    """
    refuse_double_commits(settings.root)
    with ExitStack() as leases:
        for stage in stages:
            leases.enter_context(hold(settings.root, stage))
        name = "stages" if len(stages) > 1 else f"voevent_{stages[0]}"
        leases.enter_context(beating(settings.root, name, stages))
        try:
            _run(settings, stop, stages)
        except (PySparkException, Py4JError) as error:
            _LOG.debug("%s", error)
            raise VOEventPluginError(f"Spark failed: {cause(str(error))}") from None
        except ConnectionError as error:
            _LOG.debug("%s", error)
            raise VOEventPluginError(
                "Spark failed: its Java process has ended, as if it was killed (is"
                " there enough memory?); the log of Spark has the details"
            ) from None


def _run(settings: Settings, stop: threading.Event, stages: Sequence[str]) -> None:
    is_orphaned = parent_lost()
    log = Path(settings.spool) / "spark.log"
    with spark_session(settings, "fink_voevent", log) as spark:
        place = "that of spark-submit" if is_submitted() else log
        _LOG.info("Spark has started; its own log is %s", place)
        running: list[StageThread] = []
        routes = route_stage.STAGE in stages
        heartbeat = Heartbeat.from_settings(settings) if routes else None

        def halted() -> bool:
            _raise_failure(running)
            if heartbeat is not None:
                heartbeat.beat()
            return stop.wait(night_change.POLL_S) or is_orphaned()

        def wake() -> None:
            for one in running:
                one.wake()

        def run_stage(stage: Stage) -> None:
            running.append(StageThread(stage, settings.trigger_s, wake))

        try:
            if ingest_stage.STAGE in stages:
                skymaps.start(settings, stop, wake)
                run_stage(ingest_stage.start(spark, settings, wake))
            if routes:
                run_stage(route_stage.start(spark, settings))
            _LOG.info("running: %s", ", ".join(one.name for one in running) or "-")
            night = None
            if match_stage.STAGE in stages:
                night = _start_match(spark, settings, run_stage, halted, wake)
            _warm_up(spark, settings, stages, lambda: _halted_or_idle(running, halted))
            cleaned_at_s = time.monotonic()
            while not halted():
                if time.monotonic() > cleaned_at_s + CLEAN_S:
                    cleaned_at_s = time.monotonic()
                    _remove_old_files(settings, stages)
                if night is not None and night_change.has_next_night_begun(
                    settings, night
                ):
                    _stop_match(running)
                    night = _start_match(spark, settings, run_stage, halted, wake)
        finally:
            for one in running:
                one.stop()


class StageThread(threading.Thread):
    """Does the batches of a stage in a thread, until it is stopped or one fails.

    Parameters
    ----------
    stage : Stage
    interval_s : float
        Longest wait before the stage looks for input again.
    wake_all : callable
        Called after each batch: other stages may have input now.
    """

    def __init__(
        self, stage: Stage, interval_s: float, wake_all: Callable[[], None]
    ) -> None:
        super().__init__(name=f"voevent_{stage.log.stage}", daemon=True)
        self._stage, self._wake_all = stage, wake_all
        self._interval_s = max(interval_s, SHORTEST_S)
        self._woken, self._stopped = threading.Event(), threading.Event()
        self.is_idle = False
        self.failure: Exception | None = None
        self.start()

    def run(self) -> None:
        """Do batches; called by the thread."""
        try:
            while not self._stopped.is_set():
                self._woken.clear()
                self.is_idle = False
                if do_next(self._stage):
                    self._wake_all()
                    if self.stage == match_stage.STAGE:
                        log = self._stage.log
                        announce(log.tables, log.last_done())
                    continue
                self.is_idle = True
                self._woken.wait(self._interval_s)
        except Exception as error:  # noqa: BLE001 - raised where the threads are watched
            self.failure = error

    def wake(self) -> None:
        """Look for input now."""
        self._woken.set()

    @property
    def stage(self) -> str:
        """Name of the stage."""
        return self._stage.log.stage

    def error(self) -> Exception | None:
        """Return the error that has ended the stage or its stream of files."""
        return self.failure or self._stage.files.exception()

    def stop(self) -> None:
        """Stop the stage, after the batch that it is doing."""
        self._stopped.set()
        self._woken.set()
        self._stage.files.stop()
        self.join()


def _start_match(
    spark: SparkSession,
    settings: Settings,
    run_stage: Callable[[Stage], None],
    halted: Callable[[], bool],
    wake: Callable[[], None],
) -> str | None:
    """Start to match the current night and return its name; None if halted."""
    night = night_change.current_night(settings)
    stage = night_change.begin(spark, settings, night, halted, wake)
    if stage is None:
        return None
    run_stage(stage)
    return night


def _stop_match(running: list[StageThread]) -> None:
    """Stop the stage match, and remove it from the list.

    Raises
    ------
    VOEventPluginError
        If it has failed meanwhile.
    """
    for one in [one for one in running if one.stage == match_stage.STAGE]:
        one.stop()
        running.remove(one)
        _raise_failure([one])


def _remove_old_files(settings: Settings, stages: Sequence[str]) -> None:
    """Remove the files that no version of the last days has, of what stages write."""
    tables = Tables(settings.root)
    for stage in stages:
        for name in WRITTEN_BY[stage]:
            try:
                upkeep.remove_old_files(tables, name, settings.history_days)
            except StorageError as error:  # noqa: PERF203 - few iterations
                _LOG.warning("old files are not removed: %s", error)


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


def _halted_or_idle(running: Sequence[StageThread], halted: Callable[[], bool]) -> bool:
    """Wait until the stages have no input, for `GIVE_WAY_S` at most; True if halted."""
    for _ in range(int(GIVE_WAY_S / night_change.POLL_S)):
        if halted():
            return True
        if all(one.is_idle for one in running):
            break
    return False


def _raise_failure(running: Sequence[StageThread]) -> None:
    """Raise the error of a stage that has failed.

    Raises
    ------
    VOEventPluginError
        With one line.
    """
    for one in running:
        error = one.error()
        if error is None:
            continue
        if isinstance(error, VOEventPluginError):
            raise error
        _LOG.debug("%s", error, exc_info=error)
        reason = cause(str(error)) if str(error) else type(error).__name__
        raise VOEventPluginError(
            f"stage {one.name} failed: {reason} (the log of Spark has the details)"
        )

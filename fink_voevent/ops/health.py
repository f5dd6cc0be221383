# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Gather what a verdict is made from: tables, records of processes, disks, clock."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from fink_voevent.config.addresses import source_addresses
from fink_voevent.config.settings import Settings
from fink_voevent.errors import StorageError
from fink_voevent.ops import beats, publishers, verdict
from fink_voevent.ops.status import INGEST, MATCH, ROUTE, Observer, Status
from fink_voevent.ops.verdict import Disk, Evidence, Verdict
from fink_voevent.publish import backlog, broadcast_report
from fink_voevent.show.views import has_tables
from fink_voevent.store.batches import BATCHES, DONE, BatchLog, parse_facts
from fink_voevent.store.delta import Tables
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.column import TIME

MB = 1e6
# What a stage reads of the batches of another one, and which of them count for it.
_READS = {MATCH: (INGEST, "events"), ROUTE: (MATCH, "coincidences")}
LONGEST_WAIT_S = 3600.0  # for which a VOEvent may wait in the outbox
LAST_HOUR, LAST_DAY = timedelta(hours=1), timedelta(days=1)


class Found(NamedTuple):
    """What was found.

    Parameters
    ----------
    status : Status
    evidence : Evidence
    """

    status: Status
    evidence: Evidence


@dataclass(frozen=True)
class Health:
    """The state of the pipeline.

    Parameters
    ----------
    verdict : Verdict
    found : Found or None
        None if the tables cannot be read, or there are none.
    """

    verdict: Verdict
    found: Found | None = None

    def document(self) -> dict[str, Any]:
        """Return all as values for JSON: verdict, reasons and figures."""
        reasons = [vars(reason) for reason in self.verdict.reasons]
        found: dict[str, Any] = {"verdict": self.verdict.verdict, "reasons": reasons}
        return found | {"figures": self.figures()}

    def figures(self) -> dict[str, Any]:
        """Return the figures; all keys are there whatever the verdict."""
        if self.found is None:
            return dict.fromkeys(FIGURES)
        status, evidence = self.found
        now = evidence.now
        values = (
            *(status.received, status.events, status.quarantined),
            *(status.live_notices, status.unplaced_notices, status.alerts),
            *(status.coincidences, status.topics, status.lag_s),
            *(dict(evidence.lags_s), status.in_spool, status.in_spool_s),
            *(evidence.quarantined, evidence.documents, evidence.has_rates),
            {disk.what: disk.free_mb for disk in evidence.disks},
            {one.source: one.is_connected for one in evidence.sources},
            [
                {
                    "name": one.name,
                    "roles": list(one.roles),
                    "host": one.host,
                    "process": one.process,
                    "at": one.at,
                    "state": one.state,
                    "is_alive": one.is_alive(now),
                    "restarts": len(one.ends),
                }
                for one in evidence.processes
            ],
        )
        return dict(zip(FIGURES, values, strict=True))


FIGURES = (
    *("received", "events", "quarantined", "live_notices", "unplaced_notices"),
    *("alerts", "coincidences", "topics", "lag_s", "stage_lags_s", "in_spool"),
    *("in_spool_s", "quarantined_last_hour", "documents_last_hour", "has_rates"),
    *("free_mb", "sources", "processes"),
)


@dataclass
class Examiner:
    """Examines the pipeline as often as required.

    Parameters
    ----------
    settings : Settings
    """

    settings: Settings
    _observer: Observer = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Make the observer, which keeps what never changes."""
        settings = self.settings
        configured = source_addresses(settings.sources)
        self._observer = Observer(settings.root, settings.spool, configured)

    def health(self) -> Health:
        """Return the state of the pipeline at this moment."""
        root = self.settings.root
        try:
            if not has_tables(root) and not self._observer.in_spool()[0]:
                return Health(verdict.never_run(root))
            status = self._observer.status()
            evidence = self._evidence(status)
        except (StorageError, OSError) as error:
            count = self._observer.in_spool()[0]
            known = f"; {count} documents wait in the spool" if count else ""
            return Health(verdict.unreadable(f"{error}{known}"))
        return Health(verdict.judge(evidence), Found(status, evidence))

    def _evidence(self, status: Status) -> Evidence:
        settings, tables = self.settings, Tables(self.settings.root)
        now = datetime.now(timezone.utc)
        processes = beats.records(settings.root)
        lags_s, hour, newest = {}, (0, 0), None
        try:
            lags_s = {stage: _lag_s(tables, stage, now) for stage in _READS}
            hour = _last_hour(tables, now)
            newest = _newest_batch(tables)
        except StorageError:  # one of the problems of the status already
            pass
        moments = [one.moment for one in processes]
        silent = [p for p in status.problems if p.startswith(publishers.DEGRADED)]
        elsewhere = {*silent, *(one.problem(now) for one in status.sources)}
        return Evidence(
            now=now,
            processes=processes,
            sources=status.sources,
            is_listening_wanted=bool(settings.sources or status.sources),
            problems=[p for p in status.problems if p not in elsewhere],
            silent_publishers=silent,
            publishing=_of_publishing(settings.spool, now),
            in_spool=status.in_spool,
            in_spool_s=status.in_spool_s,
            lags_s={INGEST: status.lag_s, **lags_s},
            has_rates=has_rates(settings),
            survey=settings.survey,
            quarantined=hour[0],
            documents=hour[1],
            disks=tuple(disks(settings)),
            wanted_mb=settings.min_free_mb,
            newest=max([*moments, *([newest] if newest else [])], default=None),
            notice_ahead_s=_notice_ahead_s(tables, now),
        )


def has_rates(settings: Settings) -> bool:
    """Whether background rates of the survey are known."""
    names = open_store(f"{settings.root}/background").files(".parquet")
    return any(settings.survey in one.base_name.split("-") for one in names)


def _of_publishing(spool: str, now: datetime) -> list[str]:
    """Return what is wrong with what we publish from this machine."""
    now_s = now.timestamp()
    found: list[str] = []
    try:
        report = broadcast_report.read(spool)
        waiting = backlog.read(spool, now_s)
    except StorageError as error:
        return [str(error)]
    if report is not None and (problem := report.problem(now_s)):
        found.append(problem)
    if waiting.oldest_s > LONGEST_WAIT_S:
        found.append(waiting.line())
    return found


def _lag_s(tables: Tables, stage: str, now: datetime) -> float:
    """Return how long (s) the oldest input of a stage waits; 0 if there is none."""
    before, counted = _READS[stage]
    log = BatchLog(tables, stage)
    last = log.last_done()
    until = log.planned(last).input.until.get(before, -1) if last >= 0 else -1
    newest = log.last_done(before)
    if newest <= until:
        return 0.0
    where = (pc.field("stage") == before) & (pc.field("state") == DONE)
    where &= (pc.field("batch") > until) & (pc.field("batch") <= newest)
    rows = tables.arrow(BATCHES, ["at", "facts"], where)
    facts = parse_facts(rows["facts"].to_pylist())
    moments = rows["at"].to_pylist()
    waiting = [at for at, one in zip(moments, facts, strict=True) if one.get(counted)]
    return max(0.0, (now - min(waiting)).total_seconds()) if waiting else 0.0


def _last_hour(tables: Tables, now: datetime) -> tuple[int, int]:
    """Return the documents of the last hour that were put in quarantine, and all."""
    where = (pc.field("stage") == INGEST) & (pc.field("state") == DONE)
    where &= pc.field("at") > pa.scalar(now - LAST_HOUR, TIME)
    texts = tables.arrow(BATCHES, ["facts"], where)["facts"].to_pylist()
    facts = parse_facts(texts)
    return (
        sum(one.get("quarantine", 0) for one in facts),
        sum(one.get("documents", 0) for one in facts),
    )


def _newest_batch(tables: Tables) -> datetime | None:
    """Return when the last row of batches was written."""
    moment: datetime | None = pc.max(tables.arrow(BATCHES, ["at"])["at"]).as_py()
    return moment


def _notice_ahead_s(tables: Tables, now: datetime) -> float:
    """Return by how much (s) notices of the last day were issued after their arrival.

    0 if none were. A notice that was issued later than that day is left out, for then
    its publisher is wrong.
    """
    where = pc.field("received_at") > pa.scalar(now - LAST_DAY, TIME)
    where &= pc.field("tense") == "observation"
    try:
        rows = tables.arrow("events", ["issued", "received_at"], where)
    except StorageError:  # one of the problems of the status already
        return 0.0
    ahead = pc.subtract(
        rows["issued"].cast(pa.int64()), rows["received_at"].cast(pa.int64())
    )
    ahead = ahead.filter(pc.less(ahead, round(LAST_DAY.total_seconds() * 1e6)))
    most = pc.max(ahead).as_py()
    return max(0.0, (most or 0) / 1e6)


def disks(settings: Settings) -> Iterator[Disk]:
    """Yield the free space of the local folders that are written."""
    store = open_store(settings.root)
    folders = [("the spool", Path(settings.spool))]
    if store.is_local:
        folders.insert(0, ("the tables", Path(store.path)))
    for what, folder in folders:
        existing = next((p for p in (folder, *folder.parents) if p.exists()), None)
        if existing is not None:
            free_mb = shutil.disk_usage(existing).free / MB
            yield Disk(what, str(folder), round(free_mb, 1))

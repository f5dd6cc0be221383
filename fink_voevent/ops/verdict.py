# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Whether all is well: ok, degraded or down, with reasons and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fink_voevent.ops import publishers
from fink_voevent.ops.beats import LISTEN, PAGES, PUBLISH, STOPPED, ProcessRecord
from fink_voevent.ops.sources import SourceStatus

OK, DEGRADED, DOWN = "ok", "degraded", "down"
EXIT_CODES = {OK: 0, DEGRADED: 1, DOWN: 2}
STAGES = ("ingest", "match", "route")
EXTRA = (PUBLISH, PAGES)  # roles that are not needed unless a process had them
RESTARTED = timedelta(minutes=10)  # for which the end of a child is a reason
SPOOL_S = 60.0  # longest time that a document waits in the spool
LAG_S = 300.0  # longest time that a stage is behind the one before it
SILENT = timedelta(minutes=5)  # longest time without a sign of life of a source
CLOCK = timedelta(minutes=1)  # by which records may lie in the future
# Documents in quarantine in the last hour: so many at least, and of all that came.
QUARANTINED, QUARANTINED_SHARE = 10, 0.1
FULL_SHARE = 0.1  # of the free space that is wanted: below this, the disk is full


@dataclass(frozen=True)
class Reason:
    """Why not all is well.

    Parameters
    ----------
    code : str
        The same for the same reason, for programs.
    level : str
        ``degraded`` or ``down``.
    text : str
        What is wrong.
    what_to_do : str
    """

    code: str
    level: str
    text: str
    what_to_do: str


@dataclass(frozen=True)
class Verdict:
    """The worst level of all reasons.

    Parameters
    ----------
    verdict : str
        ``ok``, ``degraded`` or ``down``.
    reasons : tuple of Reason
        The worst first.
    """

    verdict: str
    reasons: tuple[Reason, ...]

    @property
    def exit_code(self) -> int:
        """0, 1 or 2."""
        return EXIT_CODES[self.verdict]


@dataclass(frozen=True)
class Disk:
    """Free space of a local folder.

    Parameters
    ----------
    what : str
        What is kept there.
    path : str
    free_mb : float
    """

    what: str
    path: str
    free_mb: float


@dataclass(frozen=True)
class Evidence:
    """What a verdict is made from.

    Parameters
    ----------
    now : datetime
    processes : sequence of ProcessRecord
    sources : sequence of SourceStatus
    is_listening_wanted : bool
        Whether sources are configured, or were.
    problems : sequence of str
        Files that are missing or damaged.
    silent_publishers : sequence of str
        Lines of `publishers.problems`.
    publishing : sequence of str
        What is wrong with what we publish.
    in_spool, in_spool_s : int, float
        Documents that have not landed, and the age of the oldest (s).
    lags_s : mapping of str to float
        By stage, how long (s) the oldest input waits for it.
    has_rates : bool
        Whether background rates of the survey are known.
    survey : str
    quarantined, documents : int
        In the last hour.
    disks : sequence of Disk
    wanted_mb : float
        Free space that is wanted on each disk.
    newest : datetime or None
        The latest time of any record of ours.
    notice_ahead_s : float
        By how much (s) notices of the last day were issued after they were received.
    """

    now: datetime
    processes: Sequence[ProcessRecord] = ()
    sources: Sequence[SourceStatus] = ()
    is_listening_wanted: bool = True
    problems: Sequence[str] = ()
    silent_publishers: Sequence[str] = ()
    publishing: Sequence[str] = ()
    in_spool: int = 0
    in_spool_s: float = 0.0
    lags_s: Mapping[str, float] = field(default_factory=dict)
    has_rates: bool = True
    survey: str = ""
    quarantined: int = 0
    documents: int = 0
    disks: Sequence[Disk] = ()
    wanted_mb: float = 0.0
    newest: datetime | None = None
    notice_ahead_s: float = 0.0


def judge(evidence: Evidence) -> Verdict:
    """Return the verdict."""
    found = [
        *_processes(evidence),
        *_ends(evidence),
        *_sources(evidence),
        *_publishers(evidence),
        *_files(evidence),
        *_spool(evidence),
        *_lags(evidence),
        *_rates(evidence),
        *_quarantine(evidence),
        *_disks(evidence),
        *_clock(evidence),
    ]
    return verdict_of(found)


def verdict_of(reasons: Sequence[Reason]) -> Verdict:
    """Return the verdict of reasons."""
    worst_first = sorted(reasons, key=lambda one: one.level != DOWN)
    level = worst_first[0].level if worst_first else OK
    return Verdict(level, tuple(worst_first))


def never_run(root: str) -> Verdict:
    """Return the verdict if there is nothing at all."""
    reason = Reason(
        "never-run",
        DOWN,
        f"nothing has ever run here: there is no table in {root}",
        "give the folder of the services with --data-prefix or VOEVENT_DATA_PREFIX, or"
        " start fink_voevent run",
    )
    return Verdict(DOWN, (reason,))


def unreadable(error: str) -> Verdict:
    """Return the verdict if the tables cannot be read."""
    what_to_do = "make sure that the store answers, and that it may be read"
    return Verdict(DOWN, (Reason("store-unreadable", DOWN, error, what_to_do),))


def _processes(evidence: Evidence) -> Iterator[Reason]:
    """Roles that no process has, although they are needed."""
    now = evidence.now
    alive = [one for one in evidence.processes if one.is_alive(now)]
    running = {role for one in alive for role in one.roles}
    has_listened = _of_role(evidence.processes, LISTEN) is not None
    is_wanted = evidence.is_listening_wanted or has_listened
    needed = (*([LISTEN] if is_wanted else []), *STAGES)
    if not running & {LISTEN, *STAGES} and not any(
        _of_role(evidence.processes, role) for role in needed
    ):
        yield Reason(
            "process-missing",
            DOWN,
            "no process of fink_voevent has reported that it runs",
            "start fink_voevent run, or the Fink services",
        )
        return
    lacking = [role for role in (*needed, *EXTRA) if role not in running]
    last = {role: _of_role(evidence.processes, role) for role in lacking}
    is_any_alive = bool(running - {PAGES})
    for one in dict.fromkeys(filter(None, last.values())):
        if one.state != STOPPED or one.roles != (PAGES,):  # those may be made once
            yield _dead(one, is_any_alive=is_any_alive)
    never = [role for role, one in last.items() if one is None and role not in EXTRA]
    if never:
        yield Reason(
            "process-missing",
            DEGRADED,
            f"no process does {', '.join(never)}: none has ever run here",
            "start fink_voevent run, or the Fink services",
        )
    if not set(needed) <= running:
        for one in evidence.processes:
            if not one.roles and one.state != STOPPED and not one.is_alive(now):
                yield _dead(one, is_any_alive=is_any_alive)
    for one in alive:
        if one.is_silent(now):
            yield Reason(
                "process-silent",
                DEGRADED,
                f"{one.name} (process {one.process} on {one.host}) runs, but has not"
                f" reported since {_text(one.moment)}: it hangs, or cannot write the"
                " tables, or the clock of a machine was wrong then, or is wrong now",
                "compare the clock with another one (fink_voevent doctor), then see the"
                " log of the process, and start it again",
            )


def _of_role(processes: Sequence[ProcessRecord], role: str) -> ProcessRecord | None:
    """Return the last record of a process with a role."""
    with_role = [one for one in processes if role in one.roles]
    return max(with_role, key=lambda one: one.moment, default=None)


def _dead(one: ProcessRecord, *, is_any_alive: bool) -> Reason:
    where = f"{one.name} (process {one.process} on {one.host})"
    what = ", ".join(one.roles) or "the supervision"
    if one.state == STOPPED:
        return Reason(
            "process-stopped",
            DEGRADED if is_any_alive else DOWN,
            f"{where} was stopped at {_text(one.moment)}: no process does {what}",
            "start it again",
        )
    return Reason(
        "process-dead",
        DEGRADED if one.roles == (PAGES,) else DOWN,  # nothing is lost without pages
        f"{where} is dead, last seen at {_text(one.moment)}: no process does {what}",
        "see its log, and start it again; fink_voevent run does so by itself",
    )


def _ends(evidence: Evidence) -> Iterator[Reason]:
    """Children that were started again."""
    for one in evidence.processes:
        if not one.is_alive(evidence.now):
            continue
        recent = [
            end
            for end in one.ends
            if evidence.now - datetime.fromisoformat(end.at) < RESTARTED
        ]
        for name in sorted({end.name for end in recent}):
            own = [end for end in recent if end.name == name]
            last = datetime.fromisoformat(own[-1].at)
            times = "once" if len(own) == 1 else f"{len(own)} times"
            yield Reason(
                "process-restarted",
                DEGRADED,
                f"{name} ended {times} in the last 10 minutes, the last time with code"
                f" {own[-1].code} at {_text(last)}; {one.name} starts it again",
                "see the log; if it lasts, fink_voevent doctor",
            )


def _sources(evidence: Evidence) -> Iterator[Reason]:
    now = evidence.now
    for one in evidence.sources:
        problem = one.problem(now)
        if problem:
            text, _, advice = problem.rpartition(": ")
            yield Reason("source-lost", DEGRADED, text, advice)
        elif (
            one.is_connected
            and one.last_sign is not None
            and now - one.last_sign > SILENT
        ):
            yield Reason(
                "source-silent",
                DEGRADED,
                f"the source {one.source} is connected, but has given no sign of life"
                f" since {_text(one.last_sign)}",
                "see what fink_voevent doctor says of it",
            )


def _publishers(evidence: Evidence) -> Iterator[Reason]:
    for line in evidence.silent_publishers:
        text, _, advice = line.removeprefix(publishers.DEGRADED).rpartition("; ")
        yield Reason("publisher-silent", DEGRADED, text, advice)
    for line in evidence.publishing:
        yield Reason(
            "publishing", DEGRADED, line, "see fink_voevent outbox, and its broker"
        )


def _files(evidence: Evidence) -> Iterator[Reason]:
    for problem in evidence.problems:
        yield Reason(
            "file-damaged",
            DEGRADED,
            problem,
            "see docs/operate.md, What happens if something fails",
        )


def _spool(evidence: Evidence) -> Iterator[Reason]:
    if evidence.in_spool and evidence.in_spool_s > SPOOL_S:
        yield Reason(
            "spool-grows",
            DEGRADED,
            f"{evidence.in_spool} documents wait in the spool of this machine, the"
            f" oldest for {evidence.in_spool_s:.0f} s",
            "make sure that the listener runs, and that the tables can be written",
        )


def _lags(evidence: Evidence) -> Iterator[Reason]:
    for stage, lag_s in evidence.lags_s.items():
        if lag_s > LAG_S:
            yield Reason(
                f"{stage}-lags",
                DEGRADED,
                f"{stage} is behind: its oldest input waits for {lag_s:.0f} s",
                "see the log of the stage; it may lack processors or memory",
            )


def _rates(evidence: Evidence) -> Iterator[Reason]:
    if not evidence.has_rates:
        yield Reason(
            "rates-missing",
            DEGRADED,
            f"no night of {evidence.survey} has been counted: nothing can be silver",
            "wait for the end of the first night, or run fink_voevent background",
        )


def _quarantine(evidence: Evidence) -> Iterator[Reason]:
    count, of_all = evidence.quarantined, evidence.documents
    if count >= QUARANTINED and count >= QUARANTINED_SHARE * of_all:
        yield Reason(
            "quarantine-grows",
            DEGRADED,
            f"{count} of {of_all} documents of the last hour could not be read",
            "see fink_voevent quarantine",
        )


def _disks(evidence: Evidence) -> Iterator[Reason]:
    for disk in evidence.disks:
        if disk.free_mb >= evidence.wanted_mb:
            continue
        is_full = disk.free_mb < FULL_SHARE * evidence.wanted_mb
        yield Reason(
            "disk-full" if is_full else "disk-fills",
            DOWN if is_full else DEGRADED,
            f"the disk of {disk.what} has {disk.free_mb:.0f} MB left ({disk.path})",
            "remove what is not needed, or give it a larger disk (VOEVENT_MIN_FREE_MB"
            f" is {evidence.wanted_mb:.0f})",
        )


def _clock(evidence: Evidence) -> Iterator[Reason]:
    advice = "synchronise the clocks of all machines (NTP): fink_voevent doctor"
    newest = evidence.newest
    if newest is not None and newest - evidence.now > CLOCK:
        ahead_s = (newest - evidence.now).total_seconds()
        yield Reason(
            "clock-wrong",
            DEGRADED,
            f"the clock of this machine is {ahead_s:.0f} s behind the time of the last"
            f" record, {_text(newest)}",
            advice,
        )
    elif evidence.notice_ahead_s > CLOCK.total_seconds():
        yield Reason(
            "clock-wrong",
            DEGRADED,
            f"notices were issued up to {evidence.notice_ahead_s:.0f} s after they were"
            " received: the clock of the listener is behind, or that of a publisher is"
            " ahead",
            advice,
        )


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"

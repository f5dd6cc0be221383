# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Batches of the stages: planned before any work, done once all tables have them.

A stage first commits the input of a batch as a row ``planned`` of the table `batches`.
Then it commits what it found to its tables, and last a row ``done``. A process that
starts finds a batch that is planned and not done, and completes it with exactly that
input, whatever has arrived since. The table is the only record of what was consumed.

Rows of a batch that is not done do not count: all readers read batches up to
`BatchLog.last_done`. So several tables become one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from fink_voevent.store import upkeep
from fink_voevent.store.delta import Tables, overtaken, refuse_earlier_version
from fink_voevent.tables.schema import arrow_schema

BATCHES = "batches"
PLANNED, DONE = "planned", "done"
FIRST = 0  # number of the first batch of a stage


@dataclass(frozen=True)
class Input:
    """Input of a batch.

    Parameters
    ----------
    files : tuple of str
        Files that other programs have written: notices that landed, science alerts.
    until : mapping of str to int
        By name of a stage whose batches are read: the last one. The first is the one
        after those of the batch before.
    night : str
        YYYYMMDD; empty if the stage has no nights.
    survey : str
        ``ztf`` or ``rubin``; empty if the stage has no survey.
    """

    files: tuple[str, ...] = ()
    until: Mapping[str, int] = field(default_factory=dict)
    night: str = ""
    survey: str = ""


@dataclass(frozen=True)
class Batch:
    """A planned batch.

    Parameters
    ----------
    stage : str
    number : int
        Counted from `FIRST` over the life of the tables.
    input : Input
    """

    stage: str
    number: int
    input: Input


@dataclass(frozen=True)
class BatchLog:
    """Plans and finishes the batches of one stage.

    Parameters
    ----------
    tables : Tables
    stage : str
    """

    tables: Tables
    stage: str

    def last_done(self, stage: str = "") -> int:
        """Return the number of the last batch of a stage that is done; -1 if none is.

        Parameters
        ----------
        stage : str, optional
            By default the own stage.
        """
        table = self.tables.existing(BATCHES)
        if table is None:
            refuse_earlier_version(self.tables.root)
            return FIRST - 1
        version = table.transaction_version(transaction(stage or self.stage, DONE))
        return FIRST - 1 if version is None else version

    def identity(self) -> str:
        """Return the identity of the tables; others at their place have another."""
        return str(self.tables.table(BATCHES).metadata().id)

    def unfinished(self) -> Batch | None:
        """Return the batch that is planned and not done; None if all are done."""
        number = self.last_done() + 1
        planned = self.tables.table(BATCHES).transaction_version(
            transaction(self.stage, PLANNED)
        )
        if planned is None or planned < number:
            return None
        return self.planned(number)

    def planned(self, number: int) -> Batch:
        """Return a batch that was planned."""
        where = (pc.field("batch") == number) & (pc.field("state") == PLANNED)
        (row,) = self._rows(where)
        return _batch(row)

    def newest_planned(self, survey: str, before: int) -> Batch | None:
        """Return the last batch of a survey before another; None if there is none."""
        where = (pc.field("state") == PLANNED) & (pc.field("survey") == survey)
        where &= pc.field("batch") < before
        numbers = self._columns(["batch"], where)["batch"]
        last = pc.max(numbers).as_py()
        return None if last is None else self.planned(last)

    def all_files(self) -> set[str]:
        """Return all files that batches have as input."""
        lists = self._columns(["files"], pc.field("state") == PLANNED)["files"]
        return {file for files in lists.to_pylist() for file in files or ()}

    def nights(self, survey: str = "", state: str = DONE) -> set[str]:
        """Return the nights of batches in a state; by default of any survey."""
        where = pc.field("state") == state
        if survey:
            where &= pc.field("survey") == survey
        nights = pc.unique(self._columns(["night"], where)["night"])
        return {night for night in nights.to_pylist() if night}

    def files_of_night(self, night: str) -> set[str]:
        """Return all files that batches of a night have as input."""
        where = (pc.field("night") == night) & (pc.field("state") == PLANNED)
        lists = self._columns(["files"], where)["files"]
        return {file for files in lists.to_pylist() for file in files or ()}

    def plan(self, planned: Input) -> Batch:
        """Commit the input of the next batch.

        Raises
        ------
        StorageError
            If another process has planned it.
        """
        batch = Batch(self.stage, self.last_done() + 1, planned)
        row = {
            "state": PLANNED,
            "files": list(planned.files),
            "until": [
                {"stage": stage, "batch": last}
                for stage, last in sorted(planned.until.items())
            ],
        }
        self._commit(batch, row)
        return batch

    def finish(self, batch: Batch, facts: Mapping[str, Any]) -> None:
        """Commit that a batch is done: the last step of a batch.

        Parameters
        ----------
        batch : Batch
        facts : mapping
            Counts, and anything else that is reported of the batch; values for JSON.

        Raises
        ------
        StorageError
            If another process has done so.
        """
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        self._commit(batch, {"state": DONE, "facts": text})

    def facts(self, first: int = FIRST, stage: str = "") -> list[dict[str, Any]]:
        """Return the facts of batches that are done, in order.

        Parameters
        ----------
        first : int, optional
            The first of them; the last is `last_done`.
        stage : str, optional
            By default the own stage.
        """
        last = self.last_done(stage)
        where = (pc.field("state") == DONE) & (pc.field("batch") >= first)
        where &= pc.field("batch") <= last
        rows = self._columns(["batch", "facts"], where, stage).sort_by("batch")
        return parse_facts(rows["facts"].to_pylist())

    def _commit(self, batch: Batch, values: Mapping[str, Any]) -> None:
        name = transaction(self.stage, values["state"])
        if self.tables.has(BATCHES, name, batch.number):
            raise overtaken(self.stage, self.tables.root)
        row = {
            "stage": self.stage,
            "batch": batch.number,
            "at": datetime.now(timezone.utc),
            "night": batch.input.night or None,
            "survey": batch.input.survey or None,
            **values,
        }
        rows = pa.Table.from_pylist([row], arrow_schema(BATCHES))
        self.tables.append_rows(BATCHES, rows, name, batch.number)

    def _rows(self, where: pc.Expression) -> list[dict[str, Any]]:
        columns = ["stage", "batch", "night", "survey", "files", "until"]
        rows: list[dict[str, Any]] = self._columns(columns, where).to_pylist()
        return rows

    def _columns(
        self, columns: list[str], where: pc.Expression, stage: str = ""
    ) -> pa.Table:
        is_own = pc.field("stage") == (stage or self.stage)
        return self.tables.arrow(BATCHES, columns, where & is_own)


class FileSource(Protocol):
    """Files that other programs write, as a stage finds them."""

    def take(self) -> list[str]:
        """Return the URIs of the files that were found since the last call."""

    def wait_for_all(self) -> None:
        """Wait until all files that exist now are found."""

    def exception(self) -> Exception | None:
        """Return the error that has ended the search; None if it goes on."""

    def stop(self) -> None:
        """End the search."""


class GivenFiles:
    """A `FileSource` of files that are given; by default of none.

    Parameters
    ----------
    files : sequence of str
        URIs.
    """

    def __init__(self, files: Sequence[str] = ()) -> None:
        self._files = list(files)

    def add(self, file: str) -> None:
        """Add a file."""
        self._files.append(file)

    def take(self) -> list[str]:
        """Return the files that were added since the last call."""
        files, self._files = self._files, []
        return files

    def wait_for_all(self) -> None:
        """Do nothing: all files are known."""

    def exception(self) -> None:
        """Return None: nothing can fail."""

    def stop(self) -> None:
        """Do nothing."""


class Stage(Protocol):
    """What a stage does for a batch; `do_next` does the rest."""

    log: BatchLog
    files: FileSource

    def next_input(self) -> Input | None:
        """Return the input of the next batch; None if nothing has arrived."""

    def process(self, batch: Batch) -> Mapping[str, Any]:
        """Do a batch, commit what it found to the tables, and return its facts."""

    def finished(self, batch: Batch, facts: Mapping[str, Any]) -> None:
        """Clean up and report, after a batch is done."""


def do_next(stage: Stage) -> bool:
    """Do the next batch of a stage; return False if it has no input.

    A batch that was interrupted comes first.
    """
    batch = stage.log.unfinished()
    if batch is None:
        found = stage.next_input()
        if found is None:
            return False
        batch = stage.log.plan(found)
    facts = stage.process(batch)
    stage.log.finish(batch, facts)
    stage.finished(batch, facts)
    upkeep.compact_if_due(stage.log.tables, BATCHES)
    return True


def do_all(stage: Stage) -> None:
    """Do batches until all input that exists now is processed."""
    stage.files.wait_for_all()
    while do_next(stage):
        pass


def parse_facts(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return the facts of batches, as they were given to `BatchLog.finish`.

    Parameters
    ----------
    texts : sequence of str
        Values of the column `facts` of batches that are done.
    """
    # One document takes half the time of a hundred thousand, as after a year.
    found: list[dict[str, Any]] = json.loads(f"[{','.join(texts)}]")
    return found


def transaction(stage: str, state: str) -> str:
    """Return the name of the application transactions of a stage in `BATCHES`."""
    return f"{stage}-{state}"


def _batch(row: Mapping[str, Any]) -> Batch:
    until = {one["stage"]: one["batch"] for one in row["until"] or ()}
    files = tuple(row["files"] or ())
    planned = Input(files, until, row["night"] or "", row["survey"] or "")
    return Batch(row["stage"], row["batch"], planned)

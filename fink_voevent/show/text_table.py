# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Rows as tables to read, on a terminal or in a pipe, and as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TextIO

Row = Mapping[str, Any]
GAP = 2  # spaces between two columns
TIME_CHARS, NAME_CHARS = 19, 24  # of a time, and of most names of events


@dataclass(frozen=True)
class Field:
    """One column of a table to read.

    Parameters
    ----------
    header : str
    text : callable
        Returns the text of a row.
    priority : int, optional
        If the terminal is narrow, columns with the largest number are left out first;
        those with 0 never are.
    is_number : bool, optional
        Whether it is aligned to the right.
    narrow : int, optional
        Characters to which a longer text may be folded on a terminal.
    """

    header: str
    text: Callable[[Row], str]
    priority: int = 0
    is_number: bool = False
    narrow: int = 12


def show_table(
    fields: Sequence[Field], rows: Sequence[Row], output: TextIO | None = None
) -> None:
    """Write a table: on a terminal as wide as that, otherwise all columns, plain.

    Control characters in values, which others have written, are replaced.

    Parameters
    ----------
    fields : sequence of Field
    rows : sequence of mapping
    output : file, optional
        By default the standard output.
    """
    stream = output or sys.stdout
    cells = [[printable(field.text(row)) for field in fields] for row in rows]
    if stream.isatty():
        _show_rich(fields, cells, stream)
    else:
        for line in plain_lines(fields, cells):
            stream.write(f"{line}\n")
    stream.flush()


def plain_lines(fields: Sequence[Field], cells: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table without colour, columns at least two spaces apart."""
    whole = [[field.header for field in fields], *map(list, cells)]
    widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
    aligned = [
        [
            text.rjust(width) if field.is_number else text.ljust(width)
            for field, text, width in zip(fields, line, widths, strict=True)
        ]
        for line in whole
    ]
    return [(" " * GAP).join(line).rstrip() for line in aligned]


def fitting(
    fields: Sequence[Field], cells: Sequence[Sequence[str]], width: int
) -> list[int]:
    """Return the numbers of the columns that fit into a width.

    Texts may be folded to `narrow` characters; columns are left out by `priority`.
    """
    needed = _needed(fields, cells)
    kept = list(range(len(fields)))
    while sum(needed[n] + GAP for n in kept) > width:
        droppable = [n for n in kept if fields[n].priority]
        if not droppable:
            break
        kept.remove(max(droppable, key=lambda n: (fields[n].priority, n)))
    return kept


def _needed(fields: Sequence[Field], cells: Sequence[Sequence[str]]) -> list[int]:
    """Return the smallest width of each column."""
    columns = zip(*cells, strict=True) if cells else [()] * len(fields)
    return [
        max(len(field.header), *(min(len(text), field.narrow) for text in column), 0)
        for field, column in zip(fields, columns, strict=True)
    ]


def _show_rich(
    fields: Sequence[Field], cells: Sequence[Sequence[str]], stream: TextIO
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=stream, highlight=False)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    kept, needed = fitting(fields, cells, console.width), _needed(fields, cells)
    for n in kept:
        table.add_column(
            fields[n].header,
            justify="right" if fields[n].is_number else "left",
            overflow="fold",
            min_width=min(needed[n], console.width),
            no_wrap=fields[n].is_number,
            header_style="bold",
        )
    for line in cells:
        table.add_row(*(Text(line[n], style=_STYLES.get(line[n], "")) for n in kept))
    console.print(table)
    left_out = [fields[n].header for n in range(len(fields)) if n not in kept]
    if left_out:
        console.print(
            Text(
                f"(left out, as the terminal is narrow: {', '.join(left_out)};"
                " --json has all)",
                style="dim",
            )
        )


_STYLES = {
    **{"retracted": "red", "withdrawn": "red", "lost": "red", "FAIL": "red"},
    **{"new": "green", "matched": "green", "connected": "green", "ok": "green"},
    **{"awaits its map": "yellow", "warn": "yellow", "degraded": "yellow"},
}


def printable(text: str) -> str:
    """Replace what is not printable, such as escape sequences, by a question mark."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else "?" for one in text)


def as_json(document: Mapping[str, Any]) -> str:
    """Return a document as one line of JSON; times are ISO 8601 (UTC), with Z."""
    return json.dumps(document, default=_json_value, allow_nan=False)


def _json_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} is not a value of our tables")


def text_of(name: str) -> Callable[[Row], str]:
    """Return the function that gives the text of a column; "-" for null."""
    return lambda row: _or_dash(row.get(name), str)


def moment_of(name: str) -> Callable[[Row], str]:
    """Return the function that gives the text of a time: to the second, UTC."""
    return lambda row: _or_dash(row.get(name), lambda one: f"{one:%Y-%m-%d %H:%M:%S}")


def number_of(name: str, pattern: str, unit: str = "") -> Callable[[Row], str]:
    """Return the function that gives the text of a number, in a format."""
    return lambda row: _or_dash(row.get(name), lambda one: f"{one:{pattern}}{unit}")


def _or_dash(value: Any, write: Callable[[Any], str]) -> str:
    return "-" if value is None else write(value)

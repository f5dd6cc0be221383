# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Tables to read: plain in a pipe, fitted to a terminal, safe for any text."""

from __future__ import annotations

import io
import json
from datetime import datetime, timezone

import pytest
from helpers.shown_tables import pair
from hypothesis import given, settings
from hypothesis import strategies as st

from fink_voevent.show import layouts
from fink_voevent.show.text_table import (
    Field,
    as_json,
    fitting,
    plain_lines,
    printable,
    show_table,
    text_of,
)

NAMES = Field("name", text_of("name"))
LAYOUTS = [
    *("EVENTS", "COINCIDENCES", "CANDIDATES", "OBJECTS", "NOTICES", "QUARANTINE"),
    *("UNREAD", "SOURCES"),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(fields, rows, terminal: bool = False) -> list[str]:  # noqa: FBT001, FBT002
    output = Terminal() if terminal else io.StringIO()
    show_table(fields, rows, output)
    return output.getvalue().splitlines()


def test_a_pipe_gets_all_columns_without_colour():
    first, second = shown(layouts.COINCIDENCES, [pair("event", "object")])
    assert "\x1b" not in first + second
    assert len(first.split("  ")) >= 13
    assert second.startswith("event  object   +0.125  0.250       -  new     18.50 r")
    assert second == second.rstrip()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_table_on_a_terminal_is_not_wider_than_it(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm-256color")
    row = pair("Swift-1126853-with-a-long-name-of-its-own", "ZTF22abkkavn")
    lines = shown(layouts.COINCIDENCES, [row], terminal=True)
    assert "\x1b[" in lines[0]
    plain = [printable_only(line) for line in lines]
    assert max(map(len, plain)) <= width
    assert "0.250" in plain[1]
    assert ("left out" in " ".join(plain)) == (width < 150)


def printable_only(line: str) -> str:
    """Leave out escape sequences."""
    parts = line.split("\x1b[")
    return parts[0] + "".join(part.partition("m")[2] for part in parts[1:])


def test_columns_are_left_out_in_the_order_of_their_priority():
    fields = [Field(c, text_of(c), n) for n, c in enumerate("abc")]
    cells = [["x" * 10] * 3]
    assert fitting(fields, cells, 36) == [0, 1, 2]
    assert fitting(fields, cells, 35) == [0, 1]
    assert fitting(fields, cells, 20) == [0]
    assert fitting(fields, cells, 1) == [0]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=5))
def test_no_text_of_others_can_control_the_terminal(texts):
    rows = [{"name": text} for text in texts]
    for terminal in (False, True):
        lines = shown([NAMES], rows, terminal)
        assert all(printable_only(line).isprintable() for line in lines)


def test_square_brackets_are_no_markup():
    assert "[red]name[/red]" in shown([NAMES], [{"name": "[red]name[/red]"}], True)[1]
    assert printable("\x1b[2Jx\n") == "?[2Jx?"


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_shows_a_row_without_values_as_dashes(name):
    fields = getattr(layouts, name)
    row = {"sha256": "0" * 64}
    (line,) = plain_lines(fields, [[field.text(row) for field in fields]])[1:]
    assert set(line.replace("0" * 12, "")) <= set("- ")


def test_json_has_times_in_iso_8601_and_no_nan():
    moment = datetime(2024, 1, 15, 3, 0, 0, 250, tzinfo=timezone.utc)
    assert json.loads(as_json({"at": moment})) == {"at": "2024-01-15T03:00:00.000250Z"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json({"x": float("nan")})
    with pytest.raises(TypeError):
        as_json({"x": object()})

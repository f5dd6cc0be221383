# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``parse``: JSON as before, cards with --brief, an exit code with --strict."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from helpers.mutation import mutate
from hypothesis import given, settings
from hypothesis import strategies as st

from fink_voevent.cli.parse import command

DATA = Path(__file__).parents[2] / "datatest"
DOCUMENTS = [
    path.read_bytes()
    for folder in ("voevents", "traps", "json")
    for path in sorted((DATA / folder).iterdir())
]
EVENT = (
    b'<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0" version="2.0"'
    b' ivorn="ivo://org.example/bursts#%s"/>'
)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def run_on(raw: bytes, *options: str) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "document"
        path.write_bytes(raw)
        return run(*options, path)


def test_strict_exits_with_0_if_all_can_be_read(datatest):
    done = run("--strict", datatest / "voevents")
    assert done.exit_code == 0
    assert done.stderr == "9 documents: 9 events, 0 cannot be read\n"


@pytest.mark.parametrize("options", [["--strict"], ["--strict", "--brief"]])
def test_strict_exits_with_1_and_gives_a_line_for_each_refusal(tmp_path, options):
    for name, raw in (("a.xml", b"[1]"), ("b.xml", EVENT % b"1"), ("c.xml", b"")):
        (tmp_path / name).write_bytes(raw)
    done = run(*options, tmp_path)
    assert done.exit_code == 1
    first, second, counts = done.stderr.splitlines()
    assert first.startswith(f"{tmp_path / 'a.xml'}: a JSON list")
    assert second.startswith(f"{tmp_path / 'c.xml'}: empty")
    assert counts == "3 documents: 1 events, 2 cannot be read"


def test_warnings_alone_do_not_change_the_exit_code(tmp_path):
    (tmp_path / "a.xml").write_bytes(EVENT % b"1")
    done = run("--strict", "--brief", tmp_path)
    assert done.exit_code == 0
    assert "WARNING       no time" in done.stdout


def test_without_strict_a_refusal_is_no_failure(tmp_path):
    (tmp_path / "a.xml").write_bytes(b"[1]")
    assert run(tmp_path).exit_code == 0
    assert run("--brief", tmp_path).exit_code == 0


def test_the_lines_of_json_are_the_same_with_strict(datatest):
    lines = run("--strict", datatest / "json").stdout
    assert lines == run(datatest / "json").stdout
    assert all(json.loads(line)["event_id"] for line in lines.splitlines())


def test_brief_prints_a_card_for_each_document(datatest):
    done = run("--brief", datatest / "voevents")
    assert done.exit_code == 0
    cards = done.stdout.strip().split("\n\n")
    assert len(cards) == 9
    for card, path in zip(
        cards, sorted((datatest / "voevents").iterdir()), strict=True
    ):
        first, second = card.splitlines()[:2]
        assert first == str(path)
        assert second.startswith("  event  ")


def test_the_card_on_the_page_for_observatories_is_what_is_printed(monkeypatch):
    monkeypatch.chdir(DATA.parent)
    page = (DATA.parent / "docs" / "plug-in-an-observatory.md").read_text("utf-8")
    shown = "".join(
        line[4:] for line in page.splitlines(keepends=True) if line.startswith("    ")
    )
    path = shown.partition("\n")[0]
    done = run("--brief", path)
    assert shown.startswith(done.stdout.rstrip())


def test_brief_says_why_a_document_cannot_be_read(tmp_path):
    (tmp_path / "a.json").write_bytes(b"null")
    done = run("--brief", tmp_path)
    assert "  CANNOT BE READ  a JSON null" in done.stdout


def test_nothing_that_a_publisher_writes_reaches_the_terminal_as_a_command(tmp_path):
    name = '"\\u001b[31mred\\u0007"'
    content = (
        '{"$schema": "gcn/notices/fermi/gbm/alert.schema.json", "id": "1",'
        f' "subtype": {name}, "mission": {name}, "trigger_time": {name}}}'
    )
    (tmp_path / "a.json").write_text(content)
    done = run("--brief", "--strict", tmp_path)
    assert done.exit_code == 0
    assert "\x1b" not in done.output
    assert "\x07" not in done.output


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_end_with_0_or_1(raw):
    done = run_on(raw, "--strict", "--brief")
    assert done.exit_code in (0, 1)
    assert done.exception is None or isinstance(done.exception, SystemExit)


@pytest.mark.filterwarnings("ignore::erfa.ErfaWarning")
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(DOCUMENTS), st.randoms(use_true_random=False))
def test_any_damaged_notice_ends_with_0_or_1(raw, random):
    done = run_on(mutate(raw, random), "--strict", "--brief")
    assert done.exit_code in (0, 1)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "please report" not in done.output

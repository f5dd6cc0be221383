# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The recipes of CONTRIBUTING.md are followed to the letter, and what they name exists.

A recipe is a code block whose first line is the comment ``# recipe: NAME``.
"""

from __future__ import annotations

import doctest
import importlib
import re
import textwrap
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from fink_voevent import udf
from fink_voevent.cli import main
from fink_voevent.errors import StorageError
from fink_voevent.filters.discover import discover
from fink_voevent.listen.spool import Spool
from fink_voevent.notices import streams
from fink_voevent.notices.normalisation import normalise

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
# In tables: a row of files and of the change that each of them needs.
ROWS = re.findall(r"^\| (`[\w/.]+\.\w+`.*?) \| (.*) \|$", TEXT, re.MULTILINE)


def recipe(language: str, name: str) -> str:
    """Code block of a recipe, without the line that names it."""
    pattern = rf"^( *)```{language}\n *# recipe: {name}\n(.*?)^\1```$"
    found = re.search(pattern, TEXT, re.MULTILINE | re.DOTALL)
    assert found, name
    return textwrap.dedent(found[2])


def named_file(path: str) -> Path:
    """Path of a file that a table names, relative to the package or the checkout."""
    inside = ROOT / "fink_voevent" / path
    return inside if inside.exists() else ROOT / path


@pytest.fixture(scope="module")
def notice():
    """Notice of the recipe for a stream, with the values to read in it."""
    names: dict = {}
    exec(recipe("python", "notice"), names)  # noqa: S102
    return names["EXAMPLE"]


def test_the_recipe_for_a_stream_adds_a_stream(notice, tmp_path):
    built_in = ROOT / "fink_voevent" / "notices" / "streams.toml"
    changed = tmp_path / "streams.toml"
    changed.write_text(built_in.read_text("utf-8") + recipe("toml", "stream"), "utf-8")
    row = normalise(notice.raw, streams.load(str(changed)))
    assert notice.expected["stream"] == "example_wide_field"
    for column, expected in notice.expected.items():
        assert row[column] == pytest.approx(expected), column
    assert row["containment"] == 0.9
    assert normalise(notice.raw, streams.load())["stream"] == "unknown"


def test_explain_shows_the_stream_of_the_recipe(notice, tmp_path):
    added, document = tmp_path / "streams.toml", tmp_path / "notice.xml"
    added.write_text(recipe("toml", "stream"), "utf-8")
    document.write_bytes(notice.raw)
    command = ["streams", "--streams", str(added), "--explain", str(document)]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0
    assert re.search(r"^stream +example_wide_field ", done.output, re.MULTILINE)
    assert re.search(r"^event_id +Example-B17 ", done.output, re.MULTILINE)


def test_the_recipe_for_a_filter_adds_a_filter(tmp_path, monkeypatch):
    folder = tmp_path / "recipe_filters" / "filter_example_bright"
    folder.mkdir(parents=True)
    for package in (folder.parent, folder):
        (package / "__init__.py").write_text("")
    (folder / "filter.py").write_text(recipe("python", "filter example_bright"))
    monkeypatch.syspath_prepend(str(tmp_path))
    filters = discover("recipe_filters").filters
    (found,) = [f for f in filters if f.name == "example_bright"]
    module = importlib.import_module(found.path.rpartition(".")[0])
    assert found.description == module.DESCRIPTION
    result = doctest.testmod(module)
    assert (result.failed, result.attempted) == (0, 3)


def test_the_recipe_for_a_transport_keeps_documents_before_it_acknowledges(tmp_path):
    names: dict = {"__name__": "example"}
    exec(recipe("python", "transport"), names)  # noqa: S102
    names["RETRY_S"] = 0.0
    spool, stop, steps = Spool(str(tmp_path), "landing"), threading.Event(), []

    def keep(documents):
        if not steps:
            steps.append("refused")
            raise StorageError("the disk is full")
        spool.append(documents)
        steps.append("kept")

    def receive(_timeout):
        if "acknowledged" in steps:
            stop.set()
            return None
        acknowledge = lambda: steps.append("acknowledged")  # noqa: E731
        return SimpleNamespace(body=b"<x/>", acknowledge=acknowledge)

    connection = SimpleNamespace(receive=receive)
    subscription = names["Subscription"]("example://host:1", connection, keep, stop)
    subscription.start()
    subscription.join()
    assert steps == ["refused", "kept", "acknowledged"]
    (row,) = spool.documents(spool.next_batch(10, 1000))
    assert row[1:3] == ("example", "example://host:1")
    spool.close()


def test_every_file_and_target_that_is_named_exists():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for command in re.findall(r"`make ([a-z0-9. -]+)`", TEXT):
        for target in command.split():
            assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), target
    paths = re.findall(r"`((?:fink_voevent|docs|tests|datatest)/[\w./]+)`", TEXT)
    new = {"fink_voevent/listen/example.py", "tests/listen/test_example.py"}
    for path in set(paths) - new - {"fink_voevent/filters/filter_NAME"}:
        assert (ROOT / path).exists(), path


def test_every_name_in_a_table_is_in_the_file_of_its_row():
    assert len(ROWS) > 15
    for files, change in ROWS:
        for path in re.findall(r"`([^`]+)`", files):
            text = named_file(path).read_text("utf-8")
            for name in re.findall(r"`(\w+)`", change):
                # A function to imitate can be in another file of the same table.
                assert name in text or name in ("Spool", "Subscription"), (path, name)


def test_the_reference_has_every_public_function_and_every_filter():
    pages = ROOT / "docs" / "reference"
    functions = (pages / "udf.md").read_text("utf-8")
    constants = {"DAY_US", "ORDER", "Vector"}
    missing = [n for n in set(udf.__all__) - constants if n not in functions]
    assert not missing
    filters = re.findall(r"^::: (.+)$", (pages / "filters.md").read_text("utf-8"), re.M)
    found = [f.path for f in discover("fink_voevent.filters").filters]
    assert set(filters) - {"fink_voevent.filters.blocks"} == set(found)

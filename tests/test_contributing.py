# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The recipes of CONTRIBUTING.md for a stream and a filter, followed to the letter."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

from fink_voevent.filters.discover import discover
from fink_voevent.notices import streams
from fink_voevent.notices.normalisation import normalise

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
NOTICE = """<?xml version="1.0"?>
<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0" version="2.0"
    ivorn="ivo://org.example.telescope/bursts#B17-3" role="observation">
  <Who><AuthorIVORN>ivo://org.example.telescope</AuthorIVORN>
    <Date>2026-03-01T10:05:00</Date></Who>
  <WhereWhen><ObsDataLocation><ObservatoryLocation id="Space"/><ObservationLocation>
    <AstroCoordSystem id="UTC-ICRS-TOPO"/><AstroCoords coord_system_id="UTC-ICRS-TOPO">
    <Time><TimeInstant><ISOTime>2026-03-01T10:00:00</ISOTime></TimeInstant></Time>
    <Position2D unit="deg"><Name1>RA</Name1><Name2>Dec</Name2>
    <Value2><C1>150.1</C1><C2>2.2</C2></Value2><Error2Radius>0.05</Error2Radius>
    </Position2D></AstroCoords></ObservationLocation></ObsDataLocation></WhereWhen>
</voe:VOEvent>
"""


def recipe(language: str, name: str) -> str:
    """Code block of a recipe, without the line that names it."""
    pattern = rf"^```{language}\n# recipe: {name}\n(.*?)^```$"
    found = re.search(pattern, TEXT, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1]


def test_the_recipe_for_a_stream_adds_a_stream(tmp_path):
    built_in = ROOT / "fink_voevent" / "notices" / "streams.toml"
    changed = tmp_path / "streams.toml"
    changed.write_text(built_in.read_text("utf-8") + recipe("toml", "stream"), "utf-8")
    row = normalise(NOTICE.encode(), streams.load(str(changed)))
    assert row["stream"] == "example_wide_field"
    assert row["event_id"] == "Example-B17"
    assert (row["messenger"], row["notice_type"]) == ("xray", "Position")
    assert (row["version"], row["containment"]) == (3, 0.9)
    assert (row["window_before"], row["window_after"]) == (0.5, 3.0)
    assert normalise(NOTICE.encode(), streams.load())["stream"] == "unknown"


def test_the_recipe_for_a_filter_adds_a_filter(tmp_path, monkeypatch):
    folder = tmp_path / "recipe_filters" / "filter_example_bright"
    folder.mkdir(parents=True)
    for package in (folder.parent, folder):
        (package / "__init__.py").write_text("")
    (folder / "filter.py").write_text(recipe("python", "filter example_bright"))
    monkeypatch.syspath_prepend(str(tmp_path))
    (found,) = [f for f in discover("recipe_filters") if f.name == "example_bright"]
    module = importlib.import_module(found.path.rpartition(".")[0])
    assert found.description == module.DESCRIPTION
    result = doctest.testmod(module)
    assert (result.failed, result.attempted) == (0, 2)


def test_every_file_and_target_that_is_named_exists():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"`make ([a-z0-9.-]+)`", TEXT):
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), target
    for path in re.findall(r"`((?:fink_voevent|docs|tests|datatest)/[\w./]+)`", TEXT):
        assert (ROOT / path).exists(), path

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The commands to look at events, coincidences and candidates."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import write_deltalake
from helpers.shown_tables import NIGHT, documents, ingest, match, pair

from fink_voevent.cli import main

LISTS = ["tonight", "events", "coincidences", "candidates", "sources", "quarantine"]


@pytest.fixture(scope="module")
def data(datatest, tmp_path_factory) -> str:
    """Make tables, for tests that only read, and return their data prefix."""
    folder = tmp_path_factory.mktemp("look")
    root = str(folder / "voevent")
    ingest(root, *documents(datatest, "grb221009a_bat", "icecube170922a"), b"nonsense")
    match(root, pair("Swift-1126853", "ZTF22x", p_chance=0.01))
    return str(folder)


def call(*arguments: str, **environment: str):
    return CliRunner().invoke(main, arguments, env=environment)


@pytest.mark.parametrize("command", LISTS)
def test_a_mistyped_prefix_is_one_sentence_and_code_2(tmp_path, command):
    done = call(command, "--data-prefix", str(tmp_path / "typo"))
    assert done.exit_code == 2
    assert len(done.output.splitlines()) == 1
    assert "nothing has ever run here" in done.output


@pytest.mark.parametrize("command", LISTS)
def test_json_is_one_document_with_the_same_keys_if_it_is_empty(
    data, tmp_path, command
):
    (tmp_path / "voevent" / "landing").mkdir(parents=True)
    full, empty = (
        json.loads(call(command, "--data-prefix", prefix, "--json").stdout)
        for prefix in (data, str(tmp_path))
    )
    assert full.keys() == empty.keys()


@pytest.mark.parametrize("command", LISTS)
def test_an_empty_list_is_a_sentence(tmp_path, command):
    (tmp_path / "voevent" / "landing").mkdir(parents=True)
    done = call(command, "--data-prefix", str(tmp_path))
    assert done.exit_code == 0
    assert "no" in done.output.lower() or "0 documents" in done.output
    assert "Traceback" not in done.output


def test_tonight_has_a_sentence_events_and_objects(data):
    done = call("tonight", "--data-prefix", data)
    first = done.output.splitlines()[0]
    assert first == (
        f"Night {NIGHT}: 100 alerts searched, 3 events to match, 1 coincidences (1 grb)"
    )
    assert "Swift-1126853  ZTF22x" in done.output
    document = json.loads(call("tonight", "--data-prefix", data, "--json").stdout)
    assert document["candidates"]["rows"][0]["object_id"] == "ZTF22x"
    assert document["by_messenger"] == {"grb": 1}


def test_events_and_coincidences_are_filtered(data):
    rows = json.loads(
        call(
            "events", "--data-prefix", data, "--messenger", "neutrino", "--json"
        ).stdout
    )["events"]
    assert [row["event_id"] for row in rows] == ["IceCube-130033-50579430"]
    options = ("--data-prefix", data, "--json", "--survey")
    for survey, count in (("ztf", 1), ("rubin", 0), ("lsst", 0)):
        found = json.loads(call("coincidences", *options, survey).stdout)
        assert found["total"] == count
    # the survey of the services does not hide what another one has found
    done = call("coincidences", *options[:3], VOEVENT_SURVEY="rubin")
    assert json.loads(done.stdout)["total"] == 1


def test_candidates_are_listed_by_class_once_there_is_a_table(data, tmp_path):
    root = tmp_path / "voevent"
    match(str(root))
    rows = [
        {
            "event_id": "e", "object_id": name, "survey": "ztf", "class": kind,
            "expected_unrelated": value, "status": status, "batch": 0,
        }
        for name, kind, value, status in (
            ("a", "fresh", 0.5, "new"), ("b", "fresh", 0.1, "new"),
            ("c", "flaring", 0.2, "new"), ("d", "fresh", 0.0, "retracted"),
        )
    ]  # fmt: skip
    write_deltalake(str(root / "candidates"), pa.Table.from_pylist(rows))
    prefix = ("--data-prefix", str(tmp_path))
    lines = call("candidates", *prefix).output.splitlines()
    assert [line.split()[1] for line in lines] == ["object", "b", "c", "a"]
    found = json.loads(call("candidates", *prefix, "--class", "fresh", "--json").stdout)
    assert [row["object_id"] for row in found["candidates"]] == ["b", "a"]
    tonight = json.loads(call("tonight", *prefix, "--json").stdout)
    assert tonight["has_candidates"]
    assert tonight["candidates"]["total"] == 0  # no alert of the night
    match(str(root), pair("e", "b", batch=1), pair("e", None, alert_id=5, batch=1))
    tonight = json.loads(call("tonight", *prefix, "--json").stdout)
    assert [row["object_id"] for row in tonight["candidates"]["rows"]] == ["b"]


def test_show_prints_an_event_or_an_object(data):
    prefix = ("--data-prefix", data)
    done = call("show", "Swift-1126853", *prefix)
    assert "event Swift-1126853: grb, Swift BAT, matched" in done.output
    assert "90 % within" in done.output
    assert "ZTF22x" in done.output
    assert "object ZTF22x" in call("show", "ZTF22x", *prefix).output
    assert json.loads(call("show", "ZTF22x", *prefix, "--json").stdout)["kind"] == (
        "object"
    )
    done = call("show", "Swift", *prefix)
    assert done.exit_code == 2
    assert done.output.count("\n") == 1
    assert "Swift-1126853" in done.output


def test_quarantine_lists_reasons(data):
    found = json.loads(call("quarantine", "--data-prefix", data, "--json").stdout)
    assert [row["reason"][:7] for row in found["documents"]] == ["not XML"]


def test_a_command_starts_without_spark_and_pandas_and_ends_silently_with_head(data):
    program = (
        "import sys; from fink_voevent.cli import main;"
        "import atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
        "main(sys.argv[1:], standalone_mode=False)"
    )
    for command in ("tonight", "events", "coincidences", "status"):
        done = subprocess.run(
            [sys.executable, "-c", program, command, "--data-prefix", data],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        loaded = set(done.stderr.split())
        assert "fink_voevent.store.batches" in loaded
        assert "fink_voevent.notices.normalisation" not in loaded  # all parsers
        assert not loaded & {"pyspark", "pandas", "twisted", "matplotlib", "py4j"}
        assert "FutureWarning" not in done.stderr


def test_head_ends_a_command_silently(data):
    reading, writing = os.pipe()
    os.close(reading)  # as `head` does once it has its lines
    done = subprocess.run(
        [sys.executable, "-m", "fink_voevent", "events", "--data-prefix", data],
        stdout=writing, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    os.close(writing)
    assert done.stderr == b""

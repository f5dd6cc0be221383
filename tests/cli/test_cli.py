# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tarfile
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from helpers.delta_tables import commit
from helpers.landed import landed
from helpers.programs import wait_for

from fink_voevent.cli import COMMANDS, main
from fink_voevent.cli.match import limits_reached, why_none
from fink_voevent.ingest.conversion import quarantine
from fink_voevent.offline.matching import MatchSummary
from fink_voevent.store.unread import UnreadFiles
from fink_voevent.tables.times import TimeRange


def call(*arguments: str, **environment: str):
    return CliRunner().invoke(main, arguments, env=environment)


NAMES = [name for commands in COMMANDS.values() for name in commands]


@pytest.mark.parametrize("name", [None, *NAMES])
def test_help_has_an_example(name):
    done = call(*([name] if name else []), "--help")
    assert done.exit_code == 0
    assert "Example" in done.output


def test_help_lists_every_command_completely_under_its_heading():
    lines = call("--help").output.splitlines()
    for heading, commands in COMMANDS.items():
        first = lines.index(f"{heading}:") + 1
        expected = [f"  {name:12}  {line}" for name, line in commands.items()]
        assert lines[first : first + len(expected)] == expected


@pytest.mark.parametrize("name", NAMES)
def test_the_line_of_a_command_is_the_first_line_of_its_own_help(name):
    (line,) = [commands[name] for commands in COMMANDS.values() if name in commands]
    assert call(name, "--help").output.splitlines()[2].strip() == line


def test_options_that_are_settings_show_name_and_default_of_the_setting():
    shown = " ".join(call("match", "--help").output.split())
    assert "(0-1, at most 0.99). (VOEVENT_CREDIBLE_LEVEL; default: 0.95)" in shown
    shown = " ".join(call("run", "--help").output.split())
    assert "May be repeated. (VOEVENT_SOURCES)" in shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_completion_is_printed(shell):
    done = subprocess.run(
        [sys.executable, "-m", "fink_voevent"],
        env={**os.environ, "_FINK_VOEVENT_COMPLETE": f"{shell}_source"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "_FINK_VOEVENT_COMPLETE" in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("fink_voevent st", {"stages", "status", "streams"}),
        ("fink_voevent match --cap", {"--cap-deg2"}),
    ],
)
def test_commands_and_options_are_completed(words, expected):
    variables = {
        "_FINK_VOEVENT_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-m", "fink_voevent"],
        env={**os.environ, **variables}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = {line.partition(",")[2] for line in done.stdout.splitlines()}
    assert found == expected


@pytest.mark.parametrize(
    ("command", "unwanted"),
    [
        ("--help", {"pydantic", "numpy", "pyarrow", "pyspark"}),
        ("match --help", {"numpy", "pyarrow", "pyspark"}),
        ("parse gbm_test.xml", {"pandas", "pyspark", "astropy", "twisted"}),
        ("land gbm_test.xml", {"pandas", "pyspark", "astropy", "twisted", "deltalake"}),
    ],
)
def test_a_command_imports_only_what_it_needs(datatest, tmp_path, command, unwanted):
    """Imports take most of the time of a command that reads one notice."""
    program = (
        "import sys\n"
        "from fink_voevent.cli import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    environment = {
        **os.environ,
        "VOEVENT_DATA_PREFIX": str(tmp_path / "data"),
        "VOEVENT_SPOOL": str(tmp_path / "spool"),
    }
    done = subprocess.run(
        [sys.executable, "-c", program, *command.split()], cwd=datatest / "voevents",
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert unwanted.isdisjoint(done.stderr.split())


def test_config_prints_every_setting_and_checks_them():
    done = call("config", "--check", VOEVENT_SURVEY="rubin")
    assert done.exit_code == 0
    assert "VOEVENT_SURVEY=rubin  [environment]" in done.output
    assert "ok:" in done.output
    done = call("config", "--check", VOEVENT_FILTERS="nowhere")
    assert done.exit_code == 2
    assert "No module named 'nowhere'" in done.output.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["config"], {"VOEVENT_SORCES": "x"}, "did you mean VOEVENT_SOURCES?"),
        (["run"], {}, "no source to listen to"),
        (["listen"], {}, "no source to listen to"),
        (["listen", "--source", "a:b"], {}, "not host, host:port"),
        (["parse", "/nowhere"], {}, "no such file or folder"),
        (["land", "/nowhere"], {}, "no such file or folder"),
        (["streams", "--streams", "/nowhere"], {}, "No such file"),
        (["filters"], {"VOEVENT_FILTERS": "nowhere"}, "nowhere"),
        (["filters", "--test", "x"], {"VOEVENT_FILTERS": "nowhere"}, "No module named"),
    ],
)
def test_an_error_is_one_line_and_code_2(tmp_path, arguments, environment, message):
    environment = {"VOEVENT_SPOOL": str(tmp_path / "spool")} | environment
    done = call(*arguments, **environment)
    assert done.exit_code == 2
    assert message in done.output
    assert len(done.output.strip().splitlines()) == 1


def test_match_reports_alerts_that_it_counted_but_did_not_match():
    counts = MatchSummary(
        3, 3, 2, 100, 5, {}, beyond_cap={"A": 7}, in_time_only={"B": 40}
    )
    outside, in_time = limits_reached(counts, 5000.0)
    assert outside == (
        "A: 7 more alerts lie in its region, outside the 5000 deg2 that are matched"
        " (--cap-deg2)"
    )
    assert in_time.startswith("B: its sky map is missing (--skymap-hosts); of the 40")


def test_parse_prints_a_line_for_every_document(datatest, tmp_path):
    bad = tmp_path / "bad.xml"
    bad.write_text("nonsense")
    done = call("parse", str(datatest / "voevents"), str(bad))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 0
    assert len(lines) == 10
    assert lines[-1]["file"] == str(bad)
    assert lines[-1]["reason"].startswith("not XML")
    assert all("event_id" in line for line in lines[:-1])
    assert "10 documents: 9 events, 1 cannot be read" in done.stderr


def test_documents_are_found_in_files_folders_archives_and_landing(datatest, tmp_path):
    archive = tmp_path / "notices.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(datatest / "voevents", arcname="voevents")
    raw = (datatest / "voevents" / "gbm_test.xml").read_bytes()
    old = tmp_path / "handler2020.parquet"
    pq.write_table(pa.table({"ivorn": ["x"], "raw_event": [raw.decode()]}), old)
    one = str(datatest / "voevents" / "gbm_test.xml")
    done = call("parse", str(archive), str(old), one)
    assert "11 documents: 11 events" in done.stderr


def test_land_reads_standard_input_as_comet_calls_it(datatest, tmp_path):
    raw = (datatest / "voevents" / "icecube170922a.xml").read_bytes()
    environment = {
        "VOEVENT_DATA_PREFIX": str(tmp_path / "data"),
        "VOEVENT_SPOOL": str(tmp_path / "spool"),
    }
    done = CliRunner().invoke(main, ["land"], input=raw, env=environment)
    assert done.exit_code == 0
    landing = str(tmp_path / "data" / "voevent" / "landing")
    parsed = call("parse", landing)
    row = json.loads(parsed.stdout)
    assert row["event_id"] == "IceCube-130033-50579430"
    (file,) = (tmp_path / "data").rglob("*.parquet")
    assert pq.read_table(file)["raw"].to_pylist() == [raw]


def test_land_refuses_empty_input(tmp_path):
    done = call("land", VOEVENT_SPOOL=str(tmp_path / "spool"))
    assert done.exit_code == 2
    assert "standard input is empty" in done.output


def test_streams_lists_every_block():
    done = call("streams")
    assert "fermi_gbm_final" in done.output
    assert "unknown" in done.output.splitlines()[-1]


def test_filters_lists_names_topics_and_rules():
    done = call("filters", "--survey", "rubin")
    assert "grb_bronze  topic fink_grb_bronze_lsst" in done.output
    assert "gamma-ray burst" in done.output


def test_a_filter_that_cannot_be_used_is_named_and_the_others_are_listed(
    tmp_path, monkeypatch
):
    folder = tmp_path / "theirs_torn" / "filter_torn"
    folder.mkdir(parents=True)
    for path in (folder.parent, folder):
        (path / "__init__.py").write_text("")
    (folder / "filter.py").write_text("def torn(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    both = {"VOEVENT_FILTERS": "fink_voevent.filters,theirs_torn"}
    done = call("filters", **both)
    assert done.exit_code == 2
    assert "grb_bronze  topic fink_grb_bronze_ztf" in done.output
    (line,) = [text for text in done.output.splitlines() if "theirs_torn" in text]
    assert "filter torn is left out" in line
    assert "SyntaxError" in line
    done = call("filters", "--test", "torn", **both)
    assert done.exit_code == 2
    assert "filter torn is left out" in done.output


def test_match_writes_and_prints_the_coincidences(datatest, tmp_path):
    """In another process, because the command starts and stops a Spark session."""
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-m", "fink_voevent", "match", "--format", "csv",
         "--alerts", str(datatest / "alerts"), "--out", str(out), "--window", "0,2",
         "--notices", str(datatest / "voevents" / "grb221009a_bat.xml"),
         str(datatest / "voevents" / "icecube170922a.xml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = pq.read_table(out / "coincidences.parquet").to_pylist()
    assert len(rows) == len((out / "coincidences.csv").read_text().splitlines()) - 1
    assert {r["event_id"] for r in rows} == {"Swift-1126853", "IceCube-130033-50579430"}
    assert len(done.stdout.splitlines()) == len(rows)
    assert "2 documents, 2 notices, 2 live events, 126 alerts" in done.stderr
    assert "Traceback" not in done.stderr


def test_match_without_alerts_reports_it_in_one_line(tmp_path):
    missing = str(tmp_path / "no")
    done = subprocess.run(
        [sys.executable, "-m", "fink_voevent", "match", "--alerts", missing,
         "--notices", str(tmp_path), "--out", str(tmp_path / "out")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "no science alerts at" in done.stderr


def test_streams_explains_where_each_value_came_from(datatest):
    path = datatest / "voevents" / "grb130702a_fin_pos.xml"
    done = call("streams", "--explain", str(path))
    assert done.exit_code == 0
    assert "fermi_gbm_final   <- the ivorn matches" in done.output
    assert "GBM-394416326   <- GBM-{TrigID}" in done.output
    assert "with systematic errors: core 90.0% at 3.71 deg" in done.output


@pytest.mark.parametrize(
    "name",
    [
        "nothing_but_an_ivorn.xml",
        "integral_wakeup.xml",
        "dummy_at_0_0.xml",
        "zero_error_takes_the_default.xml",
        "absurd_tjd_is_no_time.xml",
        "lvk_initial_with_map.json",
        "lvk_retraction.json",
        "gbm_flight_without_systematics.json",
        "maxi_ellipse.json",
    ],
)
def test_any_document_is_explained(datatest, name):
    path = datatest / ("traps" if name.endswith(".xml") else "json") / name
    done = call("streams", "--explain", str(path))
    assert done.exit_code == 0
    assert all("<-" in line for line in done.output.splitlines())


def test_a_document_that_cannot_be_read_is_explained_by_its_reason(tmp_path):
    (tmp_path / "bad.xml").write_text("nonsense")
    done = call("streams", "--explain", str(tmp_path / "bad.xml"))
    assert done.exit_code == 2
    assert "not XML" in done.output


def test_a_truncated_archive_is_reported_in_one_line(datatest, tmp_path):
    complete = tmp_path / "complete.tar.gz"
    with tarfile.open(complete, "w:gz") as tar:
        tar.add(datatest / "voevents", arcname="v")
    truncated = tmp_path / "truncated.tar.gz"
    truncated.write_bytes(complete.read_bytes()[:1500])
    done = call("parse", str(truncated))
    assert done.exit_code == 2
    assert "cannot be read" in done.output


def test_status_names_a_landed_file_that_is_not_parquet(tmp_path):
    landing = tmp_path / "voevent" / "landing"
    landing.mkdir(parents=True)
    (landing / "bad.parquet").write_bytes(b"")
    done = call("status", "--data-prefix", str(tmp_path))
    assert done.exit_code == 2
    assert "notices received 0" in done.output
    assert f"{landing}/bad.parquet in landing is not Parquet" in done.output


def test_quarantine_lists_documents_and_files_with_reasons_and_tries_them_again(
    tmp_path,
):
    root = tmp_path / "voevent"
    rows = quarantine(landed(b"hello", b"world"), ["not XML", "reading was stopped"])
    commit(str(root), "ingest", quarantine=pa.Table.from_batches([rows]))
    UnreadFiles(str(root), "ingest").add("/landing/torn.parquet", "no footer")
    prefix = ("--data-prefix", str(tmp_path))
    lines = call("quarantine", *prefix).output.splitlines()
    _, first, second, _, third, last = lines
    assert "voevent  localhost:8099  not XML" in first
    assert "reading was stopped" in second
    assert third.startswith("/landing/torn.parquet      1  ")
    assert third.endswith("no footer")
    assert last == "2 documents in quarantine, 1 files not read"
    done = call("quarantine", *prefix, "--reason", "stopped", "--retry")
    assert done.output == "1 documents and 0 files are tried again\n"
    (again,) = (root / "landing").rglob("*.parquet")
    assert pq.read_table(again, partitioning=None)["raw"].to_pylist() == [b"world"]


@pytest.mark.parametrize(
    "arguments", [["stages"], ["land"], ["run", "--source", "127.0.0.1:1"]], ids=str
)
def test_a_data_prefix_that_cannot_be_written_is_reported_in_one_line(
    tmp_path, datatest, arguments
):
    (tmp_path / "file").write_text("")
    extra = [str(datatest / "voevents")] if arguments == ["land"] else []
    environment = {
        **os.environ,
        "VOEVENT_DATA_PREFIX": str(tmp_path / "file"),
        "VOEVENT_SPOOL": str(tmp_path / "spool"),
    }
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "fink_voevent", *arguments, *extra],
            env=environment, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    if arguments[0] == "run":  # tries again, and logs it, until it is stopped
        wait_for(lambda: _REFUSED.search(log.read_text()) is not None)
        process.send_signal(signal.SIGINT)
        process.wait(60)
    else:
        assert process.wait(60) == 2
    assert "Traceback" not in log.read_text()
    assert _REFUSED.search(log.read_text())


_REFUSED = re.compile("cannot (make|write)")


def test_match_says_why_there_are_no_coincidences():
    night = TimeRange(1_665_270_000_000_000, 1_665_360_000_000_000)  # 8 and 9 Oct 2022
    counts = MatchSummary(3, 3, 2, 100, 0, {}, {}, {}, night, 0)
    assert why_none(counts).startswith(
        "no event's window covers the night: the alerts are of 2022-10-08 23:00 to"
        " 2022-10-10 00:00 UTC"
    )
    assert "windows of 2 events cover" in why_none(replace(counts, covering=2))
    assert "no notice gives a live event" in why_none(replace(counts, live=0))
    assert "no alerts at --alerts" in why_none(replace(counts, span=None))


@pytest.mark.parametrize("given", [["--data-prefix"], ["--spool", "--data-prefix"]])
def test_the_program_for_comet_takes_options(datatest, tmp_path, given):
    raw = (datatest / "voevents" / "gbm_test.xml").read_bytes()
    options = [part for name in given for part in (name, str(tmp_path / name[2:]))]
    environment = {**os.environ, "VOEVENT_SPOOL": str(tmp_path / "spool")}
    program = "from fink_voevent.cli.land import as_comet_command as c; c()"
    done = subprocess.run(
        [sys.executable, "-c", program, *options],
        input=raw, capture_output=True, env=environment, cwd=tmp_path, check=True,
    )  # fmt: skip
    assert b"1 documents landed" in done.stderr
    assert list((tmp_path / "data-prefix" / "voevent" / "landing").iterdir())
    assert not (tmp_path / "voevent-data").exists()


def test_the_program_for_comet_refuses_to_land_below_the_current_folder(tmp_path):
    environment = {**os.environ, "VOEVENT_SPOOL": str(tmp_path / "spool")}
    program = "from fink_voevent.cli.land import as_comet_command as c; c()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=b"<x/>", capture_output=True, env=environment, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert b"no data prefix is given: set VOEVENT_DATA_PREFIX" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_a_filter_without_description_shows_the_first_line_of_its_docstring(
    tmp_path, monkeypatch
):
    folder = tmp_path / "theirs_documented" / "filter_mine"
    folder.mkdir(parents=True)
    for path in (folder.parent, folder):
        (path / "__init__.py").write_text("")
    (folder / "filter.py").write_text(
        'def mine(messenger):\n    """Select bursts.\n\n    More."""\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    done = call("filters", VOEVENT_FILTERS="theirs_documented")
    assert done.output.splitlines()[1].strip() == "Select bursts."

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from fink_voevent.cli import COMMANDS, main
from fink_voevent.cli.match import told
from fink_voevent.offline.matching import MatchSummary


def call(*arguments: str, **environment: str):
    return CliRunner().invoke(main, arguments, env=environment)


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_help_has_an_example(name):
    done = call(*([name] if name else []), "--help")
    assert done.exit_code == 0
    assert "Example" in done.output


def test_config_prints_every_setting_and_checks_them():
    done = call("config", "--check", VOEVENT_SURVEY="rubin")
    assert done.exit_code == 0
    assert "VOEVENT_SURVEY=rubin  [environment]" in done.output
    assert "ok:" in done.output


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
    ],
)
def test_a_fault_is_one_line_and_code_2(tmp_path, arguments, environment, message):
    environment = {"VOEVENT_SPOOL": str(tmp_path / "spool")} | environment
    done = call(*arguments, **environment)
    assert done.exit_code == 2
    assert message in done.output
    assert len(done.output.strip().splitlines()) == 1


def test_match_tells_what_it_counted_and_did_not_pair():
    tally = MatchSummary(3, 3, 2, 100, 5, beyond_cap={"A": 7}, in_time_only={"B": 40})
    beyond, in_time = told(tally, 5000.0)
    assert (
        beyond == "A: 7 more alerts beyond the 5000 deg2 that are matched (--cap-deg2)"
    )
    assert in_time.startswith("B: 40 alerts in its window, in time only: its sky map")


def test_parse_accounts_for_every_document(datatest, tmp_path):
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


def test_land_takes_standard_input_as_the_command_of_comet(datatest, tmp_path):
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


def test_land_of_nothing_is_refused(tmp_path):
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


def test_match_writes_and_prints_the_coincidences(datatest, tmp_path):
    """In a process of its own: it makes, and stops, a Spark session."""
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


def test_match_without_alerts_says_so_in_one_line(tmp_path):
    nowhere = str(tmp_path / "no")
    done = subprocess.run(
        [sys.executable, "-m", "fink_voevent", "match", "--alerts", nowhere,
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


def test_a_torn_archive_is_told_in_one_line(datatest, tmp_path):
    whole = tmp_path / "whole.tar.gz"
    with tarfile.open(whole, "w:gz") as tar:
        tar.add(datatest / "voevents", arcname="v")
    torn = tmp_path / "torn.tar.gz"
    torn.write_bytes(whole.read_bytes()[:1500])
    done = call("parse", str(torn))
    assert done.exit_code == 2
    assert "cannot be read" in done.output


def test_status_of_a_store_with_a_file_that_is_no_parquet(tmp_path):
    landing = tmp_path / "voevent" / "landing"
    landing.mkdir(parents=True)
    (landing / "bad.parquet").write_bytes(b"")
    done = call("status", "--data-prefix", str(tmp_path))
    assert done.exit_code == 0
    assert "notices received 0" in done.output


@pytest.mark.parametrize(
    "arguments", [["stages"], ["land"], ["run", "--source", "127.0.0.1:1"]], ids=str
)
def test_a_data_prefix_that_cannot_be_written_is_one_line(
    tmp_path, datatest, arguments
):
    (tmp_path / "file").write_text("")
    extra = [str(datatest / "voevents")] if arguments == ["land"] else []
    environment = {
        **os.environ,
        "VOEVENT_DATA_PREFIX": str(tmp_path / "file"),
        "VOEVENT_SPOOL": str(tmp_path / "spool"),
    }
    command = [sys.executable, "-m", "fink_voevent", *arguments, *extra]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    ) as process:  # fmt: skip
        if arguments[0] == "run":  # goes on trying, and says so, until it is stopped
            time.sleep(6)
            process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert "Traceback" not in out
    assert "cannot make" in out or "cannot write" in out
    assert arguments[0] == "run" or process.returncode == 2

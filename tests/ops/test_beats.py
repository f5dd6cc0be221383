# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest
from helpers.programs import wait_for

from fink_voevent.ops import beats
from fink_voevent.ops.beats import RUNNING, STOPPED, beating, began, records


def now() -> datetime:
    return datetime.now(timezone.utc)


def test_a_process_says_that_it_runs_and_that_it_stopped(tmp_path):
    root = str(tmp_path)
    with beating(root, "stages", ["ingest", "match"]) as beat:
        wait_for(lambda: bool(records(root)))
        (found,) = records(root)
        assert (found.name, found.roles) == ("stages", ("ingest", "match"))
        assert (found.process, found.state) == (os.getpid(), RUNNING)
        assert found.is_alive(now())
        beat.child_ended("listen", -9)
        wait_for(lambda: bool(records(root)[0].ends))
    (found,) = records(root)
    assert found.state == STOPPED
    assert not found.is_alive(now())
    assert [(end.name, end.code) for end in found.ends] == [("listen", -9)]


def test_after_an_error_the_last_record_says_that_it_ran(tmp_path):
    with pytest.raises(KeyError), beating(str(tmp_path), "stages", ["ingest"]):
        wait_for(lambda: bool(records(str(tmp_path))))
        raise KeyError
    (found,) = records(str(tmp_path))
    assert found.state == RUNNING


def test_a_process_that_is_killed_is_not_alive_even_before_it_is_waited_for(tmp_path):
    program = (
        "import sys, time; from fink_voevent.ops.beats import beating\n"
        "with beating(sys.argv[1], 'listen', ['listen']): time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)])
    wait_for(lambda: bool(records(str(tmp_path))))
    (found,) = records(str(tmp_path))
    assert found.is_alive(now())
    process.kill()
    wait_for(lambda: not found.is_alive(now()))
    process.wait()
    assert not found.is_alive(now())
    assert began(process.pid) == ""


def test_a_folder_that_cannot_be_written_is_logged_once(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(beats, "BEAT_S", 0.01)
    (tmp_path / "processes").write_text("a file, not a folder")
    with beating(str(tmp_path), "listen", ["listen"]):
        wait_for(lambda: "the status does not know" in caplog.text)
    assert caplog.text.count("the status does not know") == 1


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"at": 1, "ends": [], "roles": []}', b"null"]
)
def test_a_record_that_is_damaged_is_left_out(tmp_path, content):
    folder = tmp_path / "processes"
    folder.mkdir()
    (folder / "host-listen.json").write_bytes(content)
    assert records(str(tmp_path)) == []


def test_a_record_without_a_time_zone_is_left_out(tmp_path):
    with beating(str(tmp_path), "listen", ["listen"]):
        wait_for(lambda: bool(records(str(tmp_path))))
    (file,) = (tmp_path / "processes").glob("*.json")
    values = json.loads(file.read_text()) | {"at": "2024-01-15T03:00:00"}
    file.write_text(json.dumps(values))
    assert records(str(tmp_path)) == []


def test_ends_are_forgotten_after_an_hour(tmp_path, monkeypatch):
    monkeypatch.setattr(beats, "KEEP_ENDS", timedelta(0))
    with beating(str(tmp_path), "run", []) as beat:
        beat.child_ended("listen", 1)
        beat.child_ended("stages", 1)
    (found,) = records(str(tmp_path))
    assert [end.name for end in found.ends] == ["stages"]

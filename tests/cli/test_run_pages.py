# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The process of `run` that makes pages: it has a beat, and ends with `run`."""

from __future__ import annotations

import os
import sys
import threading

from helpers.live_server import Tables
from helpers.programs import program, wait_for

from fink_voevent.cli.run import commands
from fink_voevent.config.load import load
from fink_voevent.ops.beats import PAGES, STOPPED, began, records
from fink_voevent.ops.supervisor import VARIABLE, Child, supervise

SUPERVISOR = """
import os, subprocess, sys
environment = {**os.environ, "FINK_VOEVENT_SUPERVISOR": str(os.getpid())}
command = [sys.executable, "-m", "fink_voevent", "page", "--follow"]
print(subprocess.Popen(command, env=environment).pid, flush=True)
sys.stdin.read()
"""


def test_pages_are_made_by_run_if_there_is_a_folder_for_them():
    assert commands(load({}).settings) == [["listen"], ["stages"]]
    found = commands(load({"VOEVENT_PAGES": "/pages"}).settings)
    assert found == [["listen"], ["stages"], ["page", "--follow"]]


def test_pages_are_kept_up_to_date_with_a_beat(tmp_path):
    tables = Tables(tmp_path, ["grb221009a_xrt.xml"])
    page = tmp_path / "pages" / "Swift-1126853" / "index.html"
    environment = {
        **os.environ,
        "VOEVENT_DATA_PREFIX": tables.data,
        "VOEVENT_PAGES": str(tmp_path / "pages"),
        VARIABLE: str(os.getpid()),
    }
    command = [sys.executable, "-m", "fink_voevent", "page", "--follow"]
    stop = threading.Event()
    child = Child("page", command, environment)
    arguments = ([child], stop, lambda: None, 60.0)
    thread = threading.Thread(target=supervise, args=arguments)
    thread.start()
    try:
        wait_for(page.exists)
        (beat,) = records(tables.root)
        assert (beat.name, beat.roles) == ("page", (PAGES,))
        tables.commit_match()
        wait_for(lambda: "ZTF22aaaagrb" in page.read_text("utf-8"))
    finally:
        stop.set()
        thread.join()
    assert [one.state for one in records(tables.root)] == [STOPPED]


def test_the_process_ends_if_run_was_killed(tmp_path):
    tables = Tables(tmp_path, ["grb221009a_xrt.xml"])
    environment = {
        "VOEVENT_DATA_PREFIX": tables.data,
        "VOEVENT_PAGES": str(tmp_path / "pages"),
    }
    with program("-c", SUPERVISOR, **environment) as process:
        number = int(process.stdout.readline())
        wait_for(lambda: bool(records(tables.root)))
        process.kill()
    wait_for(lambda: not began(number), 40)

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A document can end the process that reads it, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from helpers.fits_maps import multi_order_map
from helpers.hostile import HONEST, KINDS
from helpers.landed import landed
from helpers.programs import wait_for

from fink_voevent.errors import NoticeError
from fink_voevent.ingest.reader import STOPPED, Reader
from fink_voevent.notices import streams
from fink_voevent.tables.schema import arrow_schema

# A regular expression of an operator that takes exponential time on some ivorns.
SLOW_PATTERN = """
[[stream]]
name = "slow"
pattern = "ivo://org.example/slow#(a+)+$"
messenger = "grb"
"""
SLOW = HONEST % 0
SLOW = SLOW.replace(b"honest#0", b"slow#" + b"a" * 40 + b"!")


def ivorns(converted) -> list[str]:
    return converted["events"]["ivorn"].to_pylist()


def reasons(converted) -> list[str]:
    return converted["quarantine"]["reason"].to_pylist()


@pytest.fixture(scope="module")
def reader(registry):
    with Reader(registry) as made:
        yield made


@pytest.fixture(scope="module")
def slow_registry(tmp_path_factory):
    path = tmp_path_factory.mktemp("streams") / "streams.toml"
    path.write_text(SLOW_PATTERN)
    return streams.load(str(path))


@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_document_is_refused_or_read_and_harms_no_other(reader, kind):
    make, right = KINDS[kind]
    converted = reader.convert(landed(HONEST % 1, make(), HONEST % 2))
    found = ivorns(converted)
    assert "ivo://org.example/honest#1" in found
    assert "ivo://org.example/honest#2" in found
    if right == "event":
        assert len(found) == 3
        assert reasons(converted) == []
    else:
        (reason,) = reasons(converted)
        assert right in reason
        assert "please report" not in reason


def test_a_document_that_takes_too_much_processor_time_is_refused_alone(slow_registry):
    with Reader(slow_registry, cpu_s=0.3) as reader:
        converted = reader.convert(landed(HONEST % 1, SLOW, HONEST % 2))
        assert len(ivorns(converted)) == 2
        assert reasons(converted) == [
            f"{STOPPED}it takes more than 0.3 s of processor time"
        ]
        assert ivorns(reader.convert(landed(HONEST % 3)))


def test_a_document_that_needs_too_much_memory_is_refused_alone(registry):
    make, _ = KINDS["millions of numbers"]
    with Reader(registry, memory_bytes=40 * 2**20) as reader:
        converted = reader.convert(landed(HONEST % 1, make(), HONEST % 2))
    assert len(ivorns(converted)) == 2
    (reason,) = reasons(converted)
    assert "too much memory" in reason


def test_a_process_that_has_kept_much_memory_is_replaced(registry):
    with Reader(registry, memory_bytes=60 * 2**20) as reader:
        reader.convert(landed(HONEST % 1))
        before = reader.pid
        reader.convert(landed(b"<a>" + b"b" * 9_000_000 + b"</a>"))
        assert reader.pid is None or reader.pid == before
        assert len(ivorns(reader.convert(landed(HONEST % 1)))) == 1


@pytest.mark.parametrize(
    ("number", "reason"), [(signal.SIGSEGV, "SIGSEGV"), (signal.SIGABRT, "SIGABRT")]
)
def test_a_document_on_which_the_process_dies_is_refused(slow_registry, number, reason):
    with Reader(slow_registry, cpu_s=30) as reader:
        reader.convert(landed(HONEST % 1))
        timer = threading.Timer(0.3, os.kill, (reader.pid, number))
        timer.start()
        converted = reader.convert(landed(SLOW))
        timer.join()
    assert reasons(converted) == [f"{STOPPED}the process ended ({reason})"]


def test_a_process_that_others_kill_is_started_again_for_the_same_document(
    slow_registry,
):
    with Reader(slow_registry, cpu_s=1) as reader:
        reader.convert(landed(HONEST % 1))
        first = reader.pid
        timer = threading.Timer(0.2, os.kill, (first, signal.SIGKILL))
        timer.start()
        converted = reader.convert(landed(SLOW))
        timer.join()
        os.kill(first_pid(reader), signal.SIGKILL)
        assert ivorns(reader.convert(landed(HONEST % 2)))
    assert "processor time" in reasons(converted)[0]  # the second try found out


def test_an_interrupted_request_leaves_no_answer_for_the_next_one(slow_registry):
    def interrupt(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with Reader(slow_registry, cpu_s=1) as reader:
            reader.convert(landed(HONEST % 1))
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(TimeoutError):
                reader.convert(landed(SLOW))
            assert reader.pid is None
            assert ivorns(reader.convert(landed(HONEST % 2))) == [
                "ivo://org.example/honest#2"
            ]
    finally:
        signal.signal(signal.SIGALRM, before)


def first_pid(reader: Reader) -> int:
    """Return the process of a reader, started if there is none."""
    reader.convert(landed(HONEST % 9))
    assert reader.pid is not None
    return reader.pid


def test_time_spent_waiting_is_not_counted(registry):
    with Reader(registry, cpu_s=0.5) as reader:
        reader.convert(landed(HONEST % 1))
        os.kill(reader.pid, signal.SIGSTOP)
        timer = threading.Timer(1.0, os.kill, (reader.pid, signal.SIGCONT))
        timer.start()
        started = time.monotonic()
        assert ivorns(reader.convert(landed(HONEST % 2)))
        assert time.monotonic() - started > 0.5
        timer.join()


def test_the_process_ends_with_the_one_that_started_it():
    script = (
        "import sys, time\n"
        "from fink_voevent.ingest.reader import Reader\n"
        "from fink_voevent.notices import streams\n"
        "reader = Reader(streams.load())\n"
        "try:\n    reader.read_map(b'')\n"
        "except Exception as error:\n    print(reader.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE
    ) as parent:
        child = int(parent.stdout.readline())
        assert Path(f"/proc/{child}").exists()
        parent.kill()
    wait_for(lambda: not _runs(child))


def _runs(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_sky_map_is_read_into_a_row_of_maps(reader):
    import numpy as np

    found = reader.read_map(multi_order_map(np.arange(768.0)))
    for table, rows in found.items():
        assert rows.schema == arrow_schema(table)
        assert rows.num_rows == 1
    assert found["maps"]["skymap_url"].to_pylist() == [None]
    assert len(found["regions"]["pixels"][0]) > 100


def test_what_is_no_sky_map_is_refused_with_the_reason(reader):
    with pytest.raises(NoticeError, match="sky map"):
        reader.read_map(b"hello")

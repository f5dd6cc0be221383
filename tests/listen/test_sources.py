# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Gaps of real brokers, and of the listener itself, are in the table `sources`."""

from __future__ import annotations

import signal
from itertools import pairwise
from pathlib import Path

from click.testing import CliRunner
from confluent_kafka import Producer
from helpers.programs import broadcaster, listener, program, wait_for

from fink_voevent.cli import main
from fink_voevent.store.delta import Tables
from fink_voevent.store.kafka_brokers import Brokers
from fink_voevent.tables.schema import stored_schema


def periods(folder: Path) -> list[dict]:
    """Return the rows of the table, in the order of time."""
    found = Tables(str(folder / "data/voevent")).arrow(
        "sources", stored_schema("sources").names
    )
    return sorted(
        found.to_pylist(), key=lambda row: (row["since"], row["until"] is None)
    )


def is_in(state: str, folder: Path) -> bool:
    return [row["state"] for row in periods(folder)][-1:] == [state]


def status(folder: Path) -> str:
    options = ["--data-prefix", str(folder / "data"), "--spool", str(folder / "spool")]
    return CliRunner().invoke(main, ["status", *options]).output


def test_gaps_of_a_vtp_broker_and_of_the_listener_are_recorded(datatest, tmp_path):
    often = {"VOEVENT_MAX_RECONNECT_S": "1"}
    with broadcaster(datatest / "voevents") as (port, comet):
        with listener(port, tmp_path, **often) as killed:
            count = int(comet.stdout.readline().split()[1])
            wait_for(lambda: is_in("connected", tmp_path))
            comet.terminate()
            wait_for(lambda: is_in("lost", tmp_path))
            assert f"source 127.0.0.1:{port}: not connected since" in status(tmp_path)
            with broadcaster(port=port):
                wait_for(lambda: is_in("connected", tmp_path))
                killed.kill()
                killed.wait()
                with listener(port, tmp_path, **often) as stopped:
                    wait_for(lambda: len(periods(tmp_path)) == 7)
                    assert f"source 127.0.0.1:{port}: connected" in status(tmp_path)
                    assert "gaps in 24 h: 2" in status(tmp_path)
                    stopped.send_signal(signal.SIGTERM)
                    assert stopped.wait(30) == 0
    found = periods(tmp_path)
    assert [row["state"] for row in found] == [
        *("lost", "connected", "lost", "connected"),
        *("stopped", "lost", "connected", "stopped"),
    ]
    assert all(one["until"] == following["since"] for one, following in pairwise(found))
    assert {row["source"] for row in found} == {f"127.0.0.1:{port}"}
    assert len({row["listener"] for row in found}) == 1
    assert sum(row["documents"] for row in found) == count
    assert found[1]["last_document"] == found[-1]["last_document"]
    assert found[1]["last_sign"] >= found[1]["last_document"]
    assert "the listener stopped" in status(tmp_path)


def test_a_vtp_broker_that_does_not_exist_is_lost_with_the_reason(tmp_path):
    with listener(1, tmp_path):
        wait_for(lambda: is_in("lost", tmp_path))
        wait_for(lambda: "refused" in status(tmp_path))
    assert "gaps in 24 h: 0" in status(tmp_path)


def test_gaps_of_a_kafka_broker_are_recorded(broker, tmp_path):
    topic = "test_gaps_of_a_kafka_broker"
    Brokers(broker.login()).create([topic])
    producer = Producer(broker.login())
    producer.produce(topic, b"<a/>")
    assert producer.flush(30) == 0
    source = f"kafka://{broker.plain}/{topic}"
    missing = f"kafka://{broker.plain}/nothing"
    environment = {
        "VOEVENT_SOURCES": f"{source},{missing}",
        "VOEVENT_DATA_PREFIX": str(tmp_path / "data"),
        "VOEVENT_SPOOL": str(tmp_path / "spool"),
    }

    def own() -> list[dict]:
        return [row for row in periods(tmp_path) if row["source"] == source]

    def states() -> list[str]:
        return [row["state"] for row in own()]

    with program("-m", "fink_voevent", "listen", **environment) as process:
        wait_for(lambda: states() == ["lost", "connected"])
        broker.stop()
        try:
            wait_for(lambda: states() == ["lost", "connected", "lost"])
            assert own()[-1]["reason"]
        finally:
            broker.start()
        wait_for(lambda: states()[-1] == "connected")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert sum(row["documents"] for row in own()) == 1
    assert own()[-1]["last_sign"] > own()[-1]["last_document"]
    others = [row for row in periods(tmp_path) if row["source"] == missing]
    assert [row["state"] for row in others] == ["lost", "stopped"]
    assert "nothing" in others[0]["reason"]

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Hostile documents over real VTP and Kafka stop no stage of a real ``run``."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest
from confluent_kafka import Producer
from helpers.hostile import HONEST, KINDS
from helpers.programs import broadcaster, program, wait_for

from fink_voevent.ops import quarantine
from fink_voevent.ops.status import Observer
from fink_voevent.store.batches import FIRST, BatchLog
from fink_voevent.store.delta import Tables
from fink_voevent.store.kafka_brokers import Brokers

LIMIT_S = 150
# Larger than what VTP and Kafka transport: the listener refuses it.
TOO_LARGE = "too large"


@pytest.mark.slow
def test_hostile_documents_among_honest_ones_stop_no_stage(
    tmp_path, broker, prefix, datatest
):
    hostile = {kind: make() for kind, (make, _) in KINDS.items() if kind != TOO_LARGE}
    over_kafka = {
        kind: raw
        for kind, raw in hostile.items()
        if raw[:1] in (b"{", b"") and len(raw) < 4 * 2**20
    }
    over_vtp = {kind: raw for kind, raw in hostile.items() if kind not in over_kafka}
    (tmp_path / "vtp").mkdir()
    for number, raw in enumerate(over_vtp.values()):
        (tmp_path / "vtp" / f"{number:03d}-a").write_bytes(HONEST % number)
        (tmp_path / "vtp" / f"{number:03d}-b").write_bytes(raw)
    topic = f"{prefix}notices"
    Brokers({"bootstrap.servers": broker.plain}).create([topic], 1)
    producer = Producer(
        {"bootstrap.servers": broker.plain, "message.max.bytes": 8 * 2**20}
    )
    for number, raw in enumerate(over_kafka.values(), len(over_vtp)):
        producer.produce(topic, raw)
        producer.produce(topic, HONEST % number)
    assert producer.flush(30) == 0
    science = tmp_path / "data" / "science" / "20221009"
    shutil.copytree(datatest / "alerts", science)
    refused = {kind for kind in hostile if KINDS[kind][1] != "event"}
    with (
        broadcaster(tmp_path / "vtp") as (port, _),
        _run(
            tmp_path,
            VOEVENT_SOURCES=f"127.0.0.1:{port},kafka://{broker.plain}/{topic}",
        ) as process,
    ):
        root = str(tmp_path / "data" / "voevent")
        observer = Observer(root)

        def all_are_read() -> bool:
            assert process.poll() is None
            status = observer.status()
            return status.events + status.quarantined >= 2 * len(hostile)

        wait_for(all_are_read, LIMIT_S)
        status = observer.status()
        assert status.problems == ()
        assert status.quarantined == len(refused)
        assert status.events == 2 * len(hostile) - len(refused)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        log = process.stdout.read()
    assert "Traceback" not in log
    assert "failed" not in log
    assert "started again" not in log
    found = {i for i in _ivorns(root) if "honest#" in i}
    assert found == {(HONEST_IVORN % n) for n in range(len(hostile))}
    reasons = quarantine.documents(root)["reason"].to_pylist()
    assert not [r for r in reasons if "please report" in r]


HONEST_IVORN = "ivo://org.example/honest#%d"


def _run(folder: Path, **environment: str):
    """Run all stages and the listener."""
    return program(
        *("-m", "fink_voevent", "run"),
        **environment,
        VOEVENT_DATA_PREFIX=str(folder / "data"),
        VOEVENT_SPOOL=str(folder / "spool"),
        VOEVENT_NIGHT="20221009",
        VOEVENT_LANDING_S="0.5",
        VOEVENT_TRIGGER_S="0.5",
        VOEVENT_SPARK_MASTER="local[2]",
    )


def _ivorns(root: str) -> list[str]:
    tables = Tables(root)
    last = BatchLog(tables, "ingest").last_done()
    return tables.rows_of("events", ["ivorn"], FIRST, last)["ivorn"].to_pylist()

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Measure the time from a sender's socket to the Kafka message, with all services.

``python benchmarks/latency.py [ALERTS] [NOTICES]`` writes ``build/bench/latency.json``.
VOEvents are submitted to a VTP broker, one every few seconds. ``fink_voevent run``
listens to the broker, with batches every second, and packets are read from a real
Kafka. Every second notice is at the position of stored alerts; the others are where
there are no alerts. For comparison, the time of a document through the VTP broker alone
is measured too.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Consumer

ROOT = Path(__file__).parent.parent
sys.path += [str(ROOT / name) for name in ("tests", "datatest", "demo")]

from helpers.kafka_broker import Broker  # noqa: E402
from notices import Notice, xml  # noqa: E402
from processes import comet_broker  # noqa: E402
from ztf_alerts import ALERT, alert  # noqa: E402

from fink_voevent.ops.status import Observer  # noqa: E402
from fink_voevent.publish.submit import port_of, submit  # noqa: E402

NIGHT = "20221009"
JD0 = 2459862.0  # 2022-10-09 12:00 UTC
EVERY_S = 10.0  # between notices; GCN sends one every few minutes
LIMIT_S = 300.0
CUTOUT_BYTES = 5_000  # three cutouts: an alert of 15 kB, as ZTF's
FILE_ALERTS = 20_000
TOPIC = "fink_grb_bronze_ztf"


def places(count: int) -> np.ndarray:
    """Right ascensions (deg) of the notices: an even grid. Shape (count,)."""
    return np.linspace(1, 359, count)


def write_alerts(folder: Path, count: int, notices: int) -> None:
    """Write alerts of realistic size to Parquet files.

    Three alerts are at the position of each notice with an even number; `count` others
    are in the south, far from all notices.
    """
    rng = np.random.default_rng(1)
    folder.mkdir(parents=True)
    matching = [
        alert(n * 10 + k, f"ZTF{n}x{k}", float(ra), 40.0, JD0 + 0.3, 18.0, 0.0, -2.0,
              "Unknown", 0.95)
        for n, ra in enumerate(places(notices)) if n % 2 == 0 for k in range(3)
    ]  # fmt: skip
    for first in range(0, count, FILE_ALERTS):
        rows = matching if first == 0 else []
        size = min(FILE_ALERTS, count - first)
        far = rng.uniform((0, -80), (360, -20), (size, 2))
        rows = rows + [
            alert(10**6 + first + i, f"ZTF{first + i}", ra, dec, JD0 + 0.3, 19.0, -5.0,
                  -9.0, "Unknown", 0.9)
            for i, (ra, dec) in enumerate(far.tolist())
        ]  # fmt: skip
        for row in rows:
            cutout = {"fileName": "x", "stampData": rng.bytes(CUTOUT_BYTES)}
            row |= dict.fromkeys(
                ("cutoutScience", "cutoutTemplate", "cutoutDifference"), cutout
            )
        table = pa.Table.from_pylist(rows, schema=ALERT)
        pq.write_table(table, folder / f"{first:08d}.parquet")


def voevent_of(number: int, ra: float) -> bytes:
    """VOEvent of a burst at right ascension `ra` (deg), a few arcminutes wide."""
    params = (
        ("Packet_Type", "61", ""),
        ("TrigID", str(2_000_000 + number), ""),
        ("Burst_TJD", "19861", "days"),
        ("Burst_SOD", "45000.0", "sec"),
    )
    ivorn = f"ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_{2_000_000 + number}-{number}"
    when = "2022-10-09T12:30:00"
    return xml(Notice("x", ivorn, when, when, params, (float(ra), 40.0, 0.05))).encode()


@contextlib.contextmanager
def running(command: list[str], log: Path, **environment: str) -> Iterator[None]:
    """Run a program during the body of a ``with`` statement; its output is in `log`."""
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            command, stdout=out, stderr=out, env={**os.environ, **environment}
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def wait_until(test: Callable[[], bool]) -> None:
    """Wait until a test is true; TimeoutError after `LIMIT_S`."""
    end = time.monotonic() + LIMIT_S
    while not test():
        if time.monotonic() > end:
            raise TimeoutError(f"the benchmark waited more than {LIMIT_S:.0f} s")
        time.sleep(0.2)


def echo_s(receive: int, out: int, raw: bytes) -> float:
    """Time (s) of a document through the VTP broker alone."""
    with socket.create_connection(("127.0.0.1", out)) as reader:
        _message(reader)  # the broker's greeting: from now on we are a subscriber
        started = time.perf_counter()
        submit(port_of(("127.0.0.1", receive)), raw, 30)
        while raw not in _message(reader):
            pass
        return time.perf_counter() - started


def _is_listening(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def _message(reader: socket.socket) -> bytes:
    (length,) = struct.unpack("!I", reader.recv(4, socket.MSG_WAITALL))
    return reader.recv(length, socket.MSG_WAITALL)


def measure(consumer: Consumer, receive: int, notices: int) -> list[float]:
    """Send all notices; return the latencies (s) of those that match alerts."""
    sent, latency = {}, {}
    due = time.perf_counter() + 1
    number = 0
    end = due + notices * EVERY_S + LIMIT_S
    wanted = (notices + 1) // 2
    while len(latency) < wanted and time.perf_counter() < end:
        if number < notices and time.perf_counter() >= due:
            raw = voevent_of(number, places(notices)[number])
            sent[f"Swift-{2_000_000 + number}"] = time.perf_counter()
            submit(port_of(("127.0.0.1", receive)), raw, 30)
            number, due = number + 1, due + EVERY_S
        message = consumer.poll(0.02)
        if message is None or message.error():
            continue
        arrived = time.perf_counter()
        value = message.value()
        for event, moment in sent.items():
            if event not in latency and event.encode() in value:
                latency[event] = arrived - moment
    return list(latency.values())


def main(alerts: int, notices: int) -> None:
    """Measure; print the figures and write them."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "kafka").mkdir()
        broker = Broker(folder / "kafka")
        try:
            latency, echo = _run(folder, broker, alerts, notices)
        finally:
            broker.stop()
    cuts = statistics.quantiles(latency, n=20)
    figures = {
        "alerts": alerts,
        "notices": notices,
        "matched": len(latency),
        "p50_s": statistics.median(latency),
        "p95_s": cuts[18],
        "largest_s": max(latency),
        "vtp_alone_s": echo,
        "ratio_p50_to_vtp_alone": statistics.median(latency) / echo,
    }
    rounded = {k: round(v, 4) for k, v in figures.items()}
    out = ROOT / "build" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    (out / "latency.json").write_text(json.dumps(rounded, indent=2) + "\n")
    print(json.dumps(rounded, indent=2))


def _run(
    folder: Path, broker: Broker, alerts: int, notices: int
) -> tuple[list[float], float]:
    comet, receive, out = comet_broker(folder / "comet")
    write_alerts(folder / "incoming", alerts, notices)
    environment = {
        "VOEVENT_SPOOL": str(folder / "spool"),
        "VOEVENT_DATA_PREFIX": str(folder / "data"),
        "VOEVENT_NIGHT": NIGHT,
        "VOEVENT_TRIGGER_S": "1",
        "VOEVENT_KAFKA_SERVERS": broker.plain,
        "VOEVENT_SOURCES": f"127.0.0.1:{out}=ivo://*",
        "VOEVENT_LOCAL_IVO": "ivo://org.example.bench/fink",
    }
    command = [sys.executable, "-m", "fink_voevent"]
    sink = [
        *(sys.executable, str(ROOT / "demo" / "science.py"), str(folder / "incoming")),
        *(f"{folder}/data/science/{NIGHT}", str(folder / "checkpoint")),
    ]
    observer = Observer(f"{folder}/data/voevent")
    logs = {name: folder / f"{name}.log" for name in ("comet", "sink", "run")}
    with running(comet, logs["comet"]):
        wait_until(lambda: _is_listening(out))
        echo = echo_s(receive, out, voevent_of(900_000, 10.0))
        with (
            running(sink, logs["sink"]),
            running([*command, "run"], logs["run"], **environment),
        ):
            try:
                total = alerts + 3 * ((notices + 1) // 2)
                wait_until(lambda: observer.status().alerts == total)
                consumer = _consumer(broker)
                submit(port_of(("127.0.0.1", receive)), voevent_of(800_000, 10.0), 30)
                wait_until(lambda: observer.status().live_notices == 1)
                wait_until(lambda: "warmed up" in logs["run"].read_text())
                return measure(consumer, receive, notices), echo
            finally:
                keep = ROOT / "build" / "bench"
                keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(logs["run"], keep / "latency.log")


def _consumer(broker: Broker) -> Consumer:
    options = {"bootstrap.servers": broker.plain, "group.id": "bench"}
    consumer = Consumer({**options, "auto.offset.reset": "earliest"})
    consumer.subscribe([TOPIC])
    return consumer


if __name__ == "__main__":
    numbers = [int(n) for n in sys.argv[1:3]]
    main(*(numbers + [200_000, 100][len(numbers) :]))

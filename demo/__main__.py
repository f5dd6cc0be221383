# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``make demo``: from VOEvents on the wire to coincidences on topics, on one machine.

A real Comet broker broadcasts the notices of ``datatest``; ``fink_voevent run``
receives them; ZTF-like alerts reach ``science/<night>`` through a real Spark file sink
while it runs, some before their notice and some after. What is found goes out again as
VOEvents, to a second Comet that knows nothing of us.
"""

from __future__ import annotations

import csv
import json
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
from fink_client.avro_utils import AlertReader
from processes import (
    DemoError,
    comet_broker,
    comet_subscriber,
    free_port,
    is_open,
    running,
    send,
    wait_for,
)

from fink_voevent.cli.match import one_line
from fink_voevent.notices import voevent
from fink_voevent.ops.status import Observer
from fink_voevent.publish.outbox import Outbox

ROOT = Path(__file__).parent.parent
DATA = ROOT / "datatest"
ALERTS = DATA / "alerts"
BUILD = ROOT / "build" / "demo"
NIGHT = "20221009"
LIMIT_S = 120.0
FIRST = 3  # the alert, flight and ground notices of one burst; its final one comes late


def main() -> int:
    """Run the demo, print what happened, and return the exit code."""
    started = time.monotonic()
    shutil.rmtree(BUILD, ignore_errors=True)
    for folder in ("data/science", "incoming", "logs"):
        (BUILD / folder).mkdir(parents=True)
    notices = sorted((DATA / "voevents").glob("*.xml"), key=issued)
    with (DATA / "expected" / "coincidences.csv").open(encoding="utf-8") as text:
        expected = list(csv.DictReader(text))
    try:
        observer = _run(notices, len(expected))
    except DemoError as error:
        print(f"demo failed: {error}; see {BUILD / 'logs'}", file=sys.stderr)
        return 1
    return _report(observer, notices, expected, time.monotonic() - started)


def _run(notices: list[Path], expected: int) -> Observer:
    logs, data = BUILD / "logs", BUILD / "data"
    observer = Observer(f"{data}/voevent")
    broker, receive, broadcast = comet_broker(BUILD / "comet")
    ours = [
        sys.executable, "-m", "fink_voevent", "run",
        "--source", f"127.0.0.1:{broadcast}", "--data-prefix", str(data),
        "--night", NIGHT, "--spool", str(BUILD / "spool"),
    ]  # fmt: skip
    sink = [
        sys.executable, str(Path(__file__).parent / "science.py"),
        str(BUILD / "incoming"), f"{data}/science/{NIGHT}", str(BUILD / "checkpoint"),
    ]  # fmt: skip
    shutil.copy(ALERTS / "early.parquet", BUILD / "incoming")
    fast = {"VOEVENT_TRIGGER_S": "1", "VOEVENT_WARMUP_NOTICES": "0"}
    ours_out, theirs, publishing = _outward(data)
    with (
        running(broker, logs / "comet.log"),
        running(ours_out, logs / "broadcast.log", publishing),
        running(theirs, logs / "subscriber.log"),
        running(sink, logs / "science.log"),
        running(ours, logs / "run.log", fast),
    ):
        _find(notices, expected, observer, receive)
        _send_out(publishing)
    print((logs / "run.log").read_text(encoding="utf-8").strip().splitlines()[-1])
    return observer


def _find(notices: list[Path], expected: int, observer: Observer, receive: int) -> None:
    """Send notices and alerts, some first, some later, until all pairs are routed."""
    wait_for("Comet's broker listens", lambda: is_open(receive), LIMIT_S)
    log = BUILD / "logs" / "run.log"
    wait_for("the listener connects", lambda: _says(log, "connected to"), LIMIT_S)
    print("a Comet broker broadcasts; fink_voevent listens")
    for notice in notices[:FIRST]:
        send(notice, receive)
    print(f"{FIRST} notices sent; alerts come in meanwhile")
    wait_for("alerts are searched", lambda: observer.status().alerts > 0, LIMIT_S)
    wait_for("first pairs are found", lambda: _standing(observer) > 0, LIMIT_S)
    for notice in notices[FIRST:]:
        send(notice, receive)
    print(
        f"{len(notices) - FIRST} more notices sent: a better position of an event,"
        " and new events, after alerts that they meet"
    )
    wait_for(
        "all notices are events",
        lambda: observer.status().events == len(notices),
        LIMIT_S,
    )
    shutil.copy(ALERTS / "late.parquet", BUILD / "incoming")
    print("more alerts come in, after their notices")
    total = sum(pq.read_metadata(f).num_rows for f in ALERTS.glob("*.parquet"))
    wait_for(
        "all alerts are searched",
        lambda: observer.status().alerts == total,
        LIMIT_S,
    )
    wait_for("all pairs are found", lambda: _standing(observer) == expected, LIMIT_S)
    wait_for("all pairs are routed", observer.route_is_done, LIMIT_S)


def _send_out(publishing: dict[str, str]) -> None:
    """Publish what was found, until the subscriber has it all."""
    wait_for("the subscriber hears our broker", _hears, LIMIT_S)
    publish = [sys.executable, "-m", "fink_voevent", "publish"]
    with running(publish, BUILD / "logs" / "publish.log", publishing):
        wait_for("VOEvents go out", lambda: _outgoing(publishing), LIMIT_S)
        wait_for(
            "the subscriber has them all",
            lambda: len(_received()) == len(_outgoing(publishing)),
            LIMIT_S,
        )


def _outward(data: Path) -> tuple[list[str], list[str], dict[str, str]]:
    """Command of our broker, of a Comet subscriber to it, and our settings."""
    taking, serving = free_port(), free_port()
    ours = [
        sys.executable, "-m", "fink_voevent", "broadcast",
        "--port", str(serving), "--receive-port", str(taking),
    ]  # fmt: skip
    settings = {
        "VOEVENT_DATA_PREFIX": str(data),
        "VOEVENT_SPOOL": str(BUILD / "spool"),
        "VOEVENT_LOCAL_IVO": "ivo://org.example.fink/demo",
        "VOEVENT_PUBLISH": "grb_bronze,neutrino_bronze",
        "VOEVENT_PUBLISH_DRY_RUN": "false",  # to our own broker, on loopback
        "VOEVENT_PUBLISH_TO": f"127.0.0.1:{taking}",
        "VOEVENT_PUBLISH_PER_HOUR": "1000",
        "VOEVENT_BROADCAST_TEST_S": "0",
    }
    return ours, comet_subscriber(BUILD / "subscriber", serving), settings


def _hears() -> bool:
    return _says(BUILD / "logs" / "subscriber.log", "Authenticate received")


def _outgoing(settings: dict[str, str]) -> list[str]:
    """List what went out, once nothing waits."""
    outbox = Outbox(settings["VOEVENT_SPOOL"])
    rows = list(outbox.rows())
    outbox.close()
    gone = [ivorn for state, ivorn, _, _ in rows if state == "acknowledged"]
    return gone if len(gone) == len(rows) else []


def _received() -> list[Path]:
    """Files of the VOEvents that the subscriber keeps."""
    return sorted((BUILD / "subscriber" / "kept").iterdir())


def issued(notice: Path) -> str:
    """When a notice was issued, as it says."""
    return notice.read_text(encoding="utf-8").partition("<Date>")[2][:19]


def _says(log: Path, text: str) -> bool:
    return text in log.read_text(encoding="utf-8", errors="replace")


def _standing(observer: Observer) -> int:
    return len(standing(observer.coincidences()))


def standing(journal: list[dict]) -> list[dict]:
    """Pairs that hold now: the latest status of each event and alert."""
    latest: dict[tuple, dict] = {}
    for row in sorted(
        journal, key=lambda r: (r["event_version"], str(r["event_issued"]))
    ):
        latest[row["event_id"], row["alert_id"]] = row
    return [r for r in latest.values() if r["status"] in ("new", "update")]


def _report(
    observer: Observer, notices: list[Path], expected: list[dict], seconds: float
) -> int:
    status = observer.status()
    journal = observer.coincidences()
    found = standing(journal)
    packets = {
        topic.name: AlertReader(str(topic)).to_list()
        for topic in sorted((BUILD / "data/voevent/topics").iterdir())
    }
    for row in sorted(found, key=lambda r: (r["event_id"], r["credible_level"])):
        print(one_line(row))
    counts = Counter(row["status"] for row in journal)
    told = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))
    print(f"{len(found)} coincidences stand; told on the way: {told}")
    received = [voevent.read(path.read_bytes()) for path in _received()]
    for document in received[:3]:
        cited = ", ".join(f"{how} {ivorn}" for ivorn, how in document.cites)
        print(f"a Comet subscriber received {document.ivorn}: {cited}")
    print(f"{len(received)} VOEvents went out over VTP and were received")
    for topic, rows in packets.items():
        print(f"topic {topic}: {len(rows)} packets, read back with fink-client")
    summary = {
        "notices_sent": len(notices),
        "notices_received": status.received,
        "events": status.events,
        "alerts": status.alerts,
        "coincidences": len(found),
        "topics": {topic: len(rows) for topic, rows in packets.items()},
        "voevents_out": len(received),
        "seconds": round(seconds, 1),
    }
    (BUILD / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    print(json.dumps(summary))
    return _compare(found, expected)


def _compare(found: list[dict], expected: list[dict]) -> int:
    wanted = {(r["event_id"], int(r["alert_id"])) for r in expected}
    got = {(r["event_id"], r["alert_id"]) for r in found}
    for told, pairs in (("missing", wanted - got), ("extra", got - wanted)):
        print(*[f"{told}: {pair}\n" for pair in sorted(pairs)], sep="", end="")
    return int(wanted != got)


if __name__ == "__main__":
    sys.exit(main())

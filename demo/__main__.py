# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``make demo``: from VOEvents to coincidences on topics, on one machine.

A Comet broker broadcasts the notices of ``datatest``, and ``fink_voevent run`` receives
them. Meanwhile a Spark file sink writes ZTF-like alerts to ``science/<night>``, some
before their notice and some after it. The coincidences are sent as VOEvents to a second
Comet, which is a subscriber like any other.
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

from fink_voevent.cli.match import by_surprise, describe_coincidence
from fink_voevent.notices import voevent
from fink_voevent.ops.status import Observer
from fink_voevent.publish.outbox import Outbox

ROOT = Path(__file__).parent.parent
DATA = ROOT / "datatest"
ALERTS = DATA / "alerts"
BUILD = ROOT / "build" / "demo"
NIGHT = "20221009"
LIMIT_S = 300.0  # longest wait for each step
FIRST = 3  # notices sent before the alerts: all but the last one of a burst


def main() -> int:
    """Run the demo, print what happened, and return the exit code."""
    started = time.monotonic()
    shutil.rmtree(BUILD, ignore_errors=True)
    for folder in ("data/science", "incoming", "logs"):
        (BUILD / folder).mkdir(parents=True)
    notices = sorted((DATA / "voevents").glob("*.xml"), key=issue_date)
    with (DATA / "expected" / "coincidences.csv").open(encoding="utf-8") as text:
        expected = list(csv.DictReader(text))
    try:
        observer = _run(notices, len(expected))
    except DemoError as error:
        print(f"demo failed: {error}; see {BUILD / 'logs'}", file=sys.stderr)
        return 1
    return _report(observer, notices, expected, time.monotonic() - started)


def _run(notices: list[Path], expected: int) -> Observer:
    """Run all programs until every coincidence has been sent and received."""
    logs, data = BUILD / "logs", BUILD / "data"
    observer = Observer(f"{data}/voevent")
    broker, receive, broadcast = comet_broker(BUILD / "comet")
    pipeline = [
        sys.executable, "-m", "fink_voevent", "run",
        "--source", f"127.0.0.1:{broadcast}=ivo://*", "--data-prefix", str(data),
        "--night", NIGHT, "--spool", str(BUILD / "spool"),
    ]  # fmt: skip
    sink = [
        sys.executable, str(Path(__file__).parent / "science.py"),
        str(BUILD / "incoming"), f"{data}/science/{NIGHT}", str(BUILD / "checkpoint"),
    ]  # fmt: skip
    shutil.copy(ALERTS / "early.parquet", BUILD / "incoming")
    fast = {"VOEVENT_TRIGGER_S": "1", "VOEVENT_WARMUP_NOTICES": "0"}
    own_broker, subscriber, publishing = _publishing_programs(data)
    with (
        running(broker, logs / "comet.log"),
        running(own_broker, logs / "broadcast.log", publishing),
        running(subscriber, logs / "subscriber.log"),
        running(sink, logs / "science.log"),
        running(pipeline, logs / "run.log", fast),
    ):
        _find_coincidences(notices, expected, observer, receive)
        _publish(publishing)
    print((logs / "run.log").read_text(encoding="utf-8").strip().splitlines()[-1])
    return observer


def _find_coincidences(
    notices: list[Path], expected: int, observer: Observer, receive: int
) -> None:
    """Send notices and alerts in two parts, until all coincidences are routed."""
    wait_for("Comet's broker listens", lambda: is_open(receive), LIMIT_S)
    log = BUILD / "logs" / "run.log"
    wait_for("the listener connects", lambda: _contains(log, "connected to"), LIMIT_S)
    print("a Comet broker broadcasts, and fink_voevent listens to it")
    for notice in notices[:FIRST]:
        send(notice, receive)
    print(f"{FIRST} notices are sent, while alerts arrive")
    wait_for("alerts are searched", lambda: observer.status().alerts > 0, LIMIT_S)
    wait_for("coincidences are found", lambda: _count(observer) > 0, LIMIT_S)
    for notice in notices[FIRST:]:
        send(notice, receive)
    print(
        f"{len(notices) - FIRST} more notices are sent: a better position of an event,"
        " and new events, after alerts that coincide with them"
    )
    wait_for(
        "all notices are events",
        lambda: observer.status().events == len(notices),
        LIMIT_S,
    )
    shutil.copy(ALERTS / "late.parquet", BUILD / "incoming")
    print("more alerts arrive, after their notices")
    total = sum(pq.read_metadata(f).num_rows for f in ALERTS.glob("*.parquet"))
    wait_for(
        "all alerts are searched",
        lambda: observer.status().alerts == total,
        LIMIT_S,
    )
    wait_for(
        "all coincidences are found", lambda: _count(observer) == expected, LIMIT_S
    )
    wait_for("all coincidences are routed", observer.route_is_done, LIMIT_S)


def _publish(publishing: dict[str, str]) -> None:
    """Send the coincidences as VOEvents, until the subscriber has received them all."""
    wait_for("the subscriber connects to our broker", _is_subscribed, LIMIT_S)
    publish = [sys.executable, "-m", "fink_voevent", "publish"]
    with running(publish, BUILD / "logs" / "publish.log", publishing):
        wait_for("VOEvents are sent", lambda: _sent(publishing), LIMIT_S)
        wait_for(
            "the subscriber receives them",
            lambda: len(_received()) == len(_sent(publishing)),
            LIMIT_S,
        )


def _publishing_programs(data: Path) -> tuple[list[str], list[str], dict[str, str]]:
    """Return the commands of our broker and of a subscriber, and our settings."""
    broadcast = free_port()
    own_broker = [
        sys.executable, "-m", "fink_voevent", "broadcast", "--port", str(broadcast)
    ]  # fmt: skip
    settings = {
        "VOEVENT_DATA_PREFIX": str(data),
        "VOEVENT_SPOOL": str(BUILD / "spool"),
        "VOEVENT_LOCAL_IVO": "ivo://org.example.fink/demo",
        "VOEVENT_PUBLISH": "grb_bronze,neutrino_bronze",
        "VOEVENT_PUBLISH_DRY_RUN": "false",  # sent to our own broker, on loopback
        "VOEVENT_PUBLISH_PER_HOUR": "1000",
        "VOEVENT_BROADCAST_TEST_S": "0",
    }
    return own_broker, comet_subscriber(BUILD / "subscriber", broadcast), settings


def _is_subscribed() -> bool:
    return _contains(BUILD / "logs" / "subscriber.log", "Authenticate received")


def _sent(settings: dict[str, str]) -> list[str]:
    """Return the ivorns that were sent; none while some are still to send."""
    outbox = Outbox(settings["VOEVENT_SPOOL"])
    rows = list(outbox.rows())
    outbox.close()
    sent = [ivorn for state, ivorn, _, _ in rows if state == "acknowledged"]
    return sent if len(sent) == len(rows) else []


def _received() -> list[Path]:
    """Return the files of the VOEvents that the subscriber has received."""
    return sorted((BUILD / "subscriber" / "kept").iterdir())


def issue_date(notice: Path) -> str:
    """Return the date at which a notice was issued, as ISO 8601."""
    return notice.read_text(encoding="utf-8").partition("<Date>")[2][:19]


def _contains(log: Path, text: str) -> bool:
    return text in log.read_text(encoding="utf-8", errors="replace")


def _count(observer: Observer) -> int:
    return len(current(observer.coincidences()))


def current(journal: list[dict]) -> list[dict]:
    """Return the coincidences that are valid now.

    Parameters
    ----------
    journal : list of dict
        Rows of the table coincidences. The latest row of each event and alert decides.
    """
    latest: dict[tuple, dict] = {}
    for row in sorted(
        journal, key=lambda r: (r["event_version"], str(r["event_issued"]))
    ):
        latest[row["event_id"], row["alert_id"]] = row
    return [r for r in latest.values() if r["status"] in ("new", "update")]


def _report(
    observer: Observer, notices: list[Path], expected: list[dict], seconds: float
) -> int:
    """Print the results, and return the exit code."""
    status = observer.status()
    journal = observer.coincidences()
    found = current(journal)
    packets = {
        topic.name: AlertReader(str(topic)).to_list()
        for topic in sorted((BUILD / "data/voevent/topics").iterdir())
    }
    for row in sorted(found, key=by_surprise):
        print(describe_coincidence(row))
    counts = Counter(row["status"] for row in journal)
    rows_by_status = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))
    print(f"{len(found)} coincidences are valid; rows of their table: {rows_by_status}")
    received = [voevent.read(path.read_bytes()) for path in _received()]
    for document in received[:3]:
        cited = ", ".join(f"{how} {ivorn}" for ivorn, how in document.cites)
        print(f"a Comet subscriber received {document.ivorn}: {cited}")
    print(f"{len(received)} VOEvents were sent over VTP and received")
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
    """Print the coincidences that are missing or not expected; return the exit code."""
    wanted = {(r["event_id"], int(r["alert_id"])) for r in expected}
    got = {(r["event_id"], r["alert_id"]) for r in found}
    for label, pairs in (("missing", wanted - got), ("not expected", got - wanted)):
        print(*[f"{label}: {pair}\n" for pair in sorted(pairs)], sep="", end="")
    return int(wanted != got)


if __name__ == "__main__":
    sys.exit(main())

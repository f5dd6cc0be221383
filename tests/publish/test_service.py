# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The publisher sends VOEvents of routed coincidences and of files to a broker."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.programs import program, wait_for
from helpers.routed_rows import commit_rows, row
from helpers.vtp_broker import broker
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from fink_voevent.errors import ConfigError, StorageError
from fink_voevent.notices import voevent
from fink_voevent.publish import backlog, service
from fink_voevent.publish.outbox import (
    BULK,
    DRY_RUN,
    PENDING,
    RETRACTION,
    URGENCIES,
    Entry,
    Outbox,
)
from fink_voevent.publish.packets import alert_files
from fink_voevent.publish.service import Publisher

KILLS = int(os.environ.get("CHAOS", "5"))


@pytest.fixture
def publisher(settings):
    values = {"publish": "grb_bronze", "publish_dry_run": False}
    publisher = Publisher(settings.model_copy(update=values), Outbox(settings.spool))
    yield publisher
    publisher.outbox.close()


def packets(outbox: Outbox) -> list[voevent.Document]:
    return [voevent.read(outbox.raw(ivorn)) for _, ivorn, _, _ in outbox.rows()]


def test_an_update_supersedes_and_a_withdrawal_retracts(publisher):
    root = publisher.settings.root
    second = {"event_version": 2, "ivorn": "ivo://org.example/grb#2"}
    commit_rows(root, 0, [row()])
    commit_rows(root, 1, [row(batch=1, status="update", **second)])
    commit_rows(root, 2, [row(batch=2, status="withdrawn", event_version=3)])
    assert publisher.collect() == 3
    first, update, withdrawal = packets(publisher.outbox)
    assert first.cites == (("ivo://org.example/grb#1", "followup"),)
    assert (first.ivorn, "supersedes") in update.cites
    assert ("ivo://org.example/grb#2", "followup") in update.cites
    assert (update.ivorn, "retraction") in withdrawal.cites
    assert publisher.collect() == 0  # all batches are done


@pytest.mark.parametrize("text", ["\x00\x1b", "\ufffe <&]]>", "\U0001f300\u202e"])
def test_any_text_of_a_notice_or_an_alert_is_published(publisher, text):
    texts = dict.fromkeys(("event_id", "ivorn", "object_id", "classification"), text)
    commit_rows(publisher.settings.root, 0, [row(**texts)])
    end = row(batch=1, status="withdrawn", event_version=2, **texts)
    commit_rows(publisher.settings.root, 1, [end])
    assert publisher.collect() == 2
    first, last = packets(publisher.outbox)
    assert first.schema_valid
    assert (first.ivorn, "retraction") in last.cites


def test_a_retraction_of_a_pair_that_was_not_sent_is_not_sent(publisher):
    root = publisher.settings.root
    commit_rows(root, 0, [row(status="retracted")])
    assert publisher.collect() == 0
    assert packets(publisher.outbox) == []


def test_coincidences_of_other_filters_are_not_sent(publisher):
    root = publisher.settings.root
    commit_rows(root, 0, [row(topics=["fink_gw_bronze_ztf"])])
    assert publisher.collect() == 0
    assert packets(publisher.outbox) == []


def test_packets_of_a_dry_run_are_kept_and_never_sent(settings):
    assert settings.publish_dry_run  # by default
    dry = settings.model_copy(update={"publish": "grb_bronze"})
    publisher = Publisher(dry, Outbox(dry.spool))
    commit_rows(dry.root, 0, [row()])
    assert publisher.collect() == 1
    assert [state for state, *_ in publisher.outbox.rows()] == [DRY_RUN]
    assert publisher.outbox.next_due(time.time()) is None
    sending = Publisher(
        dry.model_copy(update={"publish_dry_run": False}), publisher.outbox
    )
    assert sending.collect() == 0
    assert publisher.outbox.next_due(time.time()) is None


def sent_in_order(outbox: Outbox, now_s: float = 1) -> list[str]:
    """Answer all packets that are due, one after the other; return their ivorns."""
    found = []
    while (packet := outbox.next_due(now_s)) is not None:
        found.append(packet.ivorn)
        outbox.record_answer(packet.number, "acknowledged", "", now_s)
    return found


def test_the_packets_of_a_pair_are_due_one_after_the_other(tmp_path):
    outbox = Outbox(str(tmp_path))
    for number, pair in enumerate(("a", "a", "b")):
        outbox.add(Entry(f"s{number}", pair, f"i{number}", b"x", PENDING))
    assert not outbox.add(Entry("s0", "a", "i9", b"y", PENDING))
    assert outbox.next_due(1).ivorn == "i0"
    outbox.postpone(1, "nobody there", 100)
    assert outbox.next_due(1).ivorn == "i2"
    outbox.record_answer(1, "refused", "no", 2)
    assert outbox.next_due(1).ivorn == "i1"
    assert outbox.count_accepted(0) == 0  # a refused packet does not count
    outbox.record_answer(2, "duplicate", "", 3)
    assert outbox.count_accepted(0) == 1
    outbox.close()


@examples(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from(URGENCIES), st.integers(0, 6)), max_size=30),
    st.integers(0, 30),
)
def test_the_most_urgent_is_sent_first_and_each_pair_in_order(entries, restart):
    with tempfile.TemporaryDirectory() as folder:
        outbox = Outbox(folder)
        for number, (urgency, pair) in enumerate(entries):
            ivorn = f"{number}"
            outbox.add(Entry(ivorn, f"{pair}", ivorn, b"x", PENDING, urgency))
        order = []
        while (packet := outbox.next_due(1)) is not None:
            order.append(int(packet.ivorn))
            outbox.record_answer(packet.number, "acknowledged", "", 1)
            if len(order) == restart:
                outbox.close()
                outbox = Outbox(folder)
        outbox.close()
    # the oracle: at each step the first of each pair, of these the most urgent
    waiting, expected = list(range(len(entries))), []

    def need(number: int) -> int:
        pair = entries[number][1]
        is_sent = any(entries[n][1] == pair for n in expected)
        ends = any(entries[n] == (RETRACTION, pair) for n in waiting)
        return RETRACTION if is_sent and ends else entries[number][0]

    while waiting:
        pairs = {entries[n][1]: n for n in reversed(waiting)}
        chosen = min(pairs.values(), key=lambda n: (need(n), n))
        expected.append(chosen)
        waiting.remove(chosen)
    assert order == expected


def test_a_retraction_of_what_was_sent_does_not_wait_behind_an_update(
    publisher, to_broker
):
    root = publisher.settings.root
    stop = threading.Event()
    with broker() as server:
        sender = to_broker(server, publish_per_hour=1)
        commit_rows(root, 0, [row(1)])
        sender.collect()
        sender.send(stop)  # the hour is full for coincidences
        commit_rows(root, 1, [row(1, batch=1, status="update"), row(2, batch=1)])
        sender.collect()
        sender.send(stop)
        assert len(server.taken) == 1
        ended = [row(n, batch=2, status="retracted", event_version=2) for n in (1, 2)]
        commit_rows(root, 2, ended)
        sender.collect()
        sender.send(stop)
        taken = [voevent.read(raw) for raw in server.taken]
    sent = [(d.values["alert_id"], d.values["status"]) for d in taken]
    # nothing of the other pair was sent that is to be retracted
    assert sent == [("1", "new"), ("1", "update"), ("1", "retracted")]


def test_an_outbox_of_an_earlier_version_keeps_what_waits(tmp_path):
    db = sqlite3.connect(tmp_path / "outbox.sqlite")
    db.execute(
        "CREATE TABLE packet (id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT"
        " NULL UNIQUE, pair TEXT NOT NULL, ivorn TEXT NOT NULL, raw BLOB NOT NULL,"
        " state TEXT NOT NULL, text TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL"
        " DEFAULT 0, due_s REAL NOT NULL DEFAULT 0, settled_s REAL)"
    )
    for source in ("file x", "pair 1"):
        values = (source, source, source, b"x", PENDING)
        db.execute(
            "INSERT INTO packet (source, pair, ivorn, raw, state)"
            " VALUES (?, ?, ?, ?, ?)",
            values,
        )
    db.commit()
    db.close()
    with contextlib.closing(Outbox(str(tmp_path))) as outbox:
        assert sent_in_order(outbox) == ["pair 1", "file x"]


@pytest.fixture
def to_broker(publisher):
    """Return a function that makes the publisher of a broker and of other settings."""

    def make(server, **values) -> Publisher:
        to = f"127.0.0.1:{server.server_address[1]}"
        changed = publisher.settings.model_copy(update={"publish_to": to} | values)
        return Publisher(changed, publisher.outbox)

    return make


def add_files(outbox: Outbox, count: int) -> None:
    for number in range(count):
        name = f"file {number}"
        raw = f"<bulk n='{number}'/>".encode()
        outbox.add(Entry(name, name, name, raw, PENDING, BULK))


def test_coincidences_do_not_wait_for_126_alerts_of_files(publisher, to_broker):
    root = publisher.settings.root
    add_files(publisher.outbox, 126)
    stop = threading.Event()
    with broker() as server:
        sender = to_broker(server, publish_per_hour=60)
        wait_for(lambda: sender.send(stop) or len(server.taken) == 60)
        sender.send(stop)
        assert len(server.taken) == 60  # the hour is full for alerts of files
        commit_rows(root, 0, [row(1), row(2)])
        start = time.monotonic()
        assert sender.collect() == 2
        sender.send(stop)
        assert time.monotonic() - start < 60  # they do not wait for the next hour
        assert len(server.taken) == 62
        commit_rows(root, 1, [row(1, batch=1, status="retracted", event_version=2)])
        assert sender.collect() == 1
        sender.send(stop)
        last = [voevent.read(raw) for raw in server.taken[60:]]
    assert [d.values["status"] for d in last] == ["new", "new", "retracted"]
    assert publisher.outbox.count_pending() == 66


def test_coincidences_are_sent_before_what_waited_while_the_broker_was_away(
    publisher, to_broker, monkeypatch
):
    monkeypatch.setattr(service, "FIRST_WAIT_S", 0.1)
    root = publisher.settings.root
    add_files(publisher.outbox, 20)
    stop = threading.Event()
    with broker() as server:
        sender = to_broker(server, publish_per_hour=10_000)
    for _ in range(3):  # nobody listens any more
        sender.send(stop)
    commit_rows(root, 0, [row(n) for n in range(3)])
    sender.collect()
    sender.send(stop)
    with broker() as server:
        again = to_broker(server, publish_per_hour=10_000)
        again.send(stop)
        assert [b"bulk" in raw for raw in server.taken] == [False] * 3 + [True] * 20


def test_no_more_wait_than_allowed_but_ends_of_what_was_sent(publisher, to_broker):
    root = publisher.settings.root
    commit_rows(root, 0, [row(n) for n in range(4)])
    commit_rows(root, 1, [row(n, batch=1, status="update") for n in range(4)])
    stop = threading.Event()
    with broker() as server:
        sender = to_broker(server, publish_backlog=2, publish_per_hour=2)
        assert sender.collect() == 2
        assert sender.collect() == 0
        sender.send(stop)  # the first two
        assert sender.collect() == 2  # there is room again
        assert sender.outbox.count_pending() == 2
        ended = [row(n, batch=2, status="retracted", event_version=2) for n in range(4)]
        commit_rows(root, 2, ended)
        # of the pairs 0 to 3 a packet was sent or waits: update and retraction
        assert sender.collect() == 8
        assert sender.collect() == 0
        free = to_broker(server, publish_backlog=100, publish_per_hour=100)
        wait_for(lambda: free.send(stop) or not free.outbox.count_pending())
        assert free.collect() == 0  # all were there already
        taken = [voevent.read(raw) for raw in server.taken]
    chains: dict[str, list[str]] = {}
    for document in taken:
        chains.setdefault(document.values["alert_id"], []).append(
            document.values["status"]
        )
    assert set(map(tuple, chains.values())) == {("new", "update", "retracted")}
    assert len(chains) == 4


def test_what_waits_is_reported(publisher, to_broker, caplog):
    root = publisher.settings.root
    add_files(publisher.outbox, 5)
    commit_rows(root, 0, [row(n) for n in range(3)])
    assert publisher.collect() == 3
    spool = publisher.settings.spool
    found = backlog.read(spool, time.time() + 100)
    assert found.waiting == {"coincidences": 3, "alerts of files": 5}
    assert found.oldest_s == pytest.approx(100, abs=30)
    assert found.line().startswith("8 VOEvents wait to be sent (coincidences 3, alerts")
    with broker() as server:
        sender = to_broker(server, publish_per_hour=2)
        for _ in range(5):
            sender.send(threading.Event())
    lines = [r.getMessage() for r in caplog.records if "wait to be" in r.getMessage()]
    assert len(lines) == 1  # at a limited rate
    assert "VOEVENT_PUBLISH_PER_HOUR=2 is reached" in lines[0]
    assert backlog.read(str(root) + "/nothing", 0).line() == ""
    broken = publisher.settings.model_copy(update={"spool": spool + "/broken"})
    Path(broken.spool).mkdir()
    (Path(broken.spool) / "outbox.sqlite").write_text("no database" * 1000)
    with pytest.raises(StorageError, match="cannot be read"):
        backlog.read(broken.spool, 0)


def test_each_packet_is_accepted_once_in_order_by_an_unreliable_broker(
    publisher, monkeypatch
):
    monkeypatch.setattr(service, "FIRST_WAIT_S", 0.0)
    monkeypatch.setattr(service, "ANSWER_S", 1.0)
    root = publisher.settings.root
    commit_rows(root, 0, [row(n) for n in range(4)])
    commit_rows(root, 1, [row(n, batch=1, status="update") for n in range(4)])
    publisher.collect()
    answers = ("nak Event rejected: no", "close", "ack lost", "stall", "close")
    with broker(*answers) as server:
        to = f"127.0.0.1:{server.server_address[1]}"
        settings = publisher.settings.model_copy(update={"publish_to": to})
        sender = Publisher(settings, publisher.outbox)
        for _ in range(16):
            sender.send(threading.Event())
        states = Counter(state for state, *_ in publisher.outbox.rows())
        assert states == {"acknowledged": 6, "duplicate": 1, "refused": 1}
        taken = [voevent.read(raw) for raw in server.taken]
    assert len({d.ivorn for d in taken}) == len(taken) == 7
    for document in taken:
        before = [ivorn for ivorn, how in document.cites if how == "supersedes"]
        sent = [d.ivorn for d in taken[: taken.index(document)]]
        refused = [i for s, i, *_ in publisher.outbox.rows() if s == "refused"]
        assert all(ivorn in (*sent, *refused) for ivorn in before)


def test_no_more_packets_are_sent_in_an_hour_than_allowed(publisher):
    commit_rows(publisher.settings.root, 0, [row(n) for n in range(4)])
    publisher.collect()
    with broker() as server:
        to = f"127.0.0.1:{server.server_address[1]}"
        limited = publisher.settings.model_copy(
            update={"publish_to": to, "publish_per_hour": 3}
        )
        for _ in range(3):
            Publisher(limited, publisher.outbox).send(threading.Event())
        assert len(server.taken) == 3


def chains(count: int) -> list[list[dict]]:
    """Rows of batches: each pair is new, then updated, withdrawn or retracted."""
    ends = ("update", "withdrawn", "retracted")
    batches = []
    for pair in range(count):
        batches.append([row(pair, batch=2 * pair)])
        later = {"event_version": 2, "ivorn": "ivo://org.example/grb#2"}
        status = ends[pair % 3]
        batches.append([row(pair, batch=2 * pair + 1, status=status, **later)])
    return batches


def assert_chains_are_whole(taken: list[voevent.Document]) -> None:
    """Check that the second packet of each pair comes after the first, and cites it.

    An update supersedes it; a withdrawal or a retraction retracts it.
    """
    seen: dict[str, str] = {}
    for document in taken:
        alert = document.values["alert_id"]
        hows = {"supersedes", "retraction"}
        before = [(i, how) for i, how in document.cites if how in hows]
        if alert in seen:
            update = document.values["status"] == "update"
            assert before == [(seen[alert], "supersedes" if update else "retraction")]
        else:
            assert (before, document.values["status"]) == ([], "new")
        seen[alert] = document.ivorn


@pytest.mark.slow
def test_a_publisher_killed_at_random_moments_sends_each_chain_once_in_order(settings):
    rng = random.Random(1)  # noqa: S311
    batches = chains(max(15, KILLS))
    with broker(*(["ack", "ack lost", "close", "stall"] * 5)) as server:
        environment = {
            "VOEVENT_DATA_PREFIX": settings.data_prefix,
            "VOEVENT_SPOOL": settings.spool,
            "VOEVENT_PUBLISH": "grb_bronze",
            "VOEVENT_PUBLISH_DRY_RUN": "false",
            "VOEVENT_PUBLISH_PER_HOUR": "100000",
            "VOEVENT_PUBLISH_TO": f"127.0.0.1:{server.server_address[1]}",
        }
        to_commit = iter(enumerate(batches))
        for kill in range(KILLS + 1):
            share = -(-len(batches) // (KILLS + 1))  # so that each process has work
            for batch, rows in itertools.islice(to_commit, share):
                commit_rows(settings.root, batch, rows)
            with program("-m", "fink_voevent", "publish", **environment) as process:
                if kill < KILLS:
                    time.sleep(rng.uniform(0.8, 2.5))
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                else:
                    wait_for(lambda: len(server.taken) == len(batches))
        taken = [voevent.read(raw) for raw in server.taken]
    assert len({document.ivorn for document in taken}) == len(taken) == len(batches)
    assert_chains_are_whole(taken)


def test_alerts_of_files_are_sent_once(settings, datatest):
    with broker("close", "ack lost") as server:
        to = f"127.0.0.1:{server.server_address[1]}"
        values = {"publish_to": to, "publish_dry_run": False, "publish_per_hour": 1000}
        chosen = settings.model_copy(update=values)
        for _ in range(2):
            files = alert_files(datatest / "rubin")
            service.send_files(chosen, files, threading.Event())
        documents = [voevent.read(raw) for raw in server.taken]
    assert len({d.ivorn for d in documents}) == len(documents) == 126
    assert {d.values["survey"] for d in documents} == {"rubin"}


def test_an_alert_without_position_is_logged_and_the_others_are_sent(
    settings, tmp_path, caplog
):
    good = {"objectId": "Z", "candid": 1, "candidate": {"ra": 1.0, "dec": 2.0,
            "jd": 2459862.0}}  # fmt: skip
    rows = [good | {"candidate": good["candidate"] | {"ra": None}}, good]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    service.send_files(settings, [tmp_path / "a.parquet"], threading.Event())
    with contextlib.closing(Outbox(settings.spool)) as outbox:
        assert len(list(outbox.rows())) == 1
    assert "a.parquet: an alert is not sent: the alert has no usable" in caplog.text


def test_packets_of_files_are_not_sent_in_a_dry_run(settings, datatest):
    service.send_files(settings, alert_files(datatest / "rubin"), threading.Event())
    with contextlib.closing(Outbox(settings.spool)) as outbox:
        assert {state for state, *_ in outbox.rows()} == {DRY_RUN}


def test_settings_that_publish_nothing_are_an_error(settings):
    with pytest.raises(ConfigError, match="VOEVENT_PUBLISH=FILTER"):
        service.run(settings, threading.Event())


def test_an_unknown_filter_is_an_error(settings):
    wrong = settings.model_copy(update={"publish": "grb-silver"})
    with pytest.raises(ConfigError, match="no filter grb-silver; there are .*grb_sil"):
        service.run(wrong, threading.Event())

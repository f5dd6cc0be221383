# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""From rows that were routed to VOEvents that a subscriber receives."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import signal
import socket
import socketserver
import struct
import sys
import threading
import time
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kafka_broker import free_ports
from lxml import etree
from programs import program, wait_for

from fink_voevent import notice, voevent
from fink_voevent.errors import ConfigError, InputError
from fink_voevent.ledger import Ledger, Manifest
from fink_voevent.publish import service
from fink_voevent.publish.broadcast import networks
from fink_voevent.publish.compose import Author, Cite, compose
from fink_voevent.publish.outbox import DRY_RUN, PENDING, Entry, Outbox
from fink_voevent.publish.packets import files_at, packet_of, read
from fink_voevent.publish.service import Publisher
from fink_voevent.publish.submit import submit
from fink_voevent.publish.transient import of_coincidence, of_packet
from fink_voevent.schema import arrow_schema

AUTHOR = Author("ivo://org.example/fink", "shift@example.org")
T0 = datetime(2022, 10, 9, 13, 16, 59, 999000, tzinfo=timezone.utc)
KILLS = int(os.environ.get("CHAOS", "5"))


def row(alert: int = 1, event: str = "grb", batch: int = 0, **changes) -> dict:
    """Row of the table routed."""
    told = {
        "coincidence_id": f"{event}-{alert}-{changes.get('event_version', 1)}",
        "status": "new",
        "event_id": event,
        "event_version": 1,
        "ivorn": f"ivo://org.example/{event}#1",
        "notice_id": f"{event}1",
        "notice_sha256": "0",
        "stream": "example",
        "messenger": "grb",
        "tense": "observation",
        "event_time": T0,
        "survey": "ztf",
        "night": "20221009",
        "alert_id": alert,
        "object_id": f"ZTF22{alert}",
        "alert_ra": 288.2645,
        "alert_dec": 19.7735,
        "alert_time": T0 + timedelta(hours=5),
        "magnitude": 17.5,
        "band": "r",
        "quality": 0.99,
        "packet_file": "f",
        "separation": 0.01,
        "credible_level": 0.1,
        "density": 1e4,
        "delay": 0.2,
        "prior_activity": "new",
        "p_chance": 0.001,
        "background_rate": 0.05,
        "notice_received_at": T0 + timedelta(minutes=2),
        "batch": batch,
        "software": "fink-voevent",
        "topics": ["fink_grb_bronze_ztf"],
        "classification": "Galaxy",
        "fink_version": "fink-broker 4.2, fink-science 8.1",
    }
    return told | changes


def hand_over(root: str, batch: int, rows: list[dict]) -> None:
    """Hand rows over as the stage route does."""
    nullable = [f.with_nullable(True) for f in arrow_schema("routed")]
    folder = Path(root, "routed", "run=r", f"batch={batch:08d}")
    folder.mkdir(parents=True)
    table = pa.Table.from_pylist(rows, schema=pa.schema(nullable))
    pq.write_table(table, folder / "part.parquet")
    files = (f"routed/run=r/batch={batch:08d}/part.parquet",)
    ledger = Ledger(root, "route")
    ledger.prepare()
    ledger.commit(Manifest("route", "r", batch, {"routed": files}, {}))


@pytest.fixture
def publisher(settings):
    values = {"publish": "grb_bronze", "publish_dry_run": False}
    made = Publisher(settings.model_copy(update=values), Outbox(settings.spool))
    yield made
    made.outbox.close()


def packets(outbox: Outbox) -> list[voevent.Document]:
    return [voevent.read(outbox.raw(ivorn)) for _, ivorn, _, _ in outbox.rows()]


def test_a_packet_tells_what_the_coincidence_does():
    told = row()
    packet = compose(
        of_coincidence(told),
        AUTHOR,
        told,
        [Cite("ivo://org.example/grb#1", "followup")],
    )
    read_back = voevent.read(packet.raw)
    assert read_back.schema_valid
    assert (read_back.ivorn, read_back.role) == (packet.ivorn, "observation")
    values = {(p.group, p.name): p for p in read_back.params}
    for name in ("separation", "credible_level", "delay", "p_chance"):
        assert float(values["coincidence", name].value) == told[name]
    assert values["coincidence", "separation"].unit == "deg"
    assert values["alert", "alert_id"].value == "1"
    (place,) = read_back.locations
    assert (float(place.c1), float(place.c2)) == (told["alert_ra"], told["alert_dec"])
    assert place.time == "2022-10-09T18:16:59.999000"
    assert read_back.cites == (("ivo://org.example/grb#1", "followup"),)
    why = etree.fromstring(packet.raw).find("Why")
    associated, identified = why.iterfind("Inference")
    assert associated.get("relation") == "associated"
    assert associated.get("probability") == why.get("importance") == "0.999"
    assert associated.findtext("Name") == told["event_id"]
    assert identified.get("relation") == "identified"
    assert identified.findtext("Name") == told["object_id"]
    assert identified.findtext("Concept") == "Galaxy"
    how = etree.fromstring(packet.raw).findtext("How/Description")
    assert "fink-broker 4.2, fink-science 8.1; fink-voevent" in how


def test_the_same_content_gives_the_same_bytes_and_other_content_another_ivorn():
    told = row()
    one, two = (compose(of_coincidence(told), AUTHOR, told) for _ in range(2))
    assert one == two
    other = row(p_chance=0.002)
    assert compose(of_coincidence(other), AUTHOR, other).ivorn != one.ivorn


@pytest.mark.parametrize(("tense", "role"), [("test", "test"), ("injection", "test")])
def test_a_test_makes_a_test(tense, role):
    told = row(tense=tense)
    packet = compose(of_coincidence(told), AUTHOR, told)
    assert voevent.read(packet.raw).role == role


def test_what_is_not_known_or_no_number_is_left_out():
    told = row(p_chance=None, magnitude=float("nan"), object_id=None, band="\x00g<&")
    packet = compose(of_coincidence(told), AUTHOR, told)
    values = voevent.read(packet.raw).values
    assert "p_chance" not in values
    assert "magnitude" not in values
    assert values["band"] == "g<&"
    assert etree.fromstring(packet.raw).find("Why").get("importance") is None


def test_without_pair_and_class_there_is_no_why():
    told = row(classification=None, fink_version=None)
    packet = compose(of_coincidence(told), AUTHOR)
    root = etree.fromstring(packet.raw)
    assert root.find("Why") is None
    assert "; Fink; fink-voevent" in root.findtext("How/Description")


@pytest.mark.parametrize("folder", ["ztf", "rubin"])
def test_each_real_alert_is_a_valid_packet_and_survives_the_round_trip(
    real, registry, folder
):
    count = 0
    files = [p for p in (real / folder).rglob("*.parquet") if p.is_file()]
    for file in files:
        for alert in read(file):
            transient = of_packet(alert)
            packet = packet_of(alert, AUTHOR)
            back = notice.normalise(packet.raw, registry)
            assert back["schema_valid"]
            assert back["ra"] == pytest.approx(transient.ra, abs=1e-9)
            assert back["dec"] == pytest.approx(transient.dec, abs=1e-9)
            assert abs(back["time"] - transient.time) < timedelta(microseconds=2)
            assert "fink-broker" in etree.fromstring(packet.raw).findtext(
                "How/Description"
            )
            values = voevent.read(packet.raw).values
            if transient.magnitude is not None:
                assert float(values["magnitude"]) == transient.magnitude
            count += 1
    assert count == {"ztf": 982, "rubin": 27}[folder]


def test_alerts_of_datatest_convert(datatest):
    alerts = list(read(datatest / "alerts" / "early.parquet"))
    assert alerts
    for alert in alerts:
        assert voevent.read(packet_of(alert, AUTHOR).raw).schema_valid


@pytest.mark.parametrize(
    "alert", [{}, {"candidate": {"ra": 1.0}, "candid": 1}, {"diaSource": {"ra": None}}]
)
def test_what_is_no_alert_is_told(alert):
    with pytest.raises(InputError):
        of_packet(alert)


def test_a_file_that_is_none_is_told(tmp_path):
    (tmp_path / "x.avro").write_bytes(b"nothing")
    with pytest.raises(InputError, match="neither Avro nor Parquet"):
        list(read(tmp_path / "x.avro"))


def test_updates_supersede_and_what_is_taken_back_retracts(publisher):
    root = publisher.settings.root
    second = {"event_version": 2, "ivorn": "ivo://org.example/grb#2"}
    hand_over(root, 0, [row()])
    hand_over(root, 1, [row(batch=1, status="update", **second)])
    hand_over(root, 2, [row(batch=2, status="withdrawn", event_version=3)])
    assert publisher.collect() == 3
    first, update, taken_back = packets(publisher.outbox)
    assert first.cites == (("ivo://org.example/grb#1", "followup"),)
    assert (first.ivorn, "supersedes") in update.cites
    assert ("ivo://org.example/grb#2", "followup") in update.cites
    assert (update.ivorn, "retraction") in taken_back.cites
    assert publisher.collect() == 0  # done


def test_what_never_went_out_is_not_taken_back_and_other_filters_are_not_sent(
    publisher,
):
    root = publisher.settings.root
    hand_over(root, 0, [row(status="retracted"), row(2, topics=["fink_gw_bronze_ztf"])])
    assert publisher.collect() == 0
    assert packets(publisher.outbox) == []


def test_a_dry_run_keeps_and_never_sends(settings):
    assert settings.publish_dry_run  # by default
    dry = settings.model_copy(update={"publish": "grb_bronze"})
    publisher = Publisher(dry, Outbox(dry.spool))
    hand_over(dry.root, 0, [row()])
    assert publisher.collect() == 1
    assert [state for state, *_ in publisher.outbox.rows()] == [DRY_RUN]
    assert publisher.outbox.due(time.time()) == []
    wet = Publisher(dry.model_copy(update={"publish_dry_run": False}), publisher.outbox)
    assert wet.collect() == 0
    assert publisher.outbox.due(time.time()) == []


def test_packets_of_a_pair_wait_for_each_other_and_others_do_not(tmp_path):
    outbox = Outbox(str(tmp_path))
    for number, pair in enumerate(("a", "a", "b")):
        outbox.add(Entry(f"s{number}", pair, f"i{number}", b"x", PENDING))
    assert not outbox.add(Entry("s0", "a", "i9", b"y", PENDING))
    assert [w.ivorn for w in outbox.due(1)] == ["i0", "i2"]
    outbox.postpone(1, "nobody there", 100)
    assert [w.ivorn for w in outbox.due(1)] == ["i2"]
    outbox.settle(1, "refused", "no", 2)
    assert [w.ivorn for w in outbox.due(1)] == ["i1", "i2"]
    assert outbox.settled_since(0) == 0  # a refusal is not sent
    outbox.settle(2, "duplicate", "", 3)
    assert outbox.settled_since(0) == 1
    outbox.close()


class Answering(socketserver.BaseRequestHandler):
    """A VTP broker that answers as its server says, and notes what it took."""

    def handle(self):
        mode = self.server.modes.pop(0) if self.server.modes else "ack"
        if mode == "close":
            return
        if mode == "stall":
            time.sleep(3)
            return
        (length,) = struct.unpack("!I", self._read(4))
        raw = self._read(length)
        if raw in self.server.taken:
            mode = "nak Event rejected: Previously seen by this broker"
        if mode.startswith("ack"):
            self.server.taken.append(raw)
        role, _, text = mode.partition(" ")
        if text == "lost":
            return  # taken, and the answer never came
        answer = (
            '<trn:Transport xmlns:trn="http://telescope-networks.org/schema/Transport/'
            f'v1.1" role="{role}" version="1.0"><Meta><Result>{text}</Result></Meta>'
            "</trn:Transport>"
        ).encode()
        self.request.sendall(struct.pack("!I", len(answer)) + answer)

    def _read(self, count):
        data = b""
        while len(data) < count:
            part = self.request.recv(count - len(data))
            if not part:
                raise ConnectionError
            data += part
        return data


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

    def handle_error(self, *_):
        """Say nothing: a publisher that is killed closes in the middle."""


@contextlib.contextmanager
def broker(*modes: str):
    with Server(("127.0.0.1", 0), Answering) as server:
        server.modes, server.taken = list(modes), []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("mode", "state"),
    [
        ("ack", "acknowledged"),
        ("nak Event rejected: Previously seen by this broker", "duplicate"),
        ("nak Event rejected: no", "refused"),
        ("close", "unanswered"),
        ("stall", "unanswered"),
        ("ack lost", "unanswered"),
    ],
)
def test_each_answer_of_a_broker_is_understood(mode, state):
    with broker(mode) as server:
        assert submit(server.server_address, b"<x/>", 1).state == state


def test_a_broker_that_is_not_there_is_unanswered():
    assert submit(("127.0.0.1", free_ports(1)[0]), b"<x/>", 1).state == "unanswered"


def test_every_packet_is_taken_once_in_order_whatever_the_broker_does(
    publisher, monkeypatch
):
    monkeypatch.setattr(service, "FIRST_WAIT_S", 0.0)
    monkeypatch.setattr(service, "ANSWER_S", 1.0)
    root = publisher.settings.root
    hand_over(root, 0, [row(n) for n in range(4)])
    hand_over(root, 1, [row(n, batch=1, status="update") for n in range(4)])
    publisher.collect()
    troubles = ("nak Event rejected: no", "close", "ack lost", "stall", "close")
    with broker(*troubles) as server:
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
        told = [d.ivorn for d in taken[: taken.index(document)]]
        refused = [i for s, i, *_ in publisher.outbox.rows() if s == "refused"]
        assert all(ivorn in (*told, *refused) for ivorn in before)


def test_no_more_go_out_in_an_hour_than_allowed(publisher):
    hand_over(publisher.settings.root, 0, [row(n) for n in range(4)])
    publisher.collect()
    with broker() as server:
        to = f"127.0.0.1:{server.server_address[1]}"
        few = publisher.settings.model_copy(
            update={"publish_to": to, "publish_per_hour": 3}
        )
        for _ in range(3):
            Publisher(few, publisher.outbox).send(threading.Event())
        assert len(server.taken) == 3


def chains(count: int) -> list[list[dict]]:
    """Hand-overs in which each pair is told, then renewed, withdrawn or retracted."""
    ends = ("update", "withdrawn", "retracted")
    told = []
    for batch in range(count):
        told.append([row(batch, batch=2 * batch)])
        later = {"event_version": 2, "ivorn": "ivo://org.example/grb#2"}
        status = ends[batch % 3]
        told.append([row(batch, batch=2 * batch + 1, status=status, **later)])
    return told


def assert_chains_are_whole(taken: list[voevent.Document]) -> None:
    """Check that what follows a packet of a pair comes after it, once, and cites it.

    An update supersedes; a withdrawal or retraction retracts.
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
def test_killed_at_random_moments_each_chain_is_taken_once_in_order(settings):
    rng = random.Random(1)  # noqa: S311
    told = chains(max(15, KILLS))
    with broker(*(["ack", "ack lost", "close", "stall"] * 5)) as server:
        environment = {
            "VOEVENT_DATA_PREFIX": settings.data_prefix,
            "VOEVENT_SPOOL": settings.spool,
            "VOEVENT_PUBLISH": "grb_bronze",
            "VOEVENT_PUBLISH_DRY_RUN": "false",
            "VOEVENT_PUBLISH_PER_HOUR": "100000",
            "VOEVENT_PUBLISH_TO": f"127.0.0.1:{server.server_address[1]}",
        }
        handed = iter(enumerate(told))
        for kill in range(KILLS + 1):
            share = -(-len(told) // (KILLS + 1))  # so that each life has work
            for batch, rows in itertools.islice(handed, share):
                hand_over(settings.root, batch, rows)
            with program("-m", "fink_voevent", "publish", **environment) as process:
                if kill < KILLS:
                    time.sleep(rng.uniform(0.8, 2.5))
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                else:
                    wait_for(lambda: len(server.taken) == len(told), 120)
        taken = [voevent.read(raw) for raw in server.taken]
    assert len({document.ivorn for document in taken}) == len(taken) == len(told)
    assert_chains_are_whole(taken)


def test_pygcn_receives_what_we_broadcast(tmp_path):
    receive, out = free_ports(2)
    told = row()
    cites = [Cite("ivo://org.example/grb#1", "followup")]
    packet = compose(of_coincidence(told), AUTHOR, told, cites)
    ours = (
        *("-m", "fink_voevent", "broadcast"),
        *("--port", str(out), "--receive-port", str(receive)),
    )
    environment = {"VOEVENT_BROADCAST_TEST_S": "0", "VOEVENT_SPOOL": str(tmp_path)}
    reader = str(Path(__file__).with_name("pygcn_reader.py"))
    with program(*ours, **environment) as sender:
        wait_for(lambda: "subscribers of" in sender.stdout.readline())
        with program(reader, str(out)) as receiver:
            wait_for(lambda: "connected" in receiver.stdout.readline())
            answer = submit(("127.0.0.1", receive), packet.raw, 10)
            assert answer.state == "acknowledged"
            line = next(line for line in receiver.stdout if line.startswith("{"))
    read_there = json.loads(line)
    assert read_there == {
        "ivorn": packet.ivorn,
        "role": "observation",
        "bytes": len(packet.raw),
        "ra": told["alert_ra"],
        "dec": told["alert_dec"],
        "time": "2022-10-09T18:16:59.999000",
        "p_chance": told["p_chance"],
        "cites": [["ivo://org.example/grb#1", "followup"]],
    }


def test_an_unmodified_comet_receives_the_very_bytes(tmp_path):
    receive, out = free_ports(2)
    told = row()
    packet = compose(of_coincidence(told), AUTHOR, told)
    ours = (
        *("-m", "fink_voevent", "broadcast"),
        *("--port", str(out), "--receive-port", str(receive)),
    )
    kept = tmp_path / "kept"
    kept.mkdir()
    twistd = str(Path(sys.executable).with_name("twistd"))
    comet = (
        *(twistd, "-n", f"--pidfile={tmp_path}/pid", "comet", "-v"),
        *("--local-ivo=ivo://org.example/reader", f"--remote=127.0.0.1:{out}"),
        *("--save-event", f"--save-event-directory={kept}", f"--eventdb={tmp_path}"),
    )
    environment = {"VOEVENT_SPOOL": str(tmp_path / "spool")}
    with (
        program(*ours, VOEVENT_BROADCAST_TEST_S="0", **environment),
        program(*comet) as reader,
    ):
        wait_for(lambda: submit_when_read(reader, receive, packet.raw), 60)
        wait_for(lambda: any(kept.iterdir()), 30)
        (found,) = kept.iterdir()
        wait_for(lambda: found.stat().st_size == len(packet.raw), 30)
        assert found.read_bytes() == packet.raw
        again = submit(("127.0.0.1", receive), packet.raw, 10)
        assert again.state == "duplicate"
        invalid = packet.raw.replace(b'version="2.0" role', b'version="9" role')
        for _ in range(2):  # what is refused is not remembered as seen
            assert submit(("127.0.0.1", receive), invalid, 10).state == "refused"


def submit_when_read(reader, port: int, raw: bytes) -> bool:
    """Submit once the reader has subscribed."""
    if "Authenticate received" not in reader.stdout.readline():
        return False
    return submit(("127.0.0.1", port), raw, 10).state == "acknowledged"


def test_networks_are_read_and_a_faulty_one_is_named():
    assert [str(n) for n in networks("10.0.0.1/8, ::1")] == ["10.0.0.0/8", "::1/128"]
    with pytest.raises(ConfigError, match=r"VOEVENT_BROADCAST_ALLOW: here"):
        networks("10.0.0.0/8,here")


def test_alerts_in_files_go_out_once(settings, datatest):
    with broker("close", "ack lost") as server:
        to = f"127.0.0.1:{server.server_address[1]}"
        values = {"publish_to": to, "publish_dry_run": False, "publish_per_hour": 1000}
        chosen = settings.model_copy(update=values)
        for _ in range(2):
            files = files_at(datatest / "rubin")
            service.send_files(chosen, files, threading.Event())
        documents = [voevent.read(raw) for raw in server.taken]
    assert len({d.ivorn for d in documents}) == len(documents) == 126
    assert {d.values["survey"] for d in documents} == {"rubin"}


def test_an_alert_that_is_none_is_told_and_stops_no_other(settings, tmp_path, caplog):
    good = {"objectId": "Z", "candid": 1, "candidate": {"ra": 1.0, "dec": 2.0,
            "jd": 2459862.0}}  # fmt: skip
    rows = [good | {"candidate": good["candidate"] | {"ra": None}}, good]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    service.send_files(settings, [tmp_path / "a.parquet"], threading.Event())
    with contextlib.closing(Outbox(settings.spool)) as outbox:
        assert len(list(outbox.rows())) == 1
    assert "a.parquet: an alert is not sent: the alert has no usable" in caplog.text


def test_files_in_a_dry_run_are_kept_and_not_sent(settings, datatest):
    service.send_files(settings, files_at(datatest / "rubin"), threading.Event())
    with contextlib.closing(Outbox(settings.spool)) as outbox:
        assert {state for state, *_ in outbox.rows()} == {DRY_RUN}


def test_nothing_to_publish_is_told(settings):
    with pytest.raises(ConfigError, match="VOEVENT_PUBLISH=FILTER"):
        service.run(settings, threading.Event())


def test_a_filter_that_is_not_there_is_told(settings):
    wrong = settings.model_copy(update={"publish": "grb-silver"})
    with pytest.raises(ConfigError, match="no filter grb-silver; there are .*grb_sil"):
        service.run(wrong, threading.Event())


def test_voevent_parse_reads_our_packets():
    vp = pytest.importorskip("voeventparse")
    told = row()
    packet = compose(of_coincidence(told), AUTHOR, told)
    parsed = vp.loads(packet.raw)
    assert vp.valid_as_v2_0(parsed)
    place = vp.get_event_position(parsed)
    assert (place.ra, place.dec) == (told["alert_ra"], told["alert_dec"])
    assert vp.get_event_time_as_utc(parsed) == told["alert_time"]
    groups = vp.get_grouped_params(parsed)
    assert float(groups["coincidence"]["delay"]["value"]) == told["delay"]


def test_a_closed_port_is_no_traceback(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ours = ("-m", "fink_voevent", "broadcast", "--port", port)
        with program(*ours, VOEVENT_SPOOL=str(tmp_path)) as process:
            text = process.stdout.read()
            assert process.wait(30) == 2
    assert "is another broker running" in text
    assert "Traceback" not in text

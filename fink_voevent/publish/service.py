# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The service ``voevent_publish``: compose VOEvents of new inputs and send them."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from fink_voevent.alerts.transient import Transient, from_coincidence
from fink_voevent.config.addresses import parse_sources
from fink_voevent.config.settings import AUTHOR_PORT, Settings
from fink_voevent.errors import ConfigError, InputError, NoticeError, StorageError
from fink_voevent.filters.discover import discover
from fink_voevent.publish import author_socket, backlog, sources
from fink_voevent.publish.compose import Author, Citation, Packet, compose
from fink_voevent.publish.outbox import (
    ACCEPTED,
    BULK,
    COINCIDENCE,
    DRY_RUN,
    PENDING,
    RETRACTION,
    TOPIC,
    URGENCIES,
    DuePacket,
    Entry,
    Outbox,
)
from fink_voevent.publish.packets import compose_alert, read_alerts
from fink_voevent.publish.submit import Connect, port_of, submit
from fink_voevent.store.batches import BatchLog
from fink_voevent.store.delta import Tables

_LOG = logging.getLogger(__name__)
POLL_S = 0.5  # pause between two looks for new inputs
SEND_S = 1.0  # sending goes on for so long before there is a look for new inputs
ANSWER_S = 30.0  # time limit of a submission
HOUR_S = 3600.0
# Waits before a packet is sent again; what is urgent does not wait as long.
FIRST_WAIT_S, LONGEST_WAIT_S, LONGEST_URGENT_WAIT_S = 1.0, 600.0, 60.0
LONGEST_OUTAGE_S = 30.0  # between two tries to reach a broker
REPORT_S = 600.0  # between two log lines on VOEvents that wait
SUMMARY_S = 60.0  # between two log lines on VOEvents that were sent
END_STATUSES = ("withdrawn", "retracted")
_LIMITED = (COINCIDENCE, TOPIC, BULK)  # what the hourly limit is for


@dataclass
class Publisher:
    """Composes packets of new inputs, and sends the packets that are due.

    Parameters
    ----------
    settings : Settings
    outbox : Outbox
        Where the packets are kept.
    """

    settings: Settings
    outbox: Outbox
    # warnings that were logged since a packet was last answered; not repeated
    _warned: set[str] = field(default_factory=set)
    _outages: int = 0  # how often the broker was not reached since it last was
    _next_try_s: float = 0.0  # monotonic time before which it is not tried again
    # of a batch that is not done: what gives no valid packet
    _invalid: set[str] = field(default_factory=set)
    _searched: int = -1  # last batch of route that was searched for ends of pairs
    _sent: int = 0  # since the last summary
    _next_summary_s: float = 0.0
    _next_report_s: float = 0.0

    @property
    def author(self) -> Author:
        """The author of all packets, from the settings."""
        return Author(self.settings.local_ivo, self.settings.publish_contact)

    @property
    def _state(self) -> str:
        return DRY_RUN if self.settings.publish_dry_run else PENDING

    def room(self, urgency: int) -> int:
        """Return how many more packets of an urgency may wait in the outbox."""
        waiting = self.outbox.count_pending((urgency,))
        return max(0, self.settings.publish_backlog - waiting)

    def collect(self) -> int:
        """Add the packets of newly routed coincidences; return how many.

        If too many wait, the others remain in the table, but for the pairs of which a
        packet was sent, or waits, and that have ended since.
        """
        log = BatchLog(Tables(self.settings.root), sources.ROUTE)
        last = log.last_done()
        if not self.room(COINCIDENCE) and last == self._searched:
            return 0
        tables = log.identity()
        after = self.outbox.last_done(tables)
        filters = sources.published_filters(self.settings)
        batches = sources.routed_rows(self.settings, filters, log, after)
        added = 0
        for number, rows in batches:
            count, remaining = self._add_rows(rows)
            added += count
            if remaining:
                remaining += [row for _, later in batches for row in later]
                self._searched = last
                return added + self._add_ended(remaining)
            self.outbox.mark_done(tables, number)
            self._invalid.clear()
        return added

    def _add_rows(
        self, rows: Sequence[Mapping[str, Any]]
    ) -> tuple[int, list[Mapping[str, Any]]]:
        """Add packets of rows, in order, as many as may wait.

        Returns
        -------
        int
            How many were added.
        list of mapping
            The rows for which there was no room.
        """
        ivorns = self._notice_ivorns(rows)
        added, room = 0, self.room(COINCIDENCE)
        with self.outbox.transaction():
            for place, row in enumerate(rows):
                if added >= room:
                    return added, list(rows[place:])
                added += self._add_row(row, ivorns[row["event_id"]])
        return added, []

    def _add_ended(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Add the packets of pairs that have ended, before their turn.

        These are few: of each pair, a packet is in the outbox already. All rows of the
        pair are added, in order; when it is their turn they are there already.
        """
        pairs: dict[str, list[Mapping[str, Any]]] = {}
        for row in rows:
            pairs.setdefault(_pair(row), []).append(row)
        ended = [
            row
            for pair, of_pair in pairs.items()
            if any(row["status"] in END_STATUSES for row in of_pair)
            and self._previous(pair) is not None
            for row in of_pair
        ]
        ivorns = self._notice_ivorns(ended)
        with self.outbox.transaction():
            return sum(self._add_row(row, ivorns[row["event_id"]]) for row in ended)

    def _notice_ivorns(
        self, rows: Iterable[Mapping[str, Any]]
    ) -> Mapping[str, list[str]]:
        return sources.notice_ivorns(self.settings, {row["event_id"] for row in rows})

    def _previous(self, pair: str) -> str | None:
        """Return the ivorn of the last packet of a pair; None if there is none."""
        return self.outbox.last_ivorn(pair, (*ACCEPTED, PENDING, self._state))

    def _add_row(self, row: Mapping[str, Any], notices: Sequence[str]) -> bool:
        """Add the packet of a coincidence; return False if there is none to send.

        The packet cites all notices of the event. It supersedes or retracts the last
        packet of the same pair.

        Parameters
        ----------
        row : mapping
            Row of the table routed.
        notices : sequence of str
            Ivorns of the notices of the event.
        """
        pair = _pair(row)
        source = f"{row['coincidence_id']} {row['status']} {row['batch']}"
        if self.outbox.has(source) or source in self._invalid:
            return False
        previous = self._previous(pair)
        is_end = row["status"] in END_STATUSES
        if previous is None and is_end:
            return False  # no packet of this pair was sent that could be retracted
        citations = [Citation(ivorn, "followup") for ivorn in (*notices, row["ivorn"])]
        if previous is not None:
            citations.append(
                Citation(previous, "retraction" if is_end else "supersedes")
            )
        urgency = RETRACTION if is_end else COINCIDENCE
        transient = from_coincidence(row)
        added = self._add(source, pair, urgency, transient, row, citations)
        if not added:
            self._invalid.add(source)
        return added

    def add_alert(self, topic: str, transient: Transient) -> bool:
        """Add the packet of an alert of a Fink topic; return whether it is new."""
        source = f"{topic} {transient.survey} {transient.alert_id}"
        return self._add(source, source, TOPIC, transient, None, ())

    def _add(
        self,
        source: str,
        pair: str,
        urgency: int,
        transient: Transient,
        row: Mapping[str, Any] | None,
        citations: Iterable[Citation],
    ) -> bool:
        """Compose a packet and add it; return False if it is invalid or not new."""
        try:
            packet = compose(transient, self.author, row, citations)
        except NoticeError as error:
            _LOG.error("not sent: %s", error)
            return False
        return self.outbox.add(self._entry(source, pair, urgency, packet))

    def _entry(self, source: str, pair: str, urgency: int, packet: Packet) -> Entry:
        return Entry(
            *(source, pair, packet.ivorn, packet.raw, self._state, urgency),
            added_s=time.time(),
        )

    def add_file(self, path: Path, stop: threading.Event) -> int:
        """Add the packets of the alerts in a file; return how many are new.

        If too many wait, some are sent before others are added. An alert without a
        valid packet is logged and left out.

        Raises
        ------
        InputError
            If the file cannot be read as a file of alerts.
        """
        added = 0
        for alert in read_alerts(path):
            try:
                packet = compose_alert(alert, self.author)
            except (InputError, NoticeError) as error:
                _LOG.error("%s: an alert is not sent: %s", path, error)
                continue
            while not self.room(BULK) and not stop.wait(POLL_S):
                self.send(stop)
            if stop.is_set():
                return added
            source = f"file {packet.ivorn}"
            added += self.outbox.add(self._entry(source, source, BULK, packet))
        return added

    def send(self, stop: threading.Event) -> None:
        """Send packets that are due, for `SEND_S` or until `stop` is set.

        If the broker does not answer, the packet is postponed and sending ends. If it
        cannot be reached, no packet is sent for some time.
        """
        connect = broker_of(self.settings)
        end_s = time.monotonic() + SEND_S
        while time.monotonic() < end_s and not stop.is_set():
            packet = None
            if time.monotonic() >= self._next_try_s:
                packet = self.outbox.next_due(time.time(), self._within_limit())
            if packet is None or not self._submit(connect, packet):
                break
        self._report()

    def _within_limit(self) -> list[int]:
        """Return the urgencies of which packets can be sent in this hour."""
        since_s = time.time() - HOUR_S
        allowed = [RETRACTION]
        for place, urgency in enumerate(_LIMITED):
            accepted = self.outbox.count_accepted(since_s, _LIMITED[: place + 1])
            if accepted < self.settings.publish_per_hour:
                allowed.append(urgency)
        return allowed

    def _submit(self, connect: Connect, packet: DuePacket) -> bool:
        """Submit a packet, and record the answer; return whether there was one."""
        answer = submit(connect, packet.raw, ANSWER_S)
        if answer.state != "unanswered":
            self.outbox.record_answer(
                packet.number, answer.state, answer.text, time.time()
            )
            self._outages = 0
            self._warned.clear()
            self._sent += answer.state in ACCEPTED
            if answer.state == "refused":
                _LOG.error("%s was refused: %s", packet.ivorn, answer.text)
            else:
                _LOG.debug("%s %s", packet.ivorn, answer.state)
            return True
        if answer.is_reached:
            urgent = packet.urgency <= COINCIDENCE
            longest_s = LONGEST_URGENT_WAIT_S if urgent else LONGEST_WAIT_S
            wait_s = _wait_s(packet.tries, longest_s)
            self.outbox.postpone(packet.number, answer.text, time.time() + wait_s)
        else:
            self.outbox.postpone(packet.number, answer.text, time.time())
            self._next_try_s = time.monotonic() + _wait_s(
                self._outages, LONGEST_OUTAGE_S
            )
            self._outages += 1
        self._warn(f"{_name(self.settings)}: {answer.text}; trying again")
        return False

    def _report(self) -> None:
        """Log how many were sent and how many wait, each from time to time."""
        now_s = time.monotonic()
        if self._sent and now_s >= self._next_summary_s:
            self._next_summary_s = now_s + SUMMARY_S
            self.report_sent()
        if now_s < self._next_report_s or not self.outbox.count_pending():
            return
        self._next_report_s = now_s + REPORT_S
        reasons = []
        if len(self._within_limit()) < len(URGENCIES):
            limit = self.settings.publish_per_hour
            reasons.append(f"VOEVENT_PUBLISH_PER_HOUR={limit} is reached")
        if self._outages:
            reasons.append("the broker cannot be reached")
        if not all(map(self.room, _LIMITED)):
            limit = self.settings.publish_backlog
            reasons.append(f"VOEVENT_PUBLISH_BACKLOG={limit} is reached")
        line = backlog.read(self.settings.spool, time.time()).line()
        if reasons and line:
            _LOG.warning("%s: %s", line, "; ".join(reasons))

    def report_sent(self) -> None:
        """Log how many were sent since the last time, if any were."""
        if self._sent:
            waiting = self.outbox.count_pending()
            _LOG.info("%d VOEvents sent, %d wait", self._sent, waiting)
            self._sent = 0

    def _warn(self, text: str) -> None:
        """Log a warning, once until the next packet is answered."""
        if text not in self._warned:
            self._warned.add(text)
            _LOG.warning("%s", text)


def broker_of(settings: Settings) -> Connect:
    """Return how to connect to the broker of `publish_to`."""
    if not settings.publish_to:
        return partial(author_socket.connect, settings.spool)
    (address,) = parse_sources(settings.publish_to, AUTHOR_PORT)
    return port_of(address)


def _name(settings: Settings) -> str:
    return settings.publish_to or "fink_voevent broadcast"


def _wait_s(tries: int, longest_s: float) -> float:
    """Return the wait (s) before the next try, which doubles with each."""
    wait_s = min(FIRST_WAIT_S * 2 ** min(tries, 32), longest_s)
    return wait_s * random.uniform(0.5, 1)  # noqa: S311 - not a secret


def _pair(row: Mapping[str, Any]) -> str:
    return f"{row['event_id']} {row['survey']} {row['alert_id']}"


def run(settings: Settings, stop: threading.Event) -> None:
    """Publish coincidences and alerts until `stop` is set.

    Raises
    ------
    ConfigError
        If the settings name nothing to publish, an unknown filter, or not exactly one
        broker to send to.
    """
    if not (settings.publish or settings.publish_topics):
        raise ConfigError(
            "nothing to publish: set VOEVENT_PUBLISH=FILTER,... or"
            " VOEVENT_PUBLISH_TOPICS=TOPIC,..., or name files of alerts"
        )
    found = discover(settings.filters)
    for one in found.faulty:
        _LOG.error("%s", one)
    known = {one.name for one in found.filters} | {one.name for one in found.faulty}
    unknown = sorted(sources.published_filters(settings) - known)
    if unknown and "" not in known:  # they may be of a package that is left out
        raise ConfigError(
            f"VOEVENT_PUBLISH: no filter {', '.join(unknown)}; there are"
            f" {', '.join(sorted(known))}"
        )
    with _publisher(settings) as publisher:
        topics = sources.TopicReader.from_settings(settings)
        try:
            while not stop.wait(POLL_S):
                _publish_once(publisher, topics, stop)
        finally:
            if topics is not None:
                topics.close()


def send_files(
    settings: Settings, paths: Iterable[Path], stop: threading.Event
) -> None:
    """Publish the alerts in files; return when every packet is answered.

    Parameters
    ----------
    settings : Settings
    paths : iterable of Path
        Avro or Parquet files of Fink's alert packets.
    stop : Event
        Ends the function earlier.

    Raises
    ------
    ConfigError
        If the settings do not name exactly one broker to send to.
    InputError
        If a file cannot be read as a file of alerts.
    """
    limit = settings.publish_per_hour
    with _publisher(settings) as publisher:
        if not settings.publish_dry_run:
            _LOG.info(
                "at most %d VOEvents are sent in an hour (VOEVENT_PUBLISH_PER_HOUR);"
                " this command ends when each is answered. After Ctrl-C, what waits is"
                " sent by voevent_publish, or when this command runs again",
                limit,
            )
        added = sum(publisher.add_file(path, stop) for path in paths)
        if settings.publish_dry_run:
            _LOG.info("%d new VOEvents are kept, and not sent", added)
            return
        waiting = publisher.outbox.count_pending((BULK,))
        _LOG.info("%d new VOEvents, %d to send", added, waiting)
        while publisher.outbox.count_pending((BULK,)) and not stop.is_set():
            publisher.send(stop)
            if publisher.outbox.count_pending((BULK,)):
                stop.wait(POLL_S)
        publisher.report_sent()


@contextmanager
def _publisher(settings: Settings) -> Iterator[Publisher]:
    if settings.publish_to and len(parse_sources(settings.publish_to)) != 1:
        raise ConfigError("VOEVENT_PUBLISH_TO: name one broker, host:port")
    if settings.publish_dry_run:
        _LOG.warning(
            "dry run: packets are kept in %s and not sent; list them with `fink_voevent"
            " outbox`, then set VOEVENT_PUBLISH_DRY_RUN=false to send later ones",
            settings.spool,
        )
    with closing(Outbox(settings.spool)) as outbox:
        yield Publisher(settings, outbox)


def _publish_once(
    publisher: Publisher, topics: sources.TopicReader | None, stop: threading.Event
) -> None:
    """Add the packets of all new inputs, and send what is due."""
    try:
        added = publisher.collect()
    except (StorageError, OSError) as error:
        _LOG.error("%s; trying again", error)
        return
    room = publisher.room(TOPIC)
    if topics is not None and room:
        for topic, transient in topics.poll(room):
            added += publisher.add_alert(topic, transient)
    if added:
        _LOG.info("%d new VOEvents", added)
    publisher.send(stop)

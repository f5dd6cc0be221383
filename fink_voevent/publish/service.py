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
from pathlib import Path
from typing import Any

from fink_voevent.alerts.transient import Transient, from_coincidence
from fink_voevent.config.addresses import parse_sources
from fink_voevent.config.settings import AUTHOR_PORT, Settings
from fink_voevent.errors import ConfigError, InputError, NoticeError, StorageError
from fink_voevent.filters.discover import discover
from fink_voevent.publish import sources
from fink_voevent.publish.compose import Author, Citation, compose
from fink_voevent.publish.outbox import ACCEPTED, DRY_RUN, PENDING, Entry, Outbox
from fink_voevent.publish.packets import compose_alert, read_alerts
from fink_voevent.publish.submit import submit
from fink_voevent.store.batches import BatchLog
from fink_voevent.store.delta import Tables

_LOG = logging.getLogger(__name__)
POLL_S = 0.5  # pause between two looks for new inputs
ANSWER_S = 30.0  # time limit of a submission
HOUR_S = 3600.0
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 600.0  # before a packet is sent again
END_STATUSES = ("withdrawn", "retracted")


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

    @property
    def author(self) -> Author:
        """The author of all packets, from the settings."""
        return Author(self.settings.local_ivo, self.settings.publish_contact)

    @property
    def _state(self) -> str:
        return DRY_RUN if self.settings.publish_dry_run else PENDING

    def collect(self) -> int:
        """Add the packets of newly routed coincidences; return how many."""
        added = 0
        log = BatchLog(Tables(self.settings.root), sources.ROUTE)
        tables = log.identity()
        after = self.outbox.last_done(tables)
        filters = sources.published_filters(self.settings)
        for number, rows in sources.routed_rows(self.settings, filters, log, after):
            ivorns = sources.notice_ivorns(
                self.settings, {row["event_id"] for row in rows}
            )
            with self.outbox.transaction():
                added += sum(
                    self._add_row(row, ivorns[row["event_id"]]) for row in rows
                )
                self.outbox.mark_done(tables, number)
        return added

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
        pair = f"{row['event_id']} {row['survey']} {row['alert_id']}"
        source = f"{row['coincidence_id']} {row['status']} {row['batch']}"
        if self.outbox.has(source):
            return False
        previous = self.outbox.last_ivorn(pair, (*ACCEPTED, PENDING, self._state))
        is_end = row["status"] in END_STATUSES
        if previous is None and is_end:
            return False  # no packet of this pair was sent that could be retracted
        citations = [Citation(ivorn, "followup") for ivorn in (*notices, row["ivorn"])]
        if previous is not None:
            citations.append(
                Citation(previous, "retraction" if is_end else "supersedes")
            )
        return self._add(source, pair, from_coincidence(row), row, citations)

    def add_alert(self, topic: str, transient: Transient) -> bool:
        """Add the packet of an alert of a Fink topic; return whether it is new."""
        source = f"{topic} {transient.survey} {transient.alert_id}"
        return self._add(source, source, transient, None, ())

    def _add(
        self,
        source: str,
        pair: str,
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
        entry = Entry(source, pair, packet.ivorn, packet.raw, self._state)
        return self.outbox.add(entry)

    def add_file(self, path: Path) -> int:
        """Add the packets of the alerts in a file; return how many are new.

        An alert without a valid packet is logged and left out.

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
            source = f"file {packet.ivorn}"
            entry = Entry(source, source, packet.ivorn, packet.raw, self._state)
            added += self.outbox.add(entry)
        return added

    def send(self, stop: threading.Event) -> None:
        """Send the packets that are due, until the hourly limit or until `stop` is set.

        If the broker does not answer, the packet is postponed and sending ends.
        """
        (address,) = parse_sources(self.settings.publish_to, AUTHOR_PORT)
        for packet in self.outbox.due(time.time()):
            accepted = self.outbox.count_accepted(time.time() - HOUR_S)
            if accepted >= self.settings.publish_per_hour:
                self._warn(
                    "VOEVENT_PUBLISH_PER_HOUR is reached: the other packets wait"
                )
                return
            if stop.is_set():
                return
            answer = submit(address, packet.raw, ANSWER_S)
            if answer.state == "unanswered":
                wait_s = min(FIRST_WAIT_S * 2**packet.tries, LONGEST_WAIT_S)
                wait_s *= random.uniform(0.5, 1)  # noqa: S311 - not a secret
                self.outbox.postpone(packet.number, answer.text, time.time() + wait_s)
                self._warn(f"{self.settings.publish_to}: {answer.text}; trying again")
                return
            self.outbox.record_answer(
                packet.number, answer.state, answer.text, time.time()
            )
            self._warned.clear()
            _LOG.info("%s %s %s", packet.ivorn, answer.state, answer.text)

    def _warn(self, text: str) -> None:
        """Log a warning, once until the next packet is answered."""
        if text not in self._warned:
            self._warned.add(text)
            _LOG.warning("%s", text)


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
    with _publisher(settings) as publisher:
        added = sum(map(publisher.add_file, paths))
        _LOG.info("%d new packets", added)
        while publisher.outbox.count_pending() and not stop.wait(POLL_S):
            publisher.send(stop)


@contextmanager
def _publisher(settings: Settings) -> Iterator[Publisher]:
    if len(parse_sources(settings.publish_to)) != 1:
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
    for topic, transient in topics.poll() if topics is not None else ():
        added += publisher.add_alert(topic, transient)
    if added:
        _LOG.info("%d new packets", added)
    publisher.send(stop)

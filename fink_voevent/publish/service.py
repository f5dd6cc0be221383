# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The service ``voevent_publish``: what was routed becomes packets, and goes out."""

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

from fink_voevent.alerts.transient import Transient, of_coincidence
from fink_voevent.config.addresses import parse_sources
from fink_voevent.config.settings import AUTHOR_PORT, Settings
from fink_voevent.errors import ConfigError, InputError, NoticeError, StorageError
from fink_voevent.filters.discover import discover
from fink_voevent.publish import sources
from fink_voevent.publish.compose import Author, Cite, compose
from fink_voevent.publish.outbox import DRY_RUN, PENDING, TAKEN, Entry, Outbox
from fink_voevent.publish.packets import packet_of, read
from fink_voevent.publish.submit import submit

_LOG = logging.getLogger(__name__)
POLL_S = 0.5
ANSWER_S = 30.0
HOUR_S = 3600.0
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 600.0
TAKEN_BACK = ("withdrawn", "retracted")


@dataclass
class Publisher:
    """Makes packets of what is new, and sends what is due."""

    settings: Settings
    outbox: Outbox
    _said: set[str] = field(default_factory=set)

    @property
    def author(self) -> Author:
        """Who we are."""
        return Author(self.settings.local_ivo, self.settings.publish_contact)

    @property
    def _state(self) -> str:
        return DRY_RUN if self.settings.publish_dry_run else PENDING

    def collect(self) -> int:
        """Make packets of the coincidences that were routed since; return how many."""
        made = 0
        for name, rows in sources.routed(self.settings, self.outbox.is_done):
            notices = sources.notices(self.settings, {row["event_id"] for row in rows})
            with self.outbox.transaction():
                made += sum(self._add(row, notices[row["event_id"]]) for row in rows)
                self.outbox.mark_done(name)
        return made

    def _add(self, row: Mapping[str, Any], notices: Sequence[str]) -> bool:
        """Add the packet of a coincidence; False where there is none to send."""
        pair = f"{row['event_id']} {row['survey']} {row['alert_id']}"
        source = f"{row['coincidence_id']} {row['status']} {row['batch']}"
        if self.outbox.has(source):
            return False
        before = self.outbox.last(pair, (*TAKEN, PENDING, self._state))
        taken_back = row["status"] in TAKEN_BACK
        if before is None and taken_back:
            return False  # nothing of it went out
        cites = [Cite(ivorn, "followup") for ivorn in (*notices, row["ivorn"])]
        if before is not None:
            cites.append(Cite(before, "retraction" if taken_back else "supersedes"))
        return self._keep(source, pair, of_coincidence(row), row, cites)

    def add_alert(self, topic: str, transient: Transient) -> bool:
        """Add the packet of an alert of a Fink topic."""
        source = f"{topic} {transient.survey} {transient.alert_id}"
        return self._keep(source, source, transient, None, ())

    def add_file(self, path: Path) -> int:
        """Add the packets of the alerts in a file; return how many.

        An alert of which none can be made is told, and stops no other.

        Raises
        ------
        InputError
            Where the file is not one of alerts.
        """
        added = 0
        for alert in read(path):
            try:
                packet = packet_of(alert, self.author)
            except (InputError, NoticeError) as error:
                _LOG.error("%s: an alert is not sent: %s", path, error)
                continue
            source = f"file {packet.ivorn}"
            entry = Entry(source, source, packet.ivorn, packet.raw, self._state)
            added += self.outbox.add(entry)
        return added

    def _keep(
        self,
        source: str,
        pair: str,
        transient: Transient,
        row: Mapping[str, Any] | None,
        cites: Iterable[Cite],
    ) -> bool:
        try:
            packet = compose(transient, self.author, row, cites)
        except NoticeError as error:
            _LOG.error("not sent: %s", error)
            return False
        entry = Entry(source, pair, packet.ivorn, packet.raw, self._state)
        return self.outbox.add(entry)

    def send(self, stop: threading.Event) -> None:
        """Send what is due, as far as the rate allows, until told to stop."""
        (address,) = parse_sources(self.settings.publish_to, AUTHOR_PORT)
        for waiting in self.outbox.due(time.time()):
            since = time.time() - HOUR_S
            if self.outbox.settled_since(since) >= self.settings.publish_per_hour:
                self._say("VOEVENT_PUBLISH_PER_HOUR is reached: the rest waits")
                return
            if stop.is_set():
                return
            answer = submit(address, waiting.raw, ANSWER_S)
            if answer.state == "unanswered":
                wait_s = min(FIRST_WAIT_S * 2**waiting.tries, LONGEST_WAIT_S)
                wait_s *= random.uniform(0.5, 1)  # noqa: S311 - not a secret
                self.outbox.postpone(waiting.number, answer.text, time.time() + wait_s)
                self._say(f"{self.settings.publish_to}: {answer.text}; trying again")
                return  # nor would it answer for the next
            self.outbox.settle(waiting.number, answer.state, answer.text, time.time())
            self._said.clear()
            _LOG.info("%s %s %s", waiting.ivorn, answer.state, answer.text)

    def _say(self, text: str) -> None:
        """Log a trouble once, until something went out."""
        if text not in self._said:
            self._said.add(text)
            _LOG.warning("%s", text)


def run(settings: Settings, stop: threading.Event) -> None:
    """Publish until `stop` is set.

    Raises
    ------
    ConfigError
        Where nothing is named to publish, or nowhere to send it.
    """
    if not (settings.publish or settings.publish_topics):
        raise ConfigError(
            "nothing to publish: set VOEVENT_PUBLISH=FILTER,... or"
            " VOEVENT_PUBLISH_TOPICS=TOPIC,..., or name files of alerts"
        )
    known = {one.name for one in discover(settings.filters)}
    unknown = sorted(sources.filters_of(settings) - known)
    if unknown:
        raise ConfigError(
            f"VOEVENT_PUBLISH: no filter {', '.join(unknown)}; there are"
            f" {', '.join(sorted(known))}"
        )
    with _publisher(settings) as publisher:
        topics = sources.Topics.of(settings)
        try:
            while not stop.wait(POLL_S):
                _turn(publisher, topics, stop)
        finally:
            if topics is not None:
                topics.close()


def send_files(
    settings: Settings, paths: Iterable[Path], stop: threading.Event
) -> None:
    """Publish the alerts in files, and return when each packet is answered.

    Raises
    ------
    ConfigError
        Where nowhere is named to send them.
    InputError
        Where a file is not one of alerts.
    """
    with _publisher(settings) as publisher:
        made = sum(map(publisher.add_file, paths))
        _LOG.info("%d packets made", made)
        while publisher.outbox.pending() and not stop.wait(POLL_S):
            publisher.send(stop)


@contextmanager
def _publisher(settings: Settings) -> Iterator[Publisher]:
    if len(parse_sources(settings.publish_to)) != 1:
        raise ConfigError("VOEVENT_PUBLISH_TO: name one broker, host:port")
    if settings.publish_dry_run:
        _LOG.warning(
            "dry run: packets are kept in %s and not sent; look at them with"
            " `fink_voevent outbox`, then set VOEVENT_PUBLISH_DRY_RUN=false",
            settings.spool,
        )
    with closing(Outbox(settings.spool)) as outbox:
        yield Publisher(settings, outbox)


def _turn(
    publisher: Publisher, topics: sources.Topics | None, stop: threading.Event
) -> None:
    try:
        made = publisher.collect()
    except (StorageError, OSError) as error:
        _LOG.error("%s; trying again", error)
        return
    for topic, transient in topics.poll() if topics is not None else ():
        made += publisher.add_alert(topic, transient)
    if made:
        _LOG.info("%d packets made", made)
    publisher.send(stop)

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Send messages to people about objects that reach chosen filters, with apprise."""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import groupby
from typing import Any

import apprise

from fink_voevent.config.settings import Settings
from fink_voevent.errors import ConfigError, StorageError
from fink_voevent.filters.discover import discover
from fink_voevent.publish import sources
from fink_voevent.show import messages
from fink_voevent.show.message_log import (
    DIGEST,
    GIVEN_UP,
    PENDING,
    SENT,
    STARTED,
    Delivery,
    MessageLog,
)
from fink_voevent.show.messages import Change, Message
from fink_voevent.store.batches import BatchLog
from fink_voevent.store.delta import Tables
from fink_voevent.tables.schema import NAMESPACE

_LOG = logging.getLogger(__name__)
POLL_S = 0.5  # pause between two looks for new coincidences
HOUR_S = 3600.0
FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 600.0  # before a message is tried again
TRIES = 20  # then it is given up: after about two and a half hours
KEPT_DAYS = 30  # for which messages that were sent are kept
_SHORTEST_SECRET = 6  # characters; shorter parts of an address are not masked


@dataclass(frozen=True)
class Destination:
    """Where messages go.

    Parameters
    ----------
    name : str
        Its kind and a digest of its address, which has no secret: ``slack-1a2b3c4d``.
    url : str
        Its address, in the form of apprise; it can contain secrets.
    """

    name: str
    url: str = field(repr=False)

    @classmethod
    def parse(cls, url: str, number: int) -> Destination:
        """Return the destination of an address.

        Parameters
        ----------
        url : str
        number : int
            Its place in the setting, counted from 1, for the error.

        Raises
        ------
        ConfigError
            If apprise does not know it.
        """
        kind = url.partition("://")[0].lower()
        kind = kind if re.fullmatch(r"[a-z0-9+.-]{1,20}", kind) else "address"
        with _quiet():
            known = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if known is None:
            raise ConfigError(
                f"VOEVENT_NOTIFY: number {number} ({kind}://) is no address of apprise;"
                " see https://appriseit.com/services"
            )
        digest = hashlib.sha256(url.encode()).hexdigest()[:8]
        return cls(f"{kind}-{digest}", url)

    def send(self, message: Message, event: str) -> str:
        """Send a message.

        Parameters
        ----------
        message : Message
        event : str
            Its event; empty for none. E-mail programs make one thread of the messages
            of an event; JSON messages have it as ``event_id``.

        Returns
        -------
        str
            Why it failed; empty if it was sent.
        """
        with _quiet() as reasons:
            plugin = apprise.Apprise.instantiate(self.url)
            if plugin is None:
                return "no address of apprise"
            _add_thread(plugin, event)
            if plugin.notify(
                body=message.body,
                title=message.title,
                notify_type=apprise.NotifyType.INFO,
                body_format=apprise.NotifyFormat.TEXT,
            ):
                return ""
            return self._masked(reasons.last) or "no reason was given"

    def _masked(self, text: str) -> str:
        """Text without any part of the address that may be a secret."""
        for part in re.split(r"[:/@?&=]+", self.url):
            if len(part) >= _SHORTEST_SECRET:
                text = text.replace(part, "***")
        return " ".join(text.split())[:200]


def _add_thread(plugin: Any, event: str) -> None:
    """Let the messages of an event be one thread, where apprise can."""
    if not event:
        return
    if plugin.service_name == "E-Mail":
        # A message identifier that is never sent: all messages refer to it.
        name = uuid.uuid5(NAMESPACE, f"messages {event}")
        plugin.headers["References"] = f"<{name}@fink-voevent>"
    elif plugin.service_name in ("JSON", "Form"):
        plugin.payload_extras["event_id"] = event


class _Reasons(logging.Handler):
    """Keeps the last warning."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text of a record."""
        self.last = record.getMessage()


@contextmanager
def _quiet() -> Iterator[_Reasons]:
    """Keep log lines that can contain addresses, of apprise and below, out of the log.

    Yields
    ------
    _Reasons
        Has the last warning of apprise.
    """
    logs = [logging.getLogger(name) for name in ("apprise", "urllib3")]
    before = [log.propagate for log in logs]
    reasons = _Reasons(logging.WARNING)
    logs[0].addHandler(reasons)
    for log in logs:
        log.propagate = False
    try:
        yield reasons
    finally:
        logs[0].removeHandler(reasons)
        for log, propagate in zip(logs, before, strict=True):
            log.propagate = propagate


def destinations(settings: Settings) -> list[Destination]:
    """Return the destinations of the settings.

    Raises
    ------
    ConfigError
        If there are none, or one is not understood.
    """
    urls = settings.notify.get_secret_value().split()
    if not urls:
        raise ConfigError(
            "nobody to send messages to: set VOEVENT_NOTIFY to addresses of apprise,"
            " separated by blanks; see https://appriseit.com/services"
        )
    return [Destination.parse(url, n) for n, url in enumerate(dict.fromkeys(urls), 1)]


def chosen_filters(settings: Settings) -> set[str]:
    """Return the names of the filters about whose objects messages are sent.

    Raises
    ------
    ConfigError
        If there are none, or one does not exist.
    """
    wanted = {name.strip() for name in settings.notify_filters.split(",")} - {""}
    if not wanted:
        raise ConfigError(
            "no filter is chosen: set VOEVENT_NOTIFY_FILTERS=NAME,... or give --filters"
        )
    found = discover(settings.filters)
    known = {one.name for one in found.filters} | {one.name for one in found.faulty}
    if (unknown := sorted(wanted - known)) and "" not in known:
        raise ConfigError(
            f"VOEVENT_NOTIFY_FILTERS: no filter {', '.join(unknown)}; there are"
            f" {', '.join(sorted(known))}"
        )
    return wanted


@dataclass
class Notifier:
    """Makes messages of newly routed coincidences, and sends them.

    Parameters
    ----------
    settings : Settings
    log : MessageLog
    filters : set of str
        See `chosen_filters`.
    destinations : sequence of Destination
    """

    settings: Settings
    log: MessageLog
    filters: set[str]
    destinations: Sequence[Destination]
    _logged: str = ""

    def start(self) -> None:
        """Settle what an earlier process left.

        A record that is new begins with the coincidences that are routed from now on.
        """
        batches = BatchLog(Tables(self.settings.root), sources.ROUTE)
        with self.log.transaction():
            if self.log.last_done(batches.identity()) is None:
                self.log.mark_done(batches.identity(), batches.last_done())
            self.log.forget(time.time() - KEPT_DAYS * 24 * HOUR_S)
            uncertain = self.log.mark_uncertain()
            count = self.log.keep_destinations([d.name for d in self.destinations])
        for name, title in uncertain:
            _LOG.warning("%s: %r was perhaps not sent; it is not repeated", name, title)
        if count:
            _LOG.warning(
                "%d messages are not sent: no such destination any more", count
            )

    def collect(self) -> int:
        """Record the changes in newly routed coincidences; return how many."""
        batches = BatchLog(Tables(self.settings.root), sources.ROUTE)
        tables, added = batches.identity(), 0
        after = self.log.last_done(tables)
        if after is None:  # these tables are new
            after = -1
        for number, rows in sources.routed_rows(
            self.settings, self.filters, batches, after
        ):
            with self.log.transaction():
                added += sum(self._record(row) for row in rows)
                self.log.mark_done(tables, number)
        return added

    def _record(self, row: Mapping[str, Any]) -> bool:
        event, name = row["event_id"], messages.object_name(row)
        filters = sources.filters_of(self.settings, row) & self.filters
        before = self.log.reported(event, name)
        after, change = messages.next_change(before, row, filters)
        if after != before:
            self.log.set_reported(event, name, after)
        if change is not None:
            self.log.add_change(change)
        return change is not None

    def compose(self, now_s: float) -> list[Message]:
        """Make the messages of the changes that wait, as many as the limit allows.

        The last message that the limit allows is one on all events that wait.

        Parameters
        ----------
        now_s : float
            Unix time, in seconds.

        Returns
        -------
        list of Message
        """
        made: list[Message] = []
        free = self.settings.notify_per_hour - self.log.count_messages(now_s - HOUR_S)
        waiting = self.log.waiting()
        names = [destination.name for destination in self.destinations]
        order = {change.event_id: number for number, change in reversed(waiting)}
        waiting.sort(key=lambda item: order[item[1].event_id])
        while waiting and free > 0:
            event, group = next(groupby(waiting, lambda item: item[1].event_id))
            chosen = list(group)
            if free == 1 and len(chosen) < len(waiting):
                event, chosen = DIGEST, waiting
            message = _message(event, [change for _, change in chosen])
            with self.log.transaction():
                numbers = [number for number, _ in chosen]
                self.log.add_message(event, message, numbers, names, now_s)
            made.append(message)
            waiting, free = waiting[len(chosen) :], free - 1
        if waiting:
            self._log_once("VOEVENT_NOTIFY_PER_HOUR is reached: the other changes wait")
        return made

    def send(self, stop: threading.Event) -> None:
        """Send what is due, to each destination in order."""
        by_name = {destination.name: destination for destination in self.destinations}
        while due := self.log.due(time.time()):
            for delivery in due:
                if stop.is_set():
                    return
                self._send(by_name[delivery.destination], delivery)

    def _send(self, destination: Destination, delivery: Delivery) -> None:
        message = delivery.content
        if self.log.is_after_gap(delivery):
            message = messages.after_gap(message)
        self.log.set_state(delivery, STARTED)
        reason = destination.send(message, delivery.event)
        if not reason:
            self.log.set_state(delivery, SENT)
            self._logged = ""
            _LOG.info("sent to %s: %s", destination.name, message.title)
        elif delivery.tries + 1 >= TRIES:
            self.log.set_state(delivery, GIVEN_UP, reason)
            _LOG.error(
                "%s: %r is given up: %s", destination.name, message.title, reason
            )
        else:
            wait_s = min(FIRST_WAIT_S * 2**delivery.tries, LONGEST_WAIT_S)
            self.log.set_state(delivery, PENDING, reason, time.time() + wait_s)
            self._log_once(f"{destination.name}: {reason}; trying again")

    def _log_once(self, text: str) -> None:
        """Log a warning, unless it was the last one and nothing was sent since."""
        if text != self._logged:
            _LOG.warning("%s", text)
        self._logged = text


def _message(event: str, changes: list[Change]) -> Message:
    return messages.digest(changes) if event == DIGEST else messages.of_event(changes)


def run(settings: Settings, stop: threading.Event) -> None:
    """Send messages until `stop` is set.

    Raises
    ------
    ConfigError
        If the settings name no destination or no filter, or one that is unknown.
    """
    found, filters = destinations(settings), chosen_filters(settings)
    with closing(MessageLog(settings.spool)) as log:
        notifier = Notifier(settings, log, filters, found)
        notifier.start()
        failed = ""
        while not stop.wait(POLL_S):
            try:
                notifier.collect()
                failed = ""
            except (StorageError, OSError) as error:
                if failed != str(error):
                    _LOG.error("%s; trying again", error)
                failed = str(error)
            notifier.compose(time.time())
            notifier.send(stop)


def dry_run(settings: Settings) -> list[Message]:
    """Return the messages of all coincidences so far; nothing is sent or recorded.

    Raises
    ------
    ConfigError
        If the settings name no filter, or an unknown one.
    """
    filters = chosen_filters(settings)
    with closing(MessageLog.in_memory()) as log:
        notifier = Notifier(settings, log, filters, ())
        notifier.collect()
        grouped = groupby(
            sorted((c for _, c in log.waiting()), key=lambda c: c.event_id),
            lambda change: change.event_id,
        )
        return [_message(event, list(changes)) for event, changes in grouped]


def test(settings: Settings) -> dict[str, str]:
    """Send a test message to each destination.

    Returns
    -------
    dict of str to str
        By name of a destination: why it failed; empty if the message was sent.

    Raises
    ------
    ConfigError
        If the settings name no destination, or one is not understood.
    """
    message = messages.test_message(datetime.now(timezone.utc))
    return {d.name: d.send(message, "") for d in destinations(settings)}

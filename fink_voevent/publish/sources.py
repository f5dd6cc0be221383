# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Where what is published comes from: the table of what was routed, and Fink topics."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow.compute as pc
from fink_client.consumer import AlertConsumer, AlertError

from fink_voevent.alerts.transient import Transient, of_packet
from fink_voevent.config.settings import Settings
from fink_voevent.errors import ConfigError, InputError
from fink_voevent.store import arrow_tables
from fink_voevent.store.ledger import Ledger
from fink_voevent.tables.schema import names

_LOG = logging.getLogger(__name__)
MOST_AT_ONCE = 500  # alerts of topics in one turn
POLL_S = 0.1


def routed(
    settings: Settings, is_done: Callable[[str], bool]
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Manifests of route that are not done, oldest first, and their rows to publish.

    Parameters
    ----------
    settings : Settings
        `publish` names the filters.
    is_done : callable
        Whether a manifest is.
    """
    wanted = filters_of(settings)
    if not wanted:
        return
    manifests = Ledger(settings.root, "route").manifests(is_done)
    tables = {m.name: m.tables.get("routed", ()) for m in manifests}
    found = {name: _rows(settings, files) for name, files in tables.items()}
    first = {n: min((r["batch"] for r in rows), default=0) for n, rows in found.items()}
    for name in sorted(found, key=lambda n: (first[n], n)):
        rows = [
            row
            for row in found[name]
            if row["survey"] == settings.survey
            and wanted & {_filter(settings, topic) for topic in row["topics"]}
        ]
        yield name, sorted(rows, key=_order)


def filters_of(settings: Settings) -> set[str]:
    """Names of the filters whose coincidences are published."""
    return {name.strip() for name in settings.publish.split(",") if name.strip()}


def _order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["batch"], row["event_id"], row["alert_id"], row["coincidence_id"]


def _filter(settings: Settings, topic: str) -> str:
    """Name of the filter that a topic is of."""
    name = topic.removeprefix(settings.topic_prefix).removesuffix("_test")
    return name.removesuffix("_ztf").removesuffix("_lsst")


def _rows(settings: Settings, files: Sequence[str]) -> list[dict[str, Any]]:
    table = arrow_tables.read_arrow(settings.root, "routed", files, names("routed"))
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def notices(settings: Settings, event_ids: Iterable[str]) -> Mapping[str, list[str]]:
    """Give the ivorns of all notices of events, in the order of the notices."""
    wanted = sorted(event_ids)
    manifests = Ledger(settings.root, "ingest").manifests()
    files = [f for m in manifests for f in m.tables.get("events", ())]
    found: dict[str, list[str]] = defaultdict(list)
    if not (wanted and files):
        return found
    columns = ["event_id", "version", "issued", "notice_id", "ivorn"]
    told = arrow_tables.read_arrow(settings.root, "events", files, columns)
    rows = told.filter(pc.field("event_id").isin(wanted)).to_pylist()
    for row in sorted(
        rows, key=lambda r: (r["version"], str(r["issued"] or ""), r["notice_id"])
    ):
        found[row["event_id"]].append(row["ivorn"])
    return found


class Topics:
    """Alerts of Fink topics, by fink-client."""

    def __init__(self, consumer: AlertConsumer) -> None:
        self._consumer = consumer

    @classmethod
    def of(cls, settings: Settings) -> Topics | None:
        """Consumer of the topics that the settings name; None where they name none.

        Raises
        ------
        ConfigError
            Where no servers are named.
        """
        topics = [t.strip() for t in settings.publish_topics.split(",") if t.strip()]
        if not topics:
            return None
        servers = settings.publish_servers or settings.kafka_servers
        if not servers:
            raise ConfigError(
                "VOEVENT_PUBLISH_TOPICS needs VOEVENT_PUBLISH_SERVERS or"
                " VOEVENT_KAFKA_SERVERS, host:port,..."
            )
        config = {
            "bootstrap.servers": servers,
            "group.id": f"fink_voevent-publish-{settings.survey}",
        }
        if settings.kafka_username and servers == settings.kafka_servers:
            config["username"] = settings.kafka_username
            config["password"] = settings.kafka_password.get_secret_value()
        survey = {"ztf": "ztf", "rubin": "lsst"}[settings.survey]
        return cls(AlertConsumer(topics, config, survey=survey))

    def poll(self) -> Iterator[tuple[str, Transient]]:
        """Topic and transient of the alerts that are there."""
        for _ in range(MOST_AT_ONCE):
            try:
                topic, alert, _ = self._consumer.poll(POLL_S)
            except AlertError as error:
                _LOG.error("Fink's topics: %s", " ".join(str(error).split()))
                return
            if topic is None:
                return
            try:
                yield topic, of_packet(alert)
            except InputError as error:
                _LOG.error("an alert of %s is not published: %s", topic, error)

    def close(self) -> None:
        """Leave the topics."""
        self._consumer.close()

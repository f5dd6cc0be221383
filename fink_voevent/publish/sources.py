# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Inputs of the publisher: rows of the table routed, and alerts of Fink topics."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

import pyarrow.compute as pc
from confluent_kafka import KafkaException
from fink_client.consumer import AlertConsumer, AlertError

from fink_voevent.alerts.transient import Transient, from_packet
from fink_voevent.config.settings import Settings
from fink_voevent.errors import ConfigError, InputError
from fink_voevent.ingest.trust import rows_that_count
from fink_voevent.store.batches import BatchLog
from fink_voevent.store.delta import Tables
from fink_voevent.tables.schema import column_names

_LOG = logging.getLogger(__name__)
INGEST, ROUTE = "ingest", "route"  # stages whose tables are read
MOST_AT_ONCE = 500  # alerts that one call of `TopicReader.poll` yields
_ORDER = ("version", "kind", "issued", "received_at", "notice_id")
POLL_S = 0.1  # wait for the next alert of a topic


def published_filters(settings: Settings) -> set[str]:
    """Names of the filters whose coincidences are published."""
    return {name.strip() for name in settings.publish.split(",") if name.strip()}


def routed_rows(
    settings: Settings, filters: Set[str], log: BatchLog, after: int
) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Yield the rows of filters in each new batch of route, oldest first.

    Parameters
    ----------
    settings : Settings
    filters : set of str
        Names of filters.
    log : BatchLog
        The batches of route.
    after : int
        The last batch that was read before.

    Yields
    ------
    int
        Number of the batch.
    list of dict
        Rows of the table routed, of our survey and on a topic of one of the filters;
        empty if there are none. They are ordered by `batch`, `event_id`, `alert_id` and
        `coincidence_id`.
    """
    last = log.last_done()
    if not filters or last <= after:
        return
    columns = [*column_names("routed"), "route_batch"]
    found: dict[int, list[dict[str, Any]]] = {n: [] for n in range(after + 1, last + 1)}
    for row in log.tables.rows_of("routed", columns, after + 1, last).to_pylist():
        if row["survey"] == settings.survey and filters & filters_of(settings, row):
            found[row.pop("route_batch")].append(row)
    for number, rows in found.items():
        yield number, sorted(rows, key=_order)


def filters_of(settings: Settings, row: Mapping[str, Any]) -> set[str]:
    """Return the names of the filters to whose topics a coincidence was sent.

    Parameters
    ----------
    settings : Settings
    row : mapping
        Row of the table routed.
    """
    return {_filter_of_topic(settings, topic) for topic in row["topics"]}


def _filter_of_topic(settings: Settings, topic: str) -> str:
    """Name of the filter to which a topic belongs."""
    name = topic.removeprefix(settings.topic_prefix).removesuffix("_test")
    return name.removesuffix("_ztf").removesuffix("_lsst")


def _order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["batch"], row["event_id"], row["alert_id"], row["coincidence_id"]


def notice_ivorns(
    settings: Settings, event_ids: Iterable[str]
) -> Mapping[str, list[str]]:
    """Return the ivorns of all notices of events, in the order of the notices.

    Notices of sources that may not speak for their publisher are left out.

    Returns
    -------
    mapping of str to list of str
        By event; an event without notices has an empty list.
    """
    wanted = sorted(event_ids)
    ivorns: dict[str, list[str]] = defaultdict(list)
    if not wanted:
        return ivorns
    columns = ["event_id", "ivorn", *_ORDER, "publisher", "source"]
    tables = Tables(settings.root)
    last = BatchLog(tables, INGEST).last_done()
    is_done = pc.field("batch") <= last
    where = is_done & pc.field("event_id").isin(wanted)
    rows = tables.arrow("events", columns, where).to_pylist()
    for row in sorted(rows_that_count(tables, last, rows), key=_notice_order):
        ivorns[row["event_id"]].append(row["ivorn"])
    return ivorns


def _notice_order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Order of a notice within its event, as in `events.versions`."""
    is_retraction, issued = row["kind"] == "retraction", row["issued"]
    landed = row["received_at"].timestamp() if issued is None else 0.0
    return (
        *(row["version"], is_retraction and issued is None),
        *(str(issued or ""), is_retraction, landed, row["notice_id"]),
    )


class TopicReader:
    """Reads alerts of Fink topics with fink-client.

    Parameters
    ----------
    consumer : AlertConsumer
        fink-client's consumer of the topics.
    """

    def __init__(self, consumer: AlertConsumer) -> None:
        self._consumer = consumer

    @classmethod
    def from_settings(cls, settings: Settings) -> TopicReader | None:
        """Return the reader of `publish_topics`; None if the setting is empty.

        Raises
        ------
        ConfigError
            If topics are named but no Kafka servers.
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

    def poll(self, most: int) -> Iterator[tuple[str, Transient]]:
        """Yield topic and transient of new alerts, `most` or `MOST_AT_ONCE` at most.

        An alert that cannot be used, or an error of the topics, is logged.
        """
        for _ in range(min(most, MOST_AT_ONCE)):
            try:
                topic, alert, _ = self._consumer.poll(POLL_S)
            except AlertError as error:
                _LOG.error("Fink's topics: %s", " ".join(str(error).split()))
                return
            except KafkaException:
                raise
            except Exception as error:  # noqa: BLE001 - a message that is no packet
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                _LOG.error("a message of Fink's topics cannot be read: %s", reason)
                continue
            if topic is None:
                return
            try:
                yield topic, from_packet(alert)
            except InputError as error:
                _LOG.error("an alert of %s is not published: %s", topic, error)

    def close(self) -> None:
        """Leave the topics."""
        self._consumer.close()

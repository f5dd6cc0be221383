# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Figures of all parts for Prometheus, and /healthz, over HTTP.

The figures are read from the tables and from the records of the processes, so that one
server speaks for all of them, on whatever machines they run.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from fink_voevent import __version__
from fink_voevent.errors import StorageError
from fink_voevent.ops.health import MB, Found, Health
from fink_voevent.ops.verdict import DOWN, EXIT_CODES, Evidence
from fink_voevent.show.text_table import as_json

_LOG = logging.getLogger(__name__)
FRESH_S = 5.0  # for which an answer is given again, without looking at the tables
REQUEST_S = 10.0  # longest time for a client to send its request
P = "fink_voevent_"


@dataclass
class Recent:
    """The state of the pipeline, found again if it is older than `FRESH_S`.

    Parameters
    ----------
    examine : callable
        Returns the state.
    """

    examine: Callable[[], Health]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _health: Health | None = None
    _at_s: float = float("-inf")

    def health(self) -> Health:
        """Return the state; one thread at a time finds it."""
        with self._lock:
            if self._health is None or time.monotonic() - self._at_s > FRESH_S:
                self._health = self.examine()
                self._at_s = time.monotonic()
            return self._health


class PipelineCollector(Collector):
    """Figures of the pipeline, as prometheus_client collects them.

    Parameters
    ----------
    health : callable
        Returns the state.
    survey : str
    """

    def __init__(self, health: Callable[[], Health], survey: str) -> None:
        self._health, self._survey = health, survey

    def collect(self) -> Iterator[Metric]:
        """Yield all figures; those that are not known are left out."""
        health = self._health()
        info = GaugeMetricFamily(
            f"{P}info", "Version and survey", labels=["version", "survey"]
        )
        info.add_metric([__version__, self._survey], 1)
        yield info
        yield GaugeMetricFamily(
            f"{P}health",
            "Verdict of the status: 0 ok, 1 degraded, 2 down",
            EXIT_CODES[health.verdict.verdict],
        )
        reasons = GaugeMetricFamily(
            f"{P}reason", "Reasons of the verdict, by code", labels=["code", "level"]
        )
        counts: dict[tuple[str, str], int] = {}
        for one in health.verdict.reasons:
            key = (one.code, one.level)
            counts[key] = counts.get(key, 0) + 1
        for labels, count in sorted(counts.items()):
            reasons.add_metric(labels, count)
        yield reasons
        if health.found is not None:
            yield from _counts(health.found)
            yield from _delays(health.found.evidence)
            yield from _sources(health.found.evidence)
            yield from _processes(health.found.evidence)


def _counts(found: Found) -> Iterator[Metric]:
    status = found.status
    for name, text, value in (
        ("documents_received", "Documents that have landed", status.received),
        ("notices", "Rows of the table events", status.events),
        ("quarantined", "Documents that could not be read", status.quarantined),
        ("alerts_searched", "Alerts that were searched", status.alerts),
        ("coincidences", "Rows of the table coincidences", status.coincidences),
    ):
        yield CounterMetricFamily(f"{P}{name}", text, value)
    packets = CounterMetricFamily(
        f"{P}packets", "Packets that were sent, by topic", labels=["topic"]
    )
    for topic, count in status.topics.items():
        packets.add_metric([topic], count)
    yield packets
    yield GaugeMetricFamily(
        f"{P}events_matched", "Events that alerts can match now", status.live_notices
    )
    yield GaugeMetricFamily(
        f"{P}events_awaiting_map",
        "Events whose sky map is not fetched yet",
        status.unplaced_notices,
    )
    yield GaugeMetricFamily(
        f"{P}rates_known",
        "Whether background rates of the survey are known",
        int(found.evidence.has_rates),
    )


def _delays(evidence: Evidence) -> Iterator[Metric]:
    lag = GaugeMetricFamily(
        f"{P}lag_seconds",
        "How long the oldest input of a stage waits",
        labels=["stage"],
    )
    for stage, lag_s in evidence.lags_s.items():
        lag.add_metric([stage], lag_s)
    yield lag
    yield GaugeMetricFamily(
        f"{P}spool_documents",
        "Documents in the spool of this machine that have not landed",
        evidence.in_spool,
    )
    yield GaugeMetricFamily(
        f"{P}spool_age_seconds", "Age of the oldest of them", evidence.in_spool_s
    )
    free = GaugeMetricFamily(
        f"{P}disk_free_bytes", "Free space of a disk", labels=["folder"]
    )
    for disk in evidence.disks:
        free.add_metric([disk.what], disk.free_mb * MB)
    yield free


def _sources(evidence: Evidence) -> Iterator[Metric]:
    connected = GaugeMetricFamily(
        f"{P}source_connected", "Whether a source is connected", labels=["source"]
    )
    sign = GaugeMetricFamily(
        f"{P}source_last_sign_timestamp_seconds",
        "When the last sign of life of a source came",
        labels=["source"],
    )
    document = GaugeMetricFamily(
        f"{P}source_last_document_timestamp_seconds",
        "When the last document of a source came",
        labels=["source"],
    )
    for one in evidence.sources:
        connected.add_metric([one.source], int(one.is_connected))
        if one.last_sign is not None:
            sign.add_metric([one.source], one.last_sign.timestamp())
        if one.last_document is not None:
            document.add_metric([one.source], one.last_document.timestamp())
    yield from (connected, sign, document)


def _processes(evidence: Evidence) -> Iterator[Metric]:
    labels = ["name", "host"]
    up = GaugeMetricFamily(f"{P}process_up", "Whether a process runs", labels=labels)
    ends = GaugeMetricFamily(
        f"{P}child_ends_last_hour",
        "Child processes that ended by themselves in the last hour",
        labels=labels,
    )
    for one in evidence.processes:
        up.add_metric([one.name, one.host], int(one.is_alive(evidence.now)))
        ends.add_metric([one.name, one.host], len(one.ends))
    yield from (up, ends)


class _Handler(BaseHTTPRequestHandler):
    """Answers /metrics and /healthz."""

    timeout = REQUEST_S
    server: _Server

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        """Answer a request."""
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(
                200, CONTENT_TYPE_LATEST, generate_latest(self.server.registry)
            )
        elif path == "/healthz":
            health = self.server.health()
            code = 503 if health.verdict.verdict == DOWN else 200
            body = f"{as_json(health.document())}\n".encode()
            self._answer(code, "application/json", body)
        else:
            self._answer(404, "text/plain", b"there is /metrics and /healthz\n")

    def _answer(self, code: int, kind: str, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *parts: object) -> None:
        """Log requests only for debugging."""
        _LOG.debug("%s", parts)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], health: Callable[[], Health], survey: str
    ) -> None:
        super().__init__(address, _Handler)
        self.health = health
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(PipelineCollector(health, survey))

    def handle_error(self, request: object, client_address: object) -> None:
        """Log a connection that broke; the server goes on."""
        _LOG.debug("request of %s", client_address, exc_info=True)


@contextmanager
def serving(address: str, examine: Callable[[], Health], survey: str) -> Iterator[str]:
    """Serve /metrics and /healthz in threads, during the context.

    Parameters
    ----------
    address : str
        ``host:port``; port 0 is any that is free.
    examine : callable
        Returns the state of the pipeline.
    survey : str

    Yields
    ------
    str
        Address of the server.

    Raises
    ------
    StorageError
        If the port is used by another program.
    """
    host, _, port = address.rpartition(":")
    try:
        server = _Server((host, int(port)), Recent(examine).health, survey)
    except OSError as error:
        raise StorageError(
            f"cannot serve metrics on {address}: {error.strerror}; set"
            " VOEVENT_METRICS_ADDRESS to another host:port, or to nothing"
        ) from None
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield f"{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

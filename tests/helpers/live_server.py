# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Run `fink_voevent serve` in tests, with an HTTP client and a reader of changes."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from helpers.delta_tables import commit
from helpers.example_events import write_match
from helpers.programs import program
from helpers.shown_tables import ingest

from fink_voevent.store.batches import Input

TIMEOUT_S = 60
FACTS = {
    "night": "20221009",
    "survey": "ztf",
    "alerts": 10,
    "coincidences": 1,
    "live_notices": 1,
    "unplaced_notices": 0,
}


class Tables:
    """Tables of known events: first their notices, later what was matched."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.data = str(folder / "data")
        self.root = f"{self.data}/voevent"
        self._match, notices = write_match(folder / "match", names=names)
        ingest(self.root, *[Path(path).read_bytes() for path in notices])

    def commit_match(self) -> None:
        """Commit the coincidences and candidates, as match does."""
        rows = {
            name: pq.read_table(self._match / f"{name}.parquet").to_pylist()
            for name in ("coincidences", "candidates")
        }
        planned = Input(until={"ingest": 0}, survey="ztf", night="20221009")
        commit(self.root, "match", FACTS, planned, **rows)


@contextlib.contextmanager
def serving(data: str, *options: str) -> Iterator[int]:
    """Run `fink_voevent serve` on any free port; yield the port."""
    command = ["-m", "fink_voevent", "serve", "--data-prefix", data]
    address = ["--address", "127.0.0.1:0"]
    with program(*command, *address, "--spool", f"{data}/spool", *options) as process:
        line = process.stdout.readline()
        found = re.search(r"serving http://127\.0\.0\.1:(\d+)/", line)
        assert found, line
        yield int(found[1])
        process.terminate()
        rest = process.communicate(timeout=TIMEOUT_S)[0]
        assert "Traceback" not in rest, rest
        assert process.returncode == 0, rest


def request(
    port: int, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Send a request as it is; return code, headers (lower case) and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    with contextlib.closing(connection):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=names)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, found, answer.read()


def document(port: int, path: str) -> dict[str, Any]:
    """Return the JSON of an address."""
    code, _, body = request(port, path)
    assert code == 200, body
    return json.loads(body)


class ChangeReader:
    """Reads server-sent events."""

    def __init__(self, port: int, last_id: str = "") -> None:
        self._connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=TIMEOUT_S
        )
        headers = {"Last-Event-ID": last_id} if last_id else {}
        self._connection.request("GET", "/api/changes", headers=headers)
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200
        kind = self._answer.getheader("Content-Type")
        assert kind == "text/event-stream; charset=utf-8"

    def next(self, kind: str) -> tuple[str, dict[str, Any]]:
        """Return identifier and document of the next event of a kind."""
        fields: dict[str, str] = {}
        while True:
            line = self._answer.readline().decode().rstrip("\n")
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value
            elif fields.get("event") == kind:
                return fields["id"], json.loads(fields["data"])
            else:
                fields = {}

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

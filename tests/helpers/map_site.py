# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A web site that holds sky maps, and notices that give their map by its address."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from astropy.coordinates import SkyCoord
from cdshealpix.nested import healpix_to_lonlat
from helpers.fits_maps import ORDER, multi_order_map


class _Request(BaseHTTPRequestHandler):
    server: MapSite

    def do_GET(self):  # noqa: N802 - its name there
        self.server.requested.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", self.server.target)
            self.end_headers()
            return
        content = self.server.answer(self.path)
        self.send_response(200 if content else 404)
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_):
        """Say nothing."""


class MapSite(ThreadingHTTPServer):
    """The site, and what it was asked for."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.files = {f"/{name}": content for name, content in files.items()}
        self.requested: list[str] = []
        self.target = "http://example.org/x"
        self.address = f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, name: str, content: bytes) -> str:
        """Hold one more file, and give its address."""
        self.files[f"/{name}"] = content
        return f"{self.address}/{name}"

    def answer(self, path: str) -> bytes | None:
        """Give a file; None where it is not there."""
        return self.files.get(path)


class SlowSite(MapSite):
    """A site on which a file is there only some while after it was first asked for.

    Attributes
    ----------
    now : float
        The moment, in whatever the test counts.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(files)
        self.now = 0.0
        self._delay: dict[str, float] = {}
        self._first: dict[str, float] = {}

    def add_late(self, name: str, content: bytes, delay: float) -> str:
        """Hold one more file that comes so late, and give its address."""
        self._delay[f"/{name}"] = delay
        return self.add(name, content)

    def answer(self, path: str) -> bytes | None:
        """Give a file whose moment has come."""
        waited = self.now - self._first.setdefault(path, self.now)
        return super().answer(path) if waited >= self._delay.get(path, 0.0) else None


@contextlib.contextmanager
def site(kind: type[MapSite] = MapSite, **files: bytes) -> Iterator[MapSite]:
    """Let a site answer."""
    with kind(files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def gaussian(ra: float, dec: float, sigma_deg: float) -> bytes:
    """Sky map of `ORDER` around a place (deg)."""
    lon, lat = healpix_to_lonlat(np.arange(12 << 2 * ORDER), ORDER)
    distance = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(lon, lat)).deg
    return multi_order_map(np.exp(-((distance / sigma_deg) ** 2) / 2) + 1e-12)


def notice_with_map_url(
    url: str = "https://example.org/map",
    *,
    number: str = "686754622",
    retracted: bool = False,
) -> bytes:
    """Document of a notice that gives its map by address alone, or takes it back."""
    told = {
        "$schema": "https://gcn.nasa.gov/schema/main/gcn/notices/fermi/gbm/alert"
        ".schema.json",
        "mission": "Fermi",
        "id": [number],
        "alert_datetime": "2022-10-09T13:20:00Z",
        "trigger_time": "2022-10-09T13:16:59Z",
        **({"alert_type": "retraction"} if retracted else {"healpix_url": url}),
    }
    return json.dumps(told).encode()

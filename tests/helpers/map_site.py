# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Web sites on loopback that serve sky maps, and notices that name such a map."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from astropy.coordinates import SkyCoord
from cdshealpix.nested import healpix_to_lonlat
from helpers.fits_maps import ORDER, multi_order_map


class _Request(BaseHTTPRequestHandler):
    server: MapSite

    def do_GET(self):  # noqa: N802 - name in the base class
        self.server.requested.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", self.server.target)
            self.end_headers()
            return
        content = self.server.content(self.path)
        self.send_response(200 if content else 404)
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_):
        """Log nothing."""


class MapSite(ThreadingHTTPServer):
    """A web site; ``/moved`` redirects to `target`.

    Attributes
    ----------
    files : dict of str to bytes
        Content by path.
    requested : list of str
        Paths that were requested, in order.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.files = {f"/{name}": content for name, content in files.items()}
        self.requested: list[str] = []
        self.target = "http://example.org/x"
        self.address = f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, name: str, content: bytes) -> str:
        """Add a file and return its address."""
        self.files[f"/{name}"] = content
        return f"{self.address}/{name}"

    def content(self, path: str) -> bytes | None:
        """Return the content at a path; None if there is no file."""
        return self.files.get(path)


class SlowSite(MapSite):
    """A site on which a file appears some time after it was first requested.

    Attributes
    ----------
    now : float
        The present, in the unit of the delays; the test advances it.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(files)
        self.now = 0.0
        self._delay: dict[str, float] = {}
        self._first: dict[str, float] = {}

    def add_late(self, name: str, content: bytes, delay: float) -> str:
        """Add a file that appears `delay` after its first request."""
        self._delay[f"/{name}"] = delay
        return self.add(name, content)

    def content(self, path: str) -> bytes | None:
        """Return the content at a path; None if it has not appeared yet."""
        waited = self.now - self._first.setdefault(path, self.now)
        return super().content(path) if waited >= self._delay.get(path, 0.0) else None


@contextlib.contextmanager
def site(kind: type[MapSite] = MapSite, **files: bytes) -> Iterator[MapSite]:
    """Run a site with these files."""
    with kind(files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@contextlib.contextmanager
def byte_site(response: bytes) -> Iterator[str]:
    """Run a server that answers any request with these bytes; yields its address."""

    class Request(socketserver.StreamRequestHandler):
        def handle(self):
            while self.rfile.readline().strip():
                pass
            self.wfile.write(response)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Request) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def gaussian(ra: float, dec: float, sigma_deg: float) -> bytes:
    """FITS file of a Gaussian sky map of `ORDER` around a position (deg)."""
    lon, lat = healpix_to_lonlat(np.arange(12 << 2 * ORDER), ORDER)
    distance = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(lon, lat)).deg
    return multi_order_map(np.exp(-((distance / sigma_deg) ** 2) / 2) + 1e-12)


def notice_with_map_url(
    url: str = "https://example.org/map",
    *,
    number: str = "686754622",
    retracted: bool = False,
) -> bytes:
    """JSON notice that gives its sky map by address only, or retracts it."""
    notice = {
        "$schema": "https://gcn.nasa.gov/schema/main/gcn/notices/fermi/gbm/alert"
        ".schema.json",
        "mission": "Fermi",
        "id": [number],
        "alert_datetime": "2022-10-09T13:20:00Z",
        "trigger_time": "2022-10-09T13:16:59Z",
        **({"alert_type": "retraction"} if retracted else {"healpix_url": url}),
    }
    return json.dumps(notice).encode()

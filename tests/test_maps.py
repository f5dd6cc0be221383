# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Sky maps by their address: who may be asked, and what comes of it."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from cdshealpix.nested import healpix_to_lonlat
from stages import Pipeline
from test_skymap import ORDER, multi_order

from fink_voevent import landing, maps
from fink_voevent.errors import InputError
from fink_voevent.fetch import fetch
from fink_voevent.spool import Received
from fink_voevent.status import Observer
from fink_voevent.storage import open_store


class Site(BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802 - its name there
        self.server.asked.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", self.server.target)
            self.end_headers()
            return
        content = self.server.files.get(self.path)
        self.send_response(200 if content else 404)
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_):
        """Say nothing."""


@contextlib.contextmanager
def site(**files: bytes):
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        server.files = {f"/{name}": content for name, content in files.items()}
        server.asked, server.target = [], "http://example.org/x"
        server.address = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_file_of_a_listed_host_comes_as_it_is():
    with site(map=b"FITS" * 50_000) as server:
        assert fetch(f"{server.address}/map", ["127.0.0.1"]) == b"FITS" * 50_000


@pytest.mark.parametrize(
    ("path", "allowed", "reason"),
    [
        ("/map", ["example.org"], "127.0.0.1 is not in VOEVENT_SKYMAP_HOSTS"),
        ("/map", [], "not in VOEVENT_SKYMAP_HOSTS"),
        ("/gone", ["127.0.0.1"], "404"),
        ("/moved", ["127.0.0.1"], "example.org is not in VOEVENT_SKYMAP_HOSTS"),
    ],
)
def test_what_is_not_allowed_or_not_there_is_told(path, allowed, reason):
    with site(map=b"x") as server, pytest.raises(InputError, match=reason):
        fetch(f"{server.address}{path}", allowed)


def test_a_name_that_leads_to_loopback_is_refused_before_anything_is_sent():
    with site(map=b"x") as server:
        url = server.address.replace("127.0.0.1", "localhost")
        with pytest.raises(InputError, match="which is not public"):
            fetch(f"{url}/map", ["localhost"])
        assert server.asked == []
        assert fetch(f"{url}/map", ["localhost", "127.0.0.1", "::1"]) == b"x"


def test_a_file_that_is_too_large_is_not_kept():
    with site(map=b"x" * 1001) as server, pytest.raises(InputError, match="larger"):
        fetch(f"{server.address}/map", ["127.0.0.1"], most_bytes=1000)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a.org/x", "nothing"])
def test_other_schemes_are_refused(url):
    with pytest.raises(InputError, match="not an address"):
        fetch(url, ["a.org"])


@pytest.mark.parametrize(
    "url", ["https://[x/", "http://a.org:99999/", "http://a\u2100/"]
)
def test_a_garbled_address_is_refused_as_any_other(url):
    with pytest.raises(InputError):
        fetch(url, ["a.org"])


def burst_map() -> bytes:
    lon, lat = healpix_to_lonlat(np.arange(12 << 2 * ORDER), ORDER)
    centre = SkyCoord(288.2645, 19.7735, unit="deg")
    distance = centre.separation(SkyCoord(lon, lat)).deg
    return multi_order(np.exp(-((distance / 8) ** 2) / 2) + 1e-12)


def mapless(url: str = "https://example.org/map") -> bytes:
    """Document of a notice that gives its map by address alone."""
    told = {
        "$schema": "https://gcn.nasa.gov/schema/main/gcn/notices/fermi/gbm/alert"
        ".schema.json",
        "mission": "Fermi",
        "id": ["686754622"],
        "alert_datetime": "2022-10-09T13:20:00Z",
        "trigger_time": "2022-10-09T13:16:59Z",
        "healpix_url": url,
    }
    return json.dumps(told).encode()


def land(to: Pipeline, raw: bytes) -> None:
    """Let a document arrive."""
    to.spool.append([Received(raw, "file", "x.json")])
    landing.drain(to.spool, open_store(to.settings.root).at("landing"))


def test_a_notice_is_matched_once_its_map_came(pipeline, monkeypatch):
    with site(map=burst_map()) as server:
        values = {"skymap_hosts": "127.0.0.1", "window": "1,7"}
        pipeline.settings = pipeline.settings.model_copy(update=values)
        land(pipeline, mapless(f"{server.address}/map"))
        pipeline.alerts("early", "late")
        pipeline.match()
        assert pipeline.standing() == []
        assert Observer(pipeline.settings.root).status().unplaced_notices == 1
        fetcher = maps.Fetcher(pipeline.settings)
        held = server.files.pop("/map")
        assert fetcher.turn(0) == 0  # not there yet
        server.files["/map"] = held
        assert fetcher.turn(1) == 0  # not due yet
        assert fetcher.turn(100) == 1
        pipeline.match()
        assert Observer(pipeline.settings.root).status().unplaced_notices == 0
        found = {row["object_id"] for row in pipeline.standing()}
        assert "ZTF22aaaagrb" in found
        assert maps.Fetcher(pipeline.settings).turn(0) == 0  # once
        assert server.asked == ["/map"] * 2
        count = pipeline.journal().count()
        pipeline.match()
        assert pipeline.journal().count() == count

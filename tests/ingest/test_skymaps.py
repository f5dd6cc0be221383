# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Sky maps that notices give by address: which hosts are allowed, and matching."""

from __future__ import annotations

import errno
import socket

import pytest
from helpers.map_site import byte_site, gaussian, notice_with_map_url, site

from fink_voevent.errors import InputError
from fink_voevent.ingest import skymaps
from fink_voevent.ingest.download import fetch
from fink_voevent.ops.status import Observer


def test_a_file_of_a_listed_host_is_returned_unchanged():
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
def test_an_address_that_is_not_allowed_or_does_not_exist_is_refused(
    path, allowed, reason
):
    with site(map=b"x") as server, pytest.raises(InputError, match=reason):
        fetch(f"{server.address}{path}", allowed)


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
        b"HTTP/1.0 200 OK\r\n\r\nx",
    ],
)
def test_a_short_file_is_fetched_although_its_connection_is_released(response):
    """A released connection no longer has a socket: its peer is checked before."""
    with byte_site(response) as address:
        content = fetch(f"{address}/map", ["127.0.0.1"])
    assert content == response.partition(b"\r\n\r\n")[2]


def test_a_name_that_resolves_to_loopback_later_is_refused(monkeypatch):
    """The name has a public address when it is checked, then a private one."""
    with site(map=b"x") as server:
        port = server.server_address[1]
        resolved = iter(["93.184.215.14", "127.0.0.1"])

        def getaddrinfo(*_, **__):
            ip = next(resolved)
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (ip, port))]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        with pytest.raises(InputError, match=r"leads to 127\.0\.0\.1, which is not"):
            fetch(f"http://maps.example.org:{port}/map", ["maps.example.org"])
        assert server.requested == []
        assert list(resolved) == []


def test_a_server_without_a_known_address_is_refused(monkeypatch):
    def getpeername(_):
        raise OSError(errno.ENOTCONN, "not connected")

    monkeypatch.setattr(socket.socket, "getpeername", getpeername)
    with site(map=b"x") as server:
        with pytest.raises(InputError, match="the server cannot be determined"):
            fetch(f"{server.address}/map", ["127.0.0.1"])
        assert server.requested == []


@pytest.mark.parametrize(
    ("allowed", "reason"),
    [([], r"leads to 127\.0\.0\.1"), (["127.0.0.1"], "503")],
)
def test_a_proxy_is_a_peer_like_any_other(monkeypatch, allowed, reason):
    """No request reaches a proxy on an address that is not allowed."""
    response = b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n"
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("93.184.215.14", 80))]
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *a, **k: (
            addresses if host == "maps.example.org" else resolve(host, *a, **k)
        ),
    )
    with byte_site(response) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        with pytest.raises(InputError, match=reason):
            fetch("http://maps.example.org/map", ["maps.example.org", *allowed])


def test_a_socks_proxy_is_refused(monkeypatch):
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with site(map=b"x") as server, pytest.raises(InputError, match="SOCKS"):
        fetch(f"{server.address}/map", ["127.0.0.1"])


def test_a_name_that_resolves_to_loopback_is_refused_before_anything_is_sent():
    with site(map=b"x") as server:
        url = server.address.replace("127.0.0.1", "localhost")
        with pytest.raises(InputError, match="which is not public"):
            fetch(f"{url}/map", ["localhost"])
        assert server.requested == []
        assert fetch(f"{url}/map", ["localhost", "127.0.0.1", "::1"]) == b"x"


def test_a_file_that_is_too_large_is_refused():
    with site(map=b"x" * 1001) as server, pytest.raises(InputError, match="larger"):
        fetch(f"{server.address}/map", ["127.0.0.1"], most_bytes=1000)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a.org/x", "nothing"])
def test_other_schemes_are_refused(url):
    with pytest.raises(InputError, match="not an address"):
        fetch(url, ["a.org"])


@pytest.mark.parametrize(
    "url", ["https://[x/", "http://a.org:99999/", "http://a\u2100/"]
)
def test_a_malformed_address_is_refused(url):
    with pytest.raises(InputError):
        fetch(url, ["a.org"])


def test_a_notice_is_matched_on_the_sky_once_its_map_was_fetched(pipeline, monkeypatch):
    with site(map=gaussian(288.2645, 19.7735, 8.0)) as server:
        values = {"skymap_hosts": "127.0.0.1", "window": "1,7"}
        pipeline.settings = pipeline.settings.model_copy(update=values)
        pipeline.land(notice_with_map_url(f"{server.address}/map"))
        pipeline.alerts("early", "late")
        pipeline.match()
        assert {row["credible_level"] for row in pipeline.current_pairs()} <= {None}
        assert Observer(pipeline.settings.root).status().unplaced_notices == 1
        fetcher = skymaps.Fetcher(pipeline.settings)
        content = server.files.pop("/map")
        assert fetcher.fetch_due(0) == 0  # does not exist yet
        server.files["/map"] = content
        assert fetcher.fetch_due(1) == 0  # not due yet
        assert fetcher.fetch_due(100) == 1
        pipeline.match()
        assert Observer(pipeline.settings.root).status().unplaced_notices == 0
        found = {row["object_id"] for row in pipeline.current_pairs()}
        assert "ZTF22aaaagrb" in found
        assert skymaps.Fetcher(pipeline.settings).fetch_due(0) == 0  # each map once
        assert server.requested == ["/map"] * 2
        count = pipeline.journal().count()
        pipeline.match()
        assert pipeline.journal().count() == count

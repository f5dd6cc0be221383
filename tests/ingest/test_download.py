# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Hostile addresses and hostile servers of sky maps: refused, in time, in one line."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import tracemalloc
import zlib
from urllib.parse import urlsplit

import pytest
from helpers.raw_site import answer, raw_site
from hypothesis import example, given, settings
from hypothesis import strategies as st
from urllib3.util import parse_url

from fink_voevent.errors import InputError
from fink_voevent.ingest.download import _is_public, fetch, parse

OK = b"HTTP/1.1 200 OK\r\n"
ODD_ADDRESSES = [
    "http://127.0.0.1:{port}\\@maps.example.org/x",
    "http://127.0.0.1:{port}/\\@maps.example.org/",
    "http://127.0.0.1:{port}\\.maps.example.org/",
    "http://maps.example.org\\@127.0.0.1:{port}/",
    "http:\\\\127.0.0.1:{port}/",
    "http:/\\127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/",
    "http:///127.0.0.1:{port}/",
    "http://maps.example.org@127.0.0.1:{port}/",
    "http://user:password@maps.example.org/",
    "http://@maps.example.org/",
    "http://maps.example.org%40127.0.0.1:{port}/",
    "http://maps.example.org%00/",
    "http://127.0.0.1:{port}#@maps.example.org/",
    "http://127.0.0.1:{port}?@maps.example.org/",
    "http://127.0.0.1:{port};@maps.example.org/",
    "http://127.0.0.1:{port}\t.maps.example.org/",
    "http://127.0.0.1:{port}\0@maps.example.org/",
    "http://maps.example.org\r\nHost: 127.0.0.1/",
    "http://maps.example.org/\r\nX: y",
    "http://maps.example.org/x\n",
    " http://maps.example.org/",
    "http://maps.example.org/a b",
    "http://maps.example.org/\u00e9",
    "http://maps.example.org/%zz",
    "http://maps\u3002example.org/",
    "http://maps.example.\u1d52rg/",
    "http://\u246027.0.0.1:{port}/",
    "http://maps.example.org:99999/",
    "http://maps.example.org:0/",
    "http://maps.example.org:\u0668\u0660/",
    "http://maps.example.org:-80/",
    "http://maps.example.org:80:{port}/",
    "http://maps.example.org:/",
    "http://[maps.example.org]/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[0:0:0:0:0:ffff:7f00:1]:{port}/",
    "http://[::1%25lo]:{port}/",
    "http://[::1]@127.0.0.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://localhost:{port}/",
    "http://localhost.:{port}/",
    "http://127.0.0.1.:{port}/",
    "HTTP://127.0.0.1:{port}/",
    f"http://maps.example.org/{'a' * 5000}",
]
ALLOWED = ["maps.example.org", "localhost", "2130706433", "0x7f000001", "127.1"]
REASONS = "malformed|not an address|not public|not in VOEVENT|no port|more than"


@pytest.mark.parametrize("url", ODD_ADDRESSES, ids=range(len(ODD_ADDRESSES)))
def test_an_odd_address_is_refused_and_reaches_no_server(url):
    with raw_site(answer(b"secret")) as server:
        for start in ("http", "https"):
            text = url.replace("http", start, 1).format(port=server.port)
            with pytest.raises(InputError, match=REASONS) as refused:
                fetch(text, ALLOWED, limit_s=60)
            assert str(refused.value).isprintable()  # one line in the log
    assert server.received == []


@pytest.mark.parametrize("url", ODD_ADDRESSES, ids=range(len(ODD_ADDRESSES)))
def test_a_redirect_to_an_odd_address_reaches_no_server(url):
    with raw_site(answer(b"secret")) as server:
        place = url.format(port=server.port).encode()
        response = b"HTTP/1.1 302 Found\r\nLocation: " + place + b"\r\n\r\n"
        with (
            raw_site(lambda _, c: c.sendall(response), "127.0.0.2") as first,
            contextlib.suppress(InputError),
        ):
            # a relative address leads back to the first server
            fetch(f"http://127.0.0.2:{first.port}/", ["127.0.0.2"], limit_s=60)
    assert first.received
    assert server.received == []


@pytest.fixture(scope="module")
def two_servers():
    """Servers on one port: that of 127.0.0.1 is allowed, that of 127.0.0.2 is not."""
    with (
        raw_site(answer(b"map", "Connection: close")) as server,
        raw_site(answer(b"secret"), "127.0.0.2", server.port) as other,
    ):
        yield server, other


PIECES = st.sampled_from(
    [
        *("http://", "https://", "HTTP://", "//", "127.0.0.1", "127.0.0.2", "::1"),
        *(":PORT", ":80", "@", "\\", "/", "#", "?", "[", "]", ".", ";", "%40", "%5c"),
        *("\t", "\r\n", " ", "\0", "user:password", "::ffff:", "2130706434", ".."),
        *("\u3002", "\uff20", "\uff0f", "\u2100", "\ud800", "\u00ad", "%", "&", "x"),
        "localhost",
    ]
)


@given(
    st.one_of(
        st.lists(PIECES, max_size=8).map("".join),
        st.lists(PIECES, max_size=8).map(lambda p: f"http://{''.join(p)}"),
        st.text(max_size=30).map(lambda text: f"http://127.0.0.2:PORT{text}"),
        st.text(max_size=30),
    )
)
@settings(max_examples=100, deadline=None)
@example("http://127.0.0.1:PORT/")
@example("http://127.0.0.2:PORT\\@127.0.0.1:PORT/")
def test_whatever_the_address_only_an_allowed_host_is_requested(two_servers, text):
    server, other = two_servers
    count = len(server.received)
    try:
        content = fetch(
            text.replace("PORT", str(server.port)), ["127.0.0.1"], limit_s=5
        )
    except InputError as error:
        assert str(error).isprintable()
    else:
        assert content == b"map"
        assert len(server.received) == count + 1
    assert other.received == []


@given(st.from_regex(r"https?://[^\s]{1,40}", fullmatch=True))
@settings(max_examples=200, deadline=None)
@example("http://[2001:DB8::1]:8080/a/../b?c=/d#e")
@example("HTTP://Maps.Example.ORG")
def test_all_parsers_agree_on_the_address_that_is_requested(text):
    try:
        address = parse(text)
    except ValueError:
        return
    for found in (urlsplit(address.url), parse_url(address.url)):
        assert found.hostname.strip("[]") == address.host
        assert (found.port or {"http": 80, "https": 443}[found.scheme]) == address.port
    assert parse(address.url) == address


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - nothing is bound to it
        *("10.0.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1"),
        *("::", "::1", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:10.0.0.1"),
        *("2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
    ],
)
def test_an_address_of_a_local_network_is_not_public(address):
    assert not _is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2001:4860:4860::8888", "64:ff9b::808:808"]
)
def test_an_address_of_the_internet_is_public(address):
    assert _is_public(address)


DRIPS = {
    "status line": (b"", b"H"),
    "header": (OK + b"X: ", b"x"),
    "headers": (OK, b"X: x\r\n"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body with a length": (OK + b"Content-Length: 1000000\r\n\r\n", b"x"),
    "body without a length": (OK + b"\r\n", b"x"),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "length of a chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "nothing": (b"", b""),
}


@pytest.mark.parametrize(("start", "byte"), DRIPS.values(), ids=DRIPS.keys())
def test_a_server_that_drips_is_left_at_the_time_limit(start, byte):
    with raw_site(lambda s, c: s.drip(c, start, byte)) as server:
        start_s = time.monotonic()
        with pytest.raises(InputError, match=r"not complete within 0\.15 s"):
            fetch(f"http://127.0.0.1:{server.port}/", ["127.0.0.1"], limit_s=0.15)
        assert time.monotonic() - start_s < 30  # the server would drip for ever


def test_a_tls_handshake_that_drips_is_left_at_the_time_limit():
    with raw_site(lambda s, c: s.drip(c, b"\x16\x03\x03\x40\x00", b"\2")) as server:
        start_s = time.monotonic()
        with pytest.raises(InputError, match=r"not complete within 0\.15 s"):
            fetch(f"https://127.0.0.1:{server.port}/", ["127.0.0.1"], limit_s=0.15)
        assert time.monotonic() - start_s < 30  # the server would drip for ever


def test_redirects_share_one_time_limit():
    def behave(server, connection):
        server.stopped.wait(0.1)
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")

    with raw_site(behave) as server:
        start_s = time.monotonic()
        with pytest.raises(InputError, match=r"not complete within 0\.15 s"):
            fetch(f"http://127.0.0.1:{server.port}/", ["127.0.0.1"], limit_s=0.15)
        assert time.monotonic() - start_s < 30  # the server would drip for ever


def test_a_name_that_is_resolved_slowly_is_left_at_the_time_limit(monkeypatch):
    resolved = threading.Event()

    def getaddrinfo(*_, **__):
        resolved.wait(20)
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(InputError, match=r"not complete within 0\.15 s"):
        fetch("http://maps.example.org/", ["maps.example.org"], limit_s=0.15)
    resolved.set()


def test_the_body_of_a_redirect_is_not_read():
    def behave(server, connection):
        if server.received[-1].startswith(b"GET /map "):
            answer(b"map")(server, connection)
            return
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /map\r\n\r\n")
        while not server.stopped.is_set():
            server.sent += connection.send(b"x" * 2**20)

    with raw_site(behave) as server:
        server.sent = 0
        url = f"http://127.0.0.1:{server.port}/"
        assert fetch(url, ["127.0.0.1"], limit_s=60) == b"map"
        assert server.sent < 20 * 2**20  # what the buffers of the kernel take


@pytest.mark.parametrize("times", [1, 2])
def test_a_compressed_body_takes_little_memory_until_it_is_refused(times):
    content = bytes(2**26)
    for _ in range(times):
        maker = zlib.compressobj(9, zlib.DEFLATED, 31)
        content = maker.compress(content) + maker.flush()
    encoding = f"Content-Encoding: {', '.join(['gzip'] * times)}"
    with raw_site(answer(content, encoding)) as server:
        tracemalloc.start()
        with pytest.raises(InputError, match="larger than 1048576 bytes"):
            fetch(f"http://127.0.0.1:{server.port}/", ["127.0.0.1"], most_bytes=2**20)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8 * 2**20


def test_a_length_of_a_chunk_without_an_end_is_refused_before_it_fills_the_memory():
    def behave(server, connection):
        connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n")
        while not server.stopped.is_set():
            connection.sendall(b"0" * 2**20)

    with raw_site(behave) as server:
        tracemalloc.start()
        with pytest.raises(InputError):
            fetch(f"http://127.0.0.1:{server.port}/", ["127.0.0.1"], limit_s=60)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8 * 2**20


def test_no_part_of_a_request_reaches_a_proxy_that_is_not_allowed(monkeypatch):
    """Nothing is sent before the address is checked: no CONNECT, no TLS hello."""
    resolve = socket.getaddrinfo
    public = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("93.184.215.14", 443))]
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *a, **k: (
            public if host == "maps.example.org" else resolve(host, *a, **k)
        ),
    )
    with raw_site(answer(b"")) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(InputError, match=r"leads to 127\.0\.0\.1"):
            fetch("https://maps.example.org/", ["maps.example.org"], limit_s=60)
    assert proxy.received == []


def test_a_server_is_refused_before_tls_if_its_own_address_is_not_allowed(
    monkeypatch,
):
    """The address is that of the connection, whatever the name resolved to."""
    monkeypatch.setattr(
        socket.socket, "getpeername", lambda _: ("169.254.169.254", 443)
    )
    with raw_site(answer(b"secret")) as server:
        with pytest.raises(InputError, match=r"leads to 169\.254\.169\.254"):
            fetch(f"https://127.0.0.1:{server.port}/", ["127.0.0.1"], limit_s=60)
        end_s = time.monotonic() + 60
        while not server.received and time.monotonic() < end_s:
            time.sleep(0.02)
    assert server.received == [b""]

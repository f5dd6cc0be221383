# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Download a file from one of the hosts that are allowed.

The address of the file is part of a notice, so anybody can write it: it must not make
this program send requests to machines of the local network. `parse` is the only reader
of addresses, and the address that is requested is made from what it returns. Each
connection is checked again after it is made, before anything is sent.

The server may be hostile too. At the end of the time limit the connection is shut down,
whatever it is doing, and neither the headers nor the content can fill the memory.
"""

from __future__ import annotations

import contextlib
import queue
import re
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, ClassVar
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from fink_voevent.errors import InputError

LIMIT_S = 60.0  # for the whole file
QUIET_S = 10.0  # for the server to answer, and between two parts of the file
MOST_BYTES = 64 * 2**20
MOST_CHARACTERS = 4096  # of an address
PART_BYTES = 2**16
HOPS = 3  # requests, of which all but the last one may be redirected
PORTS = {"https": 443, "http": 80}
SHOWN_CHARACTERS = 400  # of an address or a reason, in a message
# RFC 3986, without user information. Names of hosts outside ASCII are not resolved the
# same way by all libraries: they have to be written in their ASCII form (xn--).
_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:(?P<name>[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?)|\[(?P<ipv6>[0-9a-f:.]+)\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/(?:[a-z0-9._~!$&'()*+,;=:@/-]|%[0-9a-f]{2})*)?"
    r"(?P<query>\?(?:[a-z0-9._~!$&'()*+,;=:@/?-]|%[0-9a-f]{2})*)?"
    r"(?:\#(?:[a-z0-9._~!$&'()*+,;=:@/?-]|%[0-9a-f]{2})*)?",
    re.ASCII | re.IGNORECASE,
)
_SCHEME = re.compile("https?://", re.ASCII | re.IGNORECASE)
_NAT64 = IPv6Network("64:ff9b::/96")


class _RefusedError(ValueError):
    """A file is not fetched; the message is the reason, without the address."""


@dataclass(frozen=True)
class Address:
    """An address of http or https, in parts.

    Parameters
    ----------
    scheme : str
        ``http`` or ``https``.
    host : str
        Name in lower case, or IP address without brackets.
    port : int
        1-65535.
    target : str
        Path and query, as they are requested.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def url(self) -> str:
        """The address as text; a fragment, which is never sent, is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.target}"


def parse(url: str) -> Address:
    """Read an address.

    Parameters
    ----------
    url : str
        Any text.

    Returns
    -------
    Address

    Raises
    ------
    ValueError
        If it is not an address of http or https as RFC 3986 defines it, contains user
        information, or is longer than `MOST_CHARACTERS`.
    """
    if not _SCHEME.match(url):
        raise _RefusedError("not an address of http or https")
    if len(url) > MOST_CHARACTERS:
        raise _RefusedError(f"the address has more than {MOST_CHARACTERS} characters")
    found = _URL.fullmatch(url)
    if found is None:
        raise _RefusedError("the address is malformed, or contains user information")
    scheme = found["scheme"].lower()
    port = int(found["port"] or PORTS[scheme])
    if not 0 < port < 2**16:
        raise _RefusedError(f"there is no port {port}")
    host = str(IPv6Address(found["ipv6"])) if found["ipv6"] else found["name"].lower()
    return Address(scheme, host, port, f"{found['path'] or '/'}{found['query'] or ''}")


def fetch(
    url: str,
    allowed: Iterable[str],
    most_bytes: int = MOST_BYTES,
    limit_s: float = LIMIT_S,
) -> bytes:
    """Fetch a file.

    Parameters
    ----------
    url : str
        Address of the file, http or https.
    allowed : iterable of str
        Hosts from which it may be fetched: names or IP addresses. A name that resolves
        to an address that is not public (private, loopback) is refused, unless that
        address is listed too.
    most_bytes : int, optional
        Largest size of the file (bytes), after ``Content-Encoding`` is undone.
    limit_s : float, optional
        Longest time for all of it (s), from the first name that is resolved to the last
        byte.

    Returns
    -------
    bytes
        Content of the file.

    Raises
    ------
    InputError
        If the address is not allowed, or the file does not exist, is too large or comes
        too slowly. The message says which, in one line.
    """
    hosts = {host.lower() for host in allowed}
    with _deadline(limit_s) as deadline:
        try:
            return _follow(url, hosts, most_bytes, deadline)
        except (
            *(requests.RequestException, HTTPError, HTTPException),
            *(OSError, ValueError),
        ) as error:
            # A connection that was shut down fails in many ways, for one reason.
            reason = deadline.reason if deadline.is_over() else str(error)
            raise InputError(f"{in_one_line(url)}: {in_one_line(reason)}") from None


def in_one_line(text: str, most: int = SHOWN_CHARACTERS) -> str:
    """Return text from outside as it may be logged: printable, and not too long."""
    return "".join(c if c.isprintable() else " " for c in text[:most])


def _follow(url: str, hosts: set[str], most_bytes: int, deadline: _Deadline) -> bytes:
    """Fetch a file, following redirects."""
    for _ in range(HOPS):
        address = parse(url)
        if address.host not in hosts:
            raise _RefusedError(f"{address.host} is not in VOEVENT_SKYMAP_HOSTS")
        # With a proxy, this is the only check of the host itself.
        _resolve(address.host, address.port, hosts, deadline)
        with (
            _session(_Guard(address, hosts, deadline)) as session,
            session.get(
                address.url, stream=True, timeout=QUIET_S, allow_redirects=False
            ) as response,
        ):
            if not response.is_redirect:
                response.raise_for_status()
                return _body(response, most_bytes, deadline)
            url = urljoin(address.url, response.headers["location"])
    raise _RefusedError(f"redirected more than {HOPS} times")


def _body(response: requests.Response, most_bytes: int, deadline: _Deadline) -> bytes:
    """Read the body of a response, up to a size, until the deadline."""
    content = bytearray()
    # Not `iter_content`: it reads chunks by lines of any length.
    while part := response.raw.read(PART_BYTES, decode_content=True):
        content += part
        if len(content) > most_bytes:
            raise _RefusedError(f"larger than {most_bytes} bytes")
    deadline.check()  # a connection that was shut down looks like the end of a body
    return bytes(content)


class _Deadline:
    """A moment at which all connections of a download are shut down.

    A time-out of a socket limits the wait for the next byte only: a server that sends
    one byte a second, as headers, in a TLS handshake or as content, would never end.

    Parameters
    ----------
    limit_s : float
        Time until then (s).
    """

    def __init__(self, limit_s: float) -> None:
        self.reason = f"not complete within {limit_s:g} s"
        self._end_s = time.monotonic() + limit_s
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()

    def left_s(self) -> float:
        """Return the time left (s).

        Raises
        ------
        ValueError
            If there is none.
        """
        self.check()
        return max(self._end_s - time.monotonic(), 1e-3)

    def is_over(self) -> bool:
        """Whether no time is left."""
        return time.monotonic() >= self._end_s

    def check(self) -> None:
        """Raise ValueError if no time is left."""
        if self.is_over():
            raise _RefusedError(self.reason)

    def watch(self, connection: socket.socket) -> None:
        """Shut this connection down at the deadline."""
        # A duplicate: TLS takes the connection out of the socket that was given.
        duplicate = connection.dup()
        with self._lock:
            self._sockets.append(duplicate)
        self.check()

    def shut_down(self) -> None:
        """Shut down all connections, so that whoever waits for them goes on."""
        with self._lock:
            for connection in self._sockets:
                with contextlib.suppress(OSError):  # the server closed it before
                    connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Forget all connections."""
        with self._lock:
            for connection in self._sockets:
                connection.close()
            self._sockets.clear()


@contextlib.contextmanager
def _deadline(limit_s: float) -> Iterator[_Deadline]:
    """Run the body with a deadline (s from now)."""
    deadline = _Deadline(limit_s)
    timer = threading.Timer(limit_s, deadline.shut_down)
    timer.daemon = True
    timer.start()
    try:
        yield deadline
    finally:
        timer.cancel()
        deadline.close()


def _resolve(
    host: str, port: int, hosts: set[str], deadline: _Deadline
) -> list[tuple[Any, ...]]:
    """Return what `socket.getaddrinfo` does, if all addresses are allowed."""
    # It has no time-out. A thread that is left behind ends when the resolver gives up.
    found: queue.SimpleQueue[list[tuple[Any, ...]] | Exception] = queue.SimpleQueue()

    def resolve() -> None:
        try:
            found.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as error:
            found.put(error)

    threading.Thread(target=resolve, name=f"resolve {host}", daemon=True).start()
    try:
        result = found.get(timeout=deadline.left_s())
    except queue.Empty:
        raise _RefusedError(deadline.reason) from None
    if isinstance(result, Exception):
        raise result
    for *_, address in result:
        _check_ip(str(address[0]), hosts)
    return result


def _check_ip(address: str, hosts: set[str]) -> None:
    """Refuse an IP address that is neither public nor listed."""
    if address not in hosts and not _is_public(address):
        raise _RefusedError(f"leads to {address}, which is not public")


def _is_public(address: str) -> bool:
    """Whether an IP address, and the IPv4 address inside it, is public."""
    ip = ip_address(address.partition("%")[0])
    inner: IPv4Address | None = None
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.is_global and not ip.is_multicast and (not inner or inner.is_global)


@dataclass(frozen=True)
class _Guard:
    """Makes the connections of one request.

    Parameters
    ----------
    address : Address
        What is requested.
    hosts : set of str
        Names and IP addresses that are allowed.
    deadline : _Deadline
    """

    address: Address
    hosts: set[str]
    deadline: _Deadline

    def connect(self, host: str, port: int, *, is_proxy: bool) -> socket.socket:
        """Return a connection to the host that was checked, or to a proxy."""
        if not is_proxy and (host, port) != (self.address.host, self.address.port):
            raise _RefusedError(f"refused: not the address of {self.address.host}")
        failure = OSError("the name has no address")
        for family, kind, protocol, _, place in _resolve(
            host, port, self.hosts, self.deadline
        ):
            wait_s = min(QUIET_S, self.deadline.left_s())
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(wait_s)
                connection.connect(place)
            except OSError as error:
                connection.close()
                failure = error
                continue
            self._check_peer(connection)
            return connection
        raise failure

    def _check_peer(self, connection: socket.socket) -> None:
        """Refuse, and close, a connection to an address that is not allowed."""
        try:
            _check_ip(_peer(connection), self.hosts)
            self.deadline.watch(connection)
        except ValueError:
            connection.close()
            raise


def _peer(connection: socket.socket) -> str:
    """Return the IP address of the other end."""
    try:
        return str(connection.getpeername()[0])
    except OSError:
        raise _RefusedError(
            "refused: the address of the server cannot be determined"
        ) from None


class _Guarded:
    """Mixin of connections: `guard` makes them, before TLS and any proxy's tunnel."""

    guard: ClassVar[_Guard]

    def _new_conn(self) -> socket.socket:
        return self.guard.connect(
            self._dns_host,  # type: ignore[attr-defined]
            self.port,  # type: ignore[attr-defined]
            is_proxy=self.proxy is not None,  # type: ignore[attr-defined]
        )


class _GuardedAdapter(HTTPAdapter):
    """Transport of requests whose connections are made by a guard.

    If the environment sets a proxy, the proxy is the peer.

    Parameters
    ----------
    guard : _Guard
    """

    def __init__(self, guard: _Guard) -> None:
        plain = type("_Plain", (_Guarded, HTTPConnection), {"guard": guard})
        secure = type("_Secure", (_Guarded, HTTPSConnection), {"guard": guard})
        self._pools = {
            "http": type("_Pool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("_Pool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the manager of direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make the manager of connections to a proxy."""
        if proxy.lower().startswith("socks"):
            raise _RefusedError("refused: a SOCKS proxy is not supported")
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


class _Session(requests.Session):
    """Session that leaves redirects to us."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return None: requests would read the whole body of a redirect first."""
        return None


def _session(guard: _Guard) -> requests.Session:
    """Return a session whose connections are made by a guard."""
    session = _Session()
    for scheme in PORTS:
        session.mount(f"{scheme}://", _GuardedAdapter(guard))
    return session

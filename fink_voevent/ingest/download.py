# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Download a file from one of the hosts that are allowed.

The address of the file is part of a notice, so anybody can write it: it must not make
this program send requests to machines of the local network. Each connection is
therefore checked after it is made and before the request is sent, whatever the name of
the host resolved to earlier.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, ClassVar
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from fink_voevent.errors import InputError

LIMIT_S = 60.0  # for the whole file
QUIET_S = 10.0  # for the server to answer, and between two parts of the file
MOST_BYTES = 64 * 2**20
HOPS = 3  # requests, of which all but the last one may be redirected
PORTS = {"https": 443, "http": 80}


class _RefusedError(ValueError):
    """A file is not fetched; the message is the reason, without the address."""


def fetch(url: str, allowed: Iterable[str], most_bytes: int = MOST_BYTES) -> bytes:
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
        Largest size of the file (bytes).

    Returns
    -------
    bytes
        Content of the file.

    Raises
    ------
    InputError
        If the address is not allowed, or the file does not exist, is too large or comes
        too slowly. The message says which.
    """
    hosts = {host.lower() for host in allowed}
    end_s = time.monotonic() + LIMIT_S
    try:
        for _ in range(HOPS):
            _check_url(url, hosts)
            with (
                _session(hosts) as session,
                session.get(
                    url, stream=True, timeout=QUIET_S, allow_redirects=False
                ) as response,
            ):
                if response.is_redirect:
                    url = urljoin(url, response.headers["location"])
                    continue
                response.raise_for_status()
                return _body(response, most_bytes, end_s)
    except (requests.RequestException, OSError, ValueError) as error:
        raise InputError(f"{url}: {error}") from None
    raise InputError(f"{url}: redirected more than {HOPS} times")


def _check_url(url: str, hosts: set[str]) -> None:
    """Refuse an address that is not allowed, before a connection is made."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if parts.scheme not in PORTS or not host:
        raise _RefusedError("not an address of http or https")
    if host not in hosts:
        raise _RefusedError(f"{host} is not in VOEVENT_SKYMAP_HOSTS")
    port = parts.port or PORTS[parts.scheme]
    for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        _check_ip(str(address[0]), hosts)


def _check_ip(address: str, hosts: set[str]) -> None:
    """Refuse an IP address that is neither public nor listed."""
    if address not in hosts and not ip_address(address.partition("%")[0]).is_global:
        raise _RefusedError(f"leads to {address}, which is not public")


class _PeerCheck:
    """Mixin of connections: refuses a peer whose IP address is not allowed."""

    hosts: ClassVar[set[str]] = set()
    sock: socket.socket | None

    def connect(self) -> None:
        """Connect; raise if the peer is not allowed, and the pool then disconnects."""
        super().connect()  # type: ignore[misc]
        try:
            if self.sock is None:
                raise OSError("no socket")
            address = str(self.sock.getpeername()[0])
        except OSError:
            raise _RefusedError(
                "refused: the address of the server cannot be determined"
            ) from None
        _check_ip(address, self.hosts)


class _PeerCheckAdapter(HTTPAdapter):
    """Transport of requests whose connections check their peer.

    If the environment sets a proxy, the proxy is the peer.

    Parameters
    ----------
    hosts : set of str
        Names and IP addresses that are allowed.
    """

    def __init__(self, hosts: set[str]) -> None:
        plain = type("_Plain", (_PeerCheck, HTTPConnection), {"hosts": hosts})
        secure = type("_Secure", (_PeerCheck, HTTPSConnection), {"hosts": hosts})
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


def _session(hosts: set[str]) -> requests.Session:
    """Return a session whose connections check their peer."""
    session = requests.Session()
    for scheme in PORTS:
        session.mount(f"{scheme}://", _PeerCheckAdapter(hosts))
    return session


def _body(response: requests.Response, most_bytes: int, end_s: float) -> bytes:
    """Read the body of a response, up to a size and a moment of `time.monotonic`."""
    content = bytearray()
    for part in response.iter_content(2**16):
        content += part
        if len(content) > most_bytes:
            raise _RefusedError(f"larger than {most_bytes} bytes")
        if time.monotonic() > end_s:
            raise _RefusedError(f"not complete within {LIMIT_S:.0f} s")
    return bytes(content)

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A file by its address, from hosts that are allowed only.

An address comes from outside: it must not lead us to machines of our own network.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from fink_voevent.errors import InputError

LIMIT_S = 60.0  # for a whole file
QUIET_S = 10.0  # without a byte
MOST_BYTES = 64 * 2**20
HOPS = 3
PORTS = {"https": 443, "http": 80}


def fetch(url: str, allowed: Iterable[str], most_bytes: int = MOST_BYTES) -> bytes:
    """Fetch a file.

    Parameters
    ----------
    url : str
        http or https.
    allowed : iterable of str
        Host names, or addresses; a name must not lead to a private or loopback address
        unless that is listed too.
    most_bytes : int, optional

    Raises
    ------
    InputError
        Where it is not allowed, not there, too large or too slow; the message says why.
    """
    hosts = {host.lower() for host in allowed}
    end = time.monotonic() + LIMIT_S
    try:
        for _ in range(HOPS):
            _check(url, hosts)
            with requests.get(
                url, stream=True, timeout=QUIET_S, allow_redirects=False
            ) as answer:
                _check_peer(answer, url, hosts)
                if answer.is_redirect:
                    url = urljoin(url, answer.headers["location"])
                    continue
                answer.raise_for_status()
                return _body(answer, url, most_bytes, end)
    except (requests.RequestException, OSError, ValueError) as error:
        raise InputError(f"{url}: {error}") from None
    raise InputError(f"{url}: redirected more than {HOPS} times")


def _check(url: str, hosts: set[str]) -> None:
    """Refuse what is not allowed before anything is sent."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if parts.scheme not in PORTS or not host:
        raise InputError(f"{url}: not an address of http or https")
    if host not in hosts:
        raise InputError(f"{url}: {host} is not in VOEVENT_SKYMAP_HOSTS")
    port = parts.port or PORTS[parts.scheme]
    for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        _check_address(str(address[0]), url, hosts)


def _check_peer(answer: Any, url: str, hosts: set[str]) -> None:
    """Refuse an answer from an address that a name led to since it was checked."""
    connection = getattr(answer.raw, "_connection", None)
    connected = getattr(connection, "sock", None)
    if connected is not None:
        _check_address(str(connected.getpeername()[0]), url, hosts)


def _check_address(address: str, url: str, hosts: set[str]) -> None:
    if address not in hosts and not ip_address(address.partition("%")[0]).is_global:
        raise InputError(f"{url}: leads to {address}, which is not public")


def _body(answer: requests.Response, url: str, most_bytes: int, end: float) -> bytes:
    held = bytearray()
    for part in answer.iter_content(2**16):
        held += part
        if len(held) > most_bytes:
            raise InputError(f"{url}: larger than {most_bytes} bytes")
        if time.monotonic() > end:
            raise InputError(f"{url}: not within {LIMIT_S:.0f} s")
    return bytes(held)

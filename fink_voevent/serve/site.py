# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Answer HTTP requests: pages, the JSON API, server-sent events and /healthz.

This is Twisted's web server, which comes with Comet: nothing more has to be installed,
and the listener and the broker run on Twisted already. Starlette with uvicorn would be
two more dependencies, and need no less code: there are a dozen addresses, without
forms, sessions or logins.

Only GET and HEAD are answered, and requests with a body are refused. Nothing outside
the folder of pages is read: the parts of an address must be names that pages have.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import re
from collections.abc import Callable, Collection
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.internet import threads
from twisted.python.failure import Failure
from twisted.web import server
from twisted.web.resource import Resource

from fink_voevent import __version__
from fink_voevent.errors import VOEventPluginError
from fink_voevent.serve.api import Answer, Api
from fink_voevent.serve.changes import Changes
from fink_voevent.serve.live_pages import SCRIPT, LivePages
from fink_voevent.show import pages
from fink_voevent.show.text_table import as_json

_LOG = logging.getLogger(__name__)
JSON = "application/json"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": JSON,
    ".csv": "text/csv; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".xml": "application/xml",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src"
    " 'self'; img-src 'self' data:; style-src 'unsafe-inline'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",  # it may be kept, but is always compared
    "Server": f"fink_voevent/{__version__}",
}
REQUEST_S = 30  # longest time for a client to send a request
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class HostCheck:
    """Which values of the header Host are answered.

    A page of another site can let its own name lead to our address, and then read our
    answers as its own (DNS rebinding). So a server that only its own machine can reach
    answers to the names of that machine and to those that are given.

    Parameters
    ----------
    address : str
        On which the server listens.
    names : collection of str
        Other names. If there are none, and the address is not one of loopback, all
        are answered: its names are not known.
    """

    def __init__(self, address: str, names: Collection[str]) -> None:
        self._names = {address.lower(), "localhost", "127.0.0.1", "::1"}
        self._names |= {name.lower() for name in names}
        self._is_any = not names and not _is_loopback(address)

    def accepts(self, host: str) -> bool:
        """Whether a request with this header is answered."""
        if self._is_any:
            return True
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        return name is not None and name.rstrip(".") in self._names


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


class Request(server.Request):
    """A request without a body."""

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - a name of Twisted
        """End the connection if a body follows, before it is read."""
        if length != 0:
            self.channel.loseConnection()
        super().gotLength(0)


class Site(server.Site):
    """The server: every request goes to one resource."""

    def __init__(self, resource: Resource) -> None:
        super().__init__(resource, requestFactory=Request, timeout=REQUEST_S)
        self.displayTracebacks = False

    def log(self, request: Any) -> None:
        """Log requests only for debugging."""
        _LOG.debug("%s %s %d", request.method, request.uri, request.code)


class Root(Resource):
    """Answers all requests.

    Parameters
    ----------
    folder : Path
        Of the pages.
    live : LivePages
    api : Api
    changes : Changes
    hosts : HostCheck
    """

    isLeaf = True  # noqa: N815 - a name of Twisted

    def __init__(
        self,
        folder: Path,
        live: LivePages,
        api: Api,
        changes: Changes,
        hosts: HostCheck,
    ) -> None:
        super().__init__()
        self._folder, self._live, self._api = folder, live, api
        self._changes, self._hosts = changes, hosts
        self._script = files(__package__).joinpath("live.js").read_bytes()

    def render(self, request: Any) -> Any:
        """Answer a request."""
        for name, value in HEADERS.items():
            request.setHeader(name, value)
        if not self._hosts.accepts(request.getHeader("host") or ""):
            return _sentence(
                request,
                421,
                "this name is not one of the server: use its address, or name it in"
                " VOEVENT_SERVE_HOSTS",
            )
        if request.method not in (b"GET", b"HEAD"):
            request.setHeader("Allow", "GET, HEAD")
            return _sentence(request, 405, "only GET and HEAD are answered")
        try:
            path = [part.decode() for part in request.postpath]
            query = {name.decode(): v[-1].decode() for name, v in request.args.items()}
        except UnicodeDecodeError:
            return _sentence(request, 400, "the address is not UTF-8")
        return self._answer(request, path, query)

    def _answer(self, request: Any, path: list[str], query: dict[str, str]) -> Any:
        first, rest = path[0], path[1:]
        if path == ["healthz"]:
            return _later(request, self._api.healthz, _write_json)
        if path == ["api", "changes"]:
            return self._follow(request)
        if first == "api":
            return _later(request, lambda: self._api.answer(rest, query), _write_json)
        if f"/{'/'.join(path)}" == SCRIPT:
            return _content(request, self._script, "text/javascript; charset=utf-8")
        if path == [""] or (not rest and first.endswith(".html")):
            name = first or pages.PAGE
            is_index = name in (pages.PAGE, pages.OTHER, *pages.INDEXES.values())
            return (
                self._file(request, self._folder / name) if is_index else _none(request)
            )
        return self._page(request, path)

    def _page(self, request: Any, path: list[str]) -> Any:
        """Answer with a file of the page of an event."""
        folder, rest = path[0], path[1:]
        name = (rest[0] if rest else "") or pages.PAGE
        if (
            len(rest) > 1
            or not _FOLDER.fullmatch(folder)
            or not _FILE.fullmatch(name)
            or name == pages.NOTE
        ):
            return _none(request)

        def write(waiting: Any, has_page: Any) -> None:
            if not has_page:
                body = _none(waiting)
            elif not rest:  # links on a page are relative to its folder
                waiting.redirect(f"/{folder}/".encode())
                body = b""
            else:
                body = self._file(waiting, self._folder / folder / name)
            waiting.write(body)

        return _later(request, lambda: self._live.has_page(folder), write)

    def _file(self, request: Any, path: Path) -> bytes:
        kind = TYPES.get(path.suffix)
        if kind is None or not path.is_file():
            return _none(request)
        return _content(request, path.read_bytes(), kind)

    def _follow(self, request: Any) -> Any:
        if self._changes.is_full:
            return _sentence(request, 503, "too many are connected: try again later")
        request.setHeader("Content-Type", "text/event-stream; charset=utf-8")
        request.setHeader("X-Accel-Buffering", "no")  # nginx would keep it back
        if request.method == b"HEAD":
            return b""
        self._changes.add(request, request.getHeader("last-event-id") or "")
        return server.NOT_DONE_YET


def _later(
    request: Any, work: Callable[[], Any], write: Callable[[Any, Any], None]
) -> Any:
    """Do work in a thread, then write its result, unless the client has gone."""
    gone: list[Failure] = []
    request.notifyFinish().addErrback(gone.append)

    def done(result: Any) -> None:
        if not gone:
            write(request, result)
            request.finish()

    def failed(failure: Failure) -> None:
        if gone:
            return
        if failure.check(VOEventPluginError, OSError):
            code, sentence = 503, failure.getErrorMessage()
        else:
            _LOG.error("%s: %s", request.uri, failure.getTraceback())
            code, sentence = 500, "this is a fault of the server: see its log"
        request.write(_sentence(request, code, sentence))
        request.finish()

    threads.deferToThread(work).addCallback(done).addErrback(failed)
    return server.NOT_DONE_YET


def _write_json(request: Any, answer: Answer) -> None:
    request.setResponseCode(answer.code)
    body = f"{as_json(answer.document)}\n".encode("utf-8", "replace")
    request.write(_content(request, body, JSON))


def _content(request: Any, body: bytes, kind: str) -> bytes:
    """Return the body, or nothing if the client has the same."""
    request.setHeader("Content-Type", kind)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    if request.code == 200 and request.setETag(tag.encode()):
        return b""
    request.setHeader("Content-Length", str(len(body)))
    return body


def _none(request: Any) -> bytes:
    return _sentence(request, 404, "there is nothing at this address: see / and /api/")


def _sentence(request: Any, code: int, text: str) -> bytes:
    """Return one sentence; the same form as an error of the API."""
    request.setResponseCode(code)
    body = f"{as_json({'error': text})}\n".encode()
    request.setHeader("Content-Type", JSON)
    request.setHeader("Content-Length", str(len(body)))
    return body

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Answer requests for JSON: what the commands that list rows print with ``--json``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fink_voevent.config.addresses import source_addresses
from fink_voevent.config.settings import Settings
from fink_voevent.errors import InputError, StorageError
from fink_voevent.notices.streams import MESSENGERS
from fink_voevent.ops import publishers, sources
from fink_voevent.ops.health import Health
from fink_voevent.ops.verdict import DOWN
from fink_voevent.show import listing
from fink_voevent.show.detail import EventDetail, find
from fink_voevent.show.listing import Wanted
from fink_voevent.show.views import ENDED, VALID, require_tables
from fink_voevent.store.delta import Tables

SHOWN = 40  # rows of a list without `limit`
SURVEYS = {"ztf": "ztf", "rubin": "rubin", "lsst": "rubin"}
_NIGHT = re.compile(r"[0-9]{8}")
_LIMIT = re.compile(r"[0-9]{1,7}")
Document = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """An answer to a request.

    Parameters
    ----------
    code : int
        Of HTTP.
    document : dict
        Values for JSON; of an error, ``error`` has one sentence.
    """

    code: int
    document: Document


@dataclass(frozen=True)
class Endpoint:
    """One address of the API.

    Parameters
    ----------
    text : str
        What it answers.
    document : callable
        Given the parameters, returns the document.
    parameters : tuple of str
        Names of the parameters that it has.
    """

    text: str
    document: Callable[[Mapping[str, str]], Document]
    parameters: tuple[str, ...] = ()


class Api:
    """Answers requests from the tables alone; it changes nothing.

    Parameters
    ----------
    settings : Settings
    health : callable
        Returns the state of the pipeline.
    """

    def __init__(self, settings: Settings, health: Callable[[], Health]) -> None:
        self._settings, self._health = settings, health
        night = ("night", "messenger")
        self.endpoints = {
            "tonight": Endpoint(
                "a night, by default the last one: its events and candidates",
                self._tonight,
                (*night, "class", "survey", "limit"),
            ),
            "events": Endpoint(
                "events, the newest notices first", self._events, (*night, "limit")
            ),
            "candidates": Endpoint(
                "candidates, the most surprising first",
                self._candidates,
                (*night, "class", "survey", "limit"),
            ),
            "coincidences": Endpoint(
                "pairs of an alert and an event, the most surprising first",
                self._coincidences,
                (*night, "survey", "ended", "limit"),
            ),
            "sources": Endpoint("sources of notices, and publishers", self._sources),
            "status": Endpoint("the verdict, its reasons, and figures", self._status),
        }

    def answer(self, path: Sequence[str], query: Mapping[str, str]) -> Answer:
        """Answer a request.

        Parameters
        ----------
        path : sequence of str
            Parts of the address after ``/api/``.
        query : mapping of str to str
            Parameters of the address.

        Returns
        -------
        Answer
            With code 400 if a parameter is wrong, 404 if there is nothing of this name,
            and 503 if the tables cannot be read.
        """
        try:
            if tuple(path) in ((), ("",)):
                return Answer(200, {"addresses": self._addresses()})
            if path[0] in ("events", "objects") and len(path) == 2:
                return self._one(path[1], query)
            endpoint = self.endpoints.get(path[0]) if len(path) == 1 else None
            if endpoint is None:
                return _error(404, "there is no such address: /api/ lists all")
            _check(query, endpoint.parameters)
            if path[0] != "status":
                self._require_tables()
            return Answer(200, endpoint.document(query))
        except InputError as error:
            return _error(400, str(error))
        except StorageError as error:
            return _error(503, str(error))

    def healthz(self) -> Answer:
        """Return the state of the pipeline, with code 503 if it is down."""
        health = self._health()
        code = 503 if health.verdict.verdict == DOWN else 200
        return Answer(code, health.document())

    def _addresses(self) -> dict[str, Document]:
        listed = {
            f"/api/{name}": {"text": one.text, "parameters": list(one.parameters)}
            for name, one in self.endpoints.items()
        }
        name = "its region, notices and coincidences"
        return listed | {
            "/api/events/NAME": {"text": f"an event: {name}", "parameters": []},
            "/api/objects/NAME": {
                "text": "an object, or the number of an alert: its coincidences",
                "parameters": [],
            },
            "/api/changes": {
                "text": "server-sent events: pages and verdicts that change",
                "parameters": [],
            },
        }

    def _require_tables(self) -> None:
        try:
            require_tables(self._settings.root)
        except InputError as error:  # not a fault of the request
            raise StorageError(str(error)) from None

    def _tables(self) -> Tables:
        return Tables(self._settings.root)

    def _one(self, name: str, query: Mapping[str, str]) -> Answer:
        _check(query, ())
        self._require_tables()
        try:
            found = find(self._settings, self._tables(), name)
        except InputError as error:
            return _error(404, str(error))
        kind = "event" if isinstance(found, EventDetail) else "object"
        return Answer(200, {"kind": kind, **asdict(found)})

    def _tonight(self, query: Mapping[str, str]) -> Document:
        found = listing.tonight(self._settings, self._tables(), _wanted(query))
        return asdict(found)

    def _events(self, query: Mapping[str, str]) -> Document:
        found = listing.events(self._settings, self._tables(), _wanted(query))
        return {"events": found.rows, "total": found.total}

    def _candidates(self, query: Mapping[str, str]) -> Document:
        found = listing.candidates(self._settings.root, _wanted(query))
        rows, total = ([], 0) if found is None else (found.rows, found.total)
        return {"candidates": rows, "total": total}

    def _coincidences(self, query: Mapping[str, str]) -> Document:
        ended = query.get("ended", "0")
        if ended not in ("0", "1"):
            raise InputError(f"ended={ended} is not 0 or 1")
        statuses = ENDED if ended == "1" else VALID
        found = listing.coincidences(self._tables(), _wanted(query), statuses)
        return {"coincidences": found.rows, "total": found.total}

    def _sources(self, query: Mapping[str, str]) -> Document:
        configured = source_addresses(self._settings.sources)
        rows = [one.row() for one in sources.read(self._tables(), configured)]
        carriers = [one.row() for one in publishers.carriers(self._tables())]
        return {"sources": rows, "total": len(rows), "publishers": carriers}

    def _status(self, query: Mapping[str, str]) -> Document:
        return self._health().document()


def _error(code: int, sentence: str) -> Answer:
    return Answer(code, {"error": sentence})


def _check(query: Mapping[str, str], known: Sequence[str]) -> None:
    """Refuse parameters that an address does not have."""
    unknown = sorted(set(query) - set(known))
    if unknown:
        choice = f"its parameters are {', '.join(known)}" if known else "it has none"
        raise InputError(f"{unknown[0]!r} is not a parameter of this address: {choice}")


def _wanted(query: Mapping[str, str]) -> Wanted:
    """Return the rows that a request is for.

    Raises
    ------
    InputError
        If a value is not of its kind.
    """
    night, limit = query.get("night", ""), query.get("limit", str(SHOWN))
    messenger, survey = query.get("messenger", ""), query.get("survey", "")
    if night and not _NIGHT.fullmatch(night):
        raise InputError(f"night={night} is not a night: write YYYYMMDD")
    if not _LIMIT.fullmatch(limit):
        raise InputError(f"limit={limit} is not a number of rows: 0 is all")
    if messenger and messenger not in MESSENGERS:
        choice = ", ".join(sorted(MESSENGERS))
        raise InputError(f"messenger={messenger} is none of {choice}")
    if survey and survey not in SURVEYS:
        raise InputError(f"survey={survey} is none of {', '.join(SURVEYS)}")
    return Wanted(
        night, messenger, query.get("class", ""), SURVEYS.get(survey, ""), int(limit)
    )

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The registry of publishers: which block of ``streams.toml`` a notice belongs to."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from importlib import resources
from pathlib import Path
from typing import Any

from fink_voevent.errors import ConfigError
from fink_voevent.sky.localization import Systematic

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MESSENGERS = (
    "grb",
    "gw",
    "neutrino",
    "frb",
    "xray",
    "gamma",
    "supernova",
    "optical",
    "unknown",
)


@dataclass(frozen=True)
class Stream:
    """One block of ``streams.toml``; the fields are explained at its head."""

    name: str
    pattern: re.Pattern[str]
    start: str
    messenger: str
    window_days: tuple[float, float]
    containment: float
    default_error_deg: float
    position: str
    time: str
    rank: int
    first: bool
    live: bool
    packet_types: frozenset[str] = frozenset()
    require: tuple[tuple[str, re.Pattern[str]], ...] = ()
    since: datetime | None = None
    observatory: str | None = None
    instrument: str | None = None
    notice_type: str | None = None
    event: str = "{ivorn}"
    id_mask: int = 0
    sequence: tuple[str, ...] = ()
    sequence_start: int = 1
    systematic: Systematic | None = None
    tense: str | None = None
    significance: tuple[str, ...] = ()
    error_param: str | None = None
    asymmetric_params: tuple[str, ...] = ()

    def matches(
        self, ivorn: str, params: Mapping[str, str], issued: datetime | None
    ) -> re.Match[str] | None:
        """Return the match of the pattern, where all conditions of the block hold."""
        found = self.pattern.match(ivorn)
        if found is None:
            return None
        if self.packet_types and params.get("Packet_Type") not in self.packet_types:
            return None
        if not all(v.fullmatch(params.get(k, "")) for k, v in self.require):
            return None
        if self.since is not None and (issued is None or issued < self.since):
            return None
        return found


@dataclass(frozen=True)
class Registry:
    """All streams, in the order in which they are tried."""

    streams: tuple[Stream, ...]
    unknown: Stream
    own: str = ""  # our own authority: what comes from it is not ingested

    def is_own(self, ivorn: str) -> bool:
        """Whether a notice is one that we sent."""
        return bool(self.own) and authority(ivorn) == self.own

    def find(
        self, ivorn: str, params: Mapping[str, str], issued: datetime | None = None
    ) -> tuple[Stream, dict[str, str]]:
        """Return the stream of a notice and the named groups of its pattern.

        An ivorn that no block knows belongs to the stream ``unknown``: its
        WhereWhen alone is used, with the defaults.
        """
        letters = ivorn.lower()
        # most are told apart by plain letters, much faster than by expressions
        for stream in [s for s in self.streams if letters.startswith(s.start)]:
            found = stream.matches(ivorn, params, issued)
            if found is not None:
                groups = {k: v for k, v in found.groupdict().items() if v is not None}
                return stream, groups
        return self.unknown, {}


def authority(ivorn: str) -> str:
    """Give the authority of an identifier, ``ivo://<authority>/...``, in lower case."""
    return ivorn.lower().removeprefix("ivo://").partition("/")[0].partition("#")[0]


@functools.lru_cache(maxsize=8)
def load(path: str = "") -> Registry:
    """Registry of the built-in streams and, before them, of the file at `path`.

    Raises
    ------
    ConfigError
        Where a file is missing, is not TOML, or a block is wrong: named, in one line.
    """
    text = (resources.files(__package__) / "streams.toml").read_text(encoding="utf-8")
    tables = [tomllib.loads(text)]
    if path:
        tables.insert(0, _read(path))
    return _registry(tables, path or "streams.toml")


def _read(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"VOEVENT_STREAMS={path}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"VOEVENT_STREAMS={path} is not TOML: {error}") from None


def _registry(tables: Iterable[dict[str, Any]], where: str) -> Registry:
    merged: dict[str, dict[str, Any]] = {}
    shared: dict[str, dict[str, Any]] = {}
    for table in reversed(list(tables)):  # the first overrides
        for key in ("window_days", "defaults", "systematic", "base"):
            shared[key] = {**shared.get(key, {}), **table.get(key, {})}
        own = {block.get("name", ""): block for block in table.get("stream", [])}
        fresh = {n: b for n, b in own.items() if n not in merged}
        known = {n: {**b, **own.get(n, {})} for n, b in merged.items()}
        merged = {**fresh, **known}
    streams = tuple(_stream(block, shared, where) for block in merged.values())
    unknown = {"name": "unknown", "pattern": "", "notice_type": None}
    return Registry(streams, _stream(unknown, shared, where))


def _stream(
    block: dict[str, Any], shared: dict[str, dict[str, Any]], where: str
) -> Stream:
    name = block.get("name")
    try:
        values = {
            **shared["defaults"],
            **shared["base"].get(str(block.get("base")), {}),
        }
        values |= block
        values.pop("base", None)
        allowed = {f.name for f in fields(Stream)}
        if not name or set(values) - allowed:
            extra = ", ".join(sorted(set(values) - allowed)) or "no name"
            raise ValueError(f"unknown or missing field: {extra}")
        return Stream(**_typed(values, shared))
    except (ValueError, TypeError, KeyError, re.error) as error:
        raise ConfigError(f"{where}, stream {name!r}: {error}") from None


def literal_start(pattern: str) -> str:
    """Letters, in lower case, with which all that a pattern matches begins."""
    plain = pattern.replace("\\.", "\0")  # an escaped dot is a dot
    found = re.match(r"[^\\\[\](){}.*+?^$|]*", plain)
    letters = found[0] if found else ""
    follows = plain[len(letters) : len(letters) + 1]
    if "|" in re.sub(r"\(.*\)", "", plain):  # alternatives: no common start is known
        return ""
    if follows in ("*", "?", "{"):  # the last letter may be left out
        letters = letters[:-1]
    return letters.replace("\0", ".").lower()


def _typed(values: dict[str, Any], shared: dict[str, dict[str, Any]]) -> dict[str, Any]:
    typed = dict(values)
    if values["messenger"] not in MESSENGERS:
        raise ValueError(f"messenger {values['messenger']!r} is none of {MESSENGERS}")
    if not 0 < values["containment"] < 1:
        raise ValueError("containment must lie between 0 and 1")
    window = values.get("window_days", shared["window_days"][values["messenger"]])
    typed["window_days"] = (float(window[0]), float(window[1]))
    typed["pattern"] = re.compile(values["pattern"], re.IGNORECASE)
    typed["start"] = literal_start(values["pattern"])
    typed["packet_types"] = frozenset(map(str, values.get("packet_types", ())))
    typed["require"] = tuple(
        (name, re.compile(value, re.IGNORECASE))
        for name, value in values.get("require", {}).items()
    )
    typed["sequence"] = tuple(values.get("sequence", ()))
    typed["significance"] = tuple(values.get("significance", ()))
    typed["asymmetric_params"] = tuple(values.get("asymmetric_params", ()))
    if len(typed["asymmetric_params"]) not in (0, 4):
        raise ValueError("asymmetric_params names east, west, north and south")
    if values.get("asymmetric_params") and values.get("systematic"):
        raise ValueError("asymmetric_params cannot be given with systematic")
    if values.get("since"):
        since = datetime.fromisoformat(str(values["since"]))
        typed["since"] = since.replace(tzinfo=timezone.utc)
    if values.get("systematic"):
        typed["systematic"] = Systematic(**shared["systematic"][values["systematic"]])
    return typed

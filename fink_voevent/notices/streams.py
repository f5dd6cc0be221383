# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The registry of streams: find the block of ``streams.toml`` of a notice."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from importlib import resources
from pathlib import Path
from typing import Any

from fink_voevent.errors import ConfigError
from fink_voevent.notices.document import Param
from fink_voevent.notices.publishers import Publisher, Publishers, publisher_table
from fink_voevent.sky.localization import Systematic

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_FIELD = re.compile(r"\{([^{}]+)\}")
_AFTER_AUTHORITY = re.compile(r"[/#?]")  # the resource, or the local identifier
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
    """One block of ``streams.toml``; the fields are explained at the top of that file.

    `literal_prefix` is not a field of the file: it is the text, in lower case, with
    which every ivorn that matches `pattern` begins.
    """

    name: str
    pattern: re.Pattern[str]
    literal_prefix: str
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
    in_ivorn: re.Pattern[str] | None = None
    pick: tuple[tuple[str, re.Pattern[str]], ...] = ()
    sequence: tuple[str, ...] = ()
    sequence_start: int = 1
    retraction_rank: int = 0
    systematic: Systematic | None = None
    tense: str | None = None
    significance: tuple[str, ...] = ()
    error_param: str | None = None
    asymmetric_params: tuple[str, ...] = ()
    far_unit: str | None = None
    classes: Mapping[str, str] = field(default_factory=dict)
    class_numbers: Mapping[str, str] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    class_flags: Mapping[str, str] = field(default_factory=dict)

    def matches(
        self, ivorn: str, params: Mapping[str, str], issued: datetime | None
    ) -> re.Match[str] | None:
        """Return the match of the pattern if a notice fulfils all conditions.

        Parameters
        ----------
        ivorn : str
            Identifier of the notice.
        params : mapping
            Values of its Params by name.
        issued : datetime or None
            When it was issued, UTC.
        """
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

    def picked(self, params: Iterable[Param]) -> dict[str, str]:
        """Return the values of Params that may have several: see the field `pick`."""
        found: dict[str, str] = {}
        for name, pattern in self.pick:
            values = (param.value for param in params if param.name == name)
            value = next(filter(pattern.fullmatch, values), None)
            if value is not None:
                found[name] = value
        return found

    def is_of_authority(self, ivorn: str) -> bool:
        """Whether the pattern matches the ivorns of one authority, that of this one.

        The pattern ``ivo://HESS`` also matches ``ivo://hess.example/...``, which is of
        another authority.
        """
        known = self.literal_prefix.removeprefix("ivo://")
        if set(known) & set("/#"):
            return True
        return bool(known) and authority(ivorn) == known


def fill(template: str, values: Mapping[str, str]) -> str | None:
    """Replace each ``{name}`` of a template by its value.

    Of ``{name|other}``, the first name that has a value is used.

    Returns
    -------
    str or None
        None if a name has no value.

    Examples
    --------
    >>> fill("EP-{id|event_name}", {"event_name": "EP240115a"})
    'EP-EP240115a'
    """

    def value(field: str) -> str:
        found = (values.get(name, "").strip() for name in field.split("|"))
        return next(filter(None, found), "")

    if not all(map(value, _FIELD.findall(template))):
        return None
    return _FIELD.sub(lambda found: value(found[1]), template)


def named_event(stream: Stream, values: Mapping[str, str]) -> str | None:
    """Return the name of an event by the field `event` of a stream.

    Parameters
    ----------
    stream : Stream
    values : mapping
        Values of the Params and of the named groups of the ivorn, by name.

    Returns
    -------
    str or None
        None if the stream does not name its events, or names a Param that is missing.
    """
    if stream.event == "{ivorn}":
        return None
    if stream.id_mask:
        values = {k: _masked(v, stream.id_mask) for k, v in values.items()}
    return fill(stream.event, values)


def _masked(value: str, mask: int) -> str:
    """Bits of an integer within a mask; the value itself if it is not an integer."""
    try:
        return str(int(value) & mask)
    except ValueError:
        return value


@dataclass(frozen=True)
class Registry:
    """All streams.

    Parameters
    ----------
    streams : tuple of Stream
        In the order in which they are tried.
    unknown : Stream
        The stream of notices that no other stream matches.
    our_authority : str
        Authority of the notices that this installation sends, which are not ingested;
        empty if it sends none.
    publishers : Publishers
        The tables ``[publisher.NAME]``.
    """

    streams: tuple[Stream, ...]
    unknown: Stream
    our_authority: str = ""
    publishers: Publishers = Publishers()

    def event_of(self, ivorn: str) -> str | None:
        """Return the event of a notice of which only the identifier is known.

        Parameters
        ----------
        ivorn : str
            As another notice cites it.

        Returns
        -------
        str or None
            None if the identifier does not say it: see the field `in_ivorn`.
        """
        stream, _ = self.find(ivorn, {})
        found = stream.in_ivorn.search(ivorn) if stream.in_ivorn else None
        return None if found is None else named_event(stream, found.groupdict())

    def is_ours(self, ivorn: str) -> bool:
        """Return whether this installation sent the notice with an identifier."""
        return bool(self.our_authority) and authority(ivorn) == self.our_authority

    def find(
        self, ivorn: str, params: Mapping[str, str], issued: datetime | None = None
    ) -> tuple[Stream, dict[str, str]]:
        """Return the stream of a notice.

        A notice that no block matches belongs to the stream ``unknown``: only its
        WhereWhen is used, with the defaults.

        Parameters
        ----------
        ivorn : str
            Identifier of the notice.
        params : mapping
            Values of its Params by name.
        issued : datetime or None
            When it was issued, UTC.

        Returns
        -------
        stream : Stream
            The first stream that matches.
        groups : dict
            Named groups of its pattern in the ivorn.
        """
        lower = ivorn.lower()
        # The prefix excludes most streams much faster than a regular expression.
        for stream in [s for s in self.streams if lower.startswith(s.literal_prefix)]:
            found = stream.matches(ivorn, params, issued)
            if found is not None:
                groups = {k: v for k, v in found.groupdict().items() if v is not None}
                return stream, groups
        return self.unknown, {}


def authority(ivorn: str) -> str:
    """Return the authority of an ivorn, ``ivo://<authority>/...``, in lower case."""
    own = ivorn.strip().lower().removeprefix("ivo://").lstrip("/")
    return _AFTER_AUTHORITY.split(own, 1)[0]


@functools.lru_cache(maxsize=8)
def load(path: str = "") -> Registry:
    """Load the built-in streams and those of a file.

    Parameters
    ----------
    path : str, optional
        A file with blocks that are tried before the built-in ones. A block with the
        name of a built-in one replaces the fields that it gives.

    Raises
    ------
    ConfigError
        If a file cannot be read, is not TOML, or has a block with a mistake. The
        message is one line that names the file or block.
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


def _registry(tables: Iterable[dict[str, Any]], file_name: str) -> Registry:
    """Merge the tables of several files, the most important first."""
    blocks: dict[str, dict[str, Any]] = {}
    shared: dict[str, dict[str, Any]] = {}
    publishers: dict[str, dict[str, Any]] = {}
    for table in reversed(list(tables)):
        for key in ("window_days", "defaults", "systematic", "classes", "base"):
            shared[key] = {**shared.get(key, {}), **table.get(key, {})}
        for name, fields_given in table.get("publisher", {}).items():
            publishers[name] = {**publishers.get(name, {}), **fields_given}
        given = {block.get("name", ""): block for block in table.get("stream", [])}
        added = {n: b for n, b in given.items() if n not in blocks}
        updated = {n: {**b, **given.get(n, {})} for n, b in blocks.items()}
        blocks = {**added, **updated}
    streams = tuple(_stream(block, shared, file_name) for block in blocks.values())
    unknown = {"name": "unknown", "pattern": "", "notice_type": None}
    return Registry(
        streams,
        _stream(unknown, shared, file_name),
        publishers=_publishers(publishers, file_name),
    )


def _publishers(tables: dict[str, dict[str, Any]], file_name: str) -> Publishers:
    """Check and return the tables ``[publisher.NAME]``."""

    def checked(name: str, table: dict[str, Any]) -> Publisher:
        try:
            return publisher_table(name, table)
        except (ValueError, TypeError, AttributeError) as error:
            raise ConfigError(f"{file_name}, publisher {name!r}: {error}") from None

    return Publishers(tuple(checked(*item) for item in tables.items()))


def _stream(
    block: dict[str, Any], shared: dict[str, dict[str, Any]], file_name: str
) -> Stream:
    """Stream of a block, with the fields of its base and the defaults."""
    name = block.get("name")
    try:
        values = {
            **shared["defaults"],
            **shared["base"].get(str(block.get("base")), {}),
            **block,
        }
        values.pop("base", None)
        unknown = set(values) - {f.name for f in fields(Stream)}
        if not name or unknown:
            reason = ", ".join(sorted(unknown)) or "no name"
            raise ValueError(f"unknown or missing field: {reason}")
        return Stream(**_typed(values, shared))
    except (ValueError, TypeError, KeyError, re.error) as error:
        raise ConfigError(f"{file_name}, stream {name!r}: {error}") from None


def _typed(values: dict[str, Any], shared: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Check the fields of a block and convert them to the types of `Stream`."""
    typed = dict(values)
    if values["messenger"] not in MESSENGERS:
        raise ValueError(
            f"messenger {values['messenger']!r} is none of {', '.join(MESSENGERS)}"
        )
    if not 0 < values["containment"] < 1:
        raise ValueError("containment must lie between 0 and 1")
    window = values.get("window_days", shared["window_days"][values["messenger"]])
    typed["window_days"] = (float(window[0]), float(window[1]))
    typed["pattern"] = re.compile(values["pattern"], re.IGNORECASE)
    if values.get("in_ivorn"):
        typed["in_ivorn"] = re.compile(values["in_ivorn"], re.IGNORECASE)
    typed["literal_prefix"] = literal_prefix(values["pattern"])
    typed["packet_types"] = frozenset(map(str, values.get("packet_types", ())))
    typed["require"] = tuple(
        (name, re.compile(value, re.IGNORECASE))
        for name, value in values.get("require", {}).items()
    )
    typed["pick"] = tuple(
        (name, re.compile(value)) for name, value in values.get("pick", {}).items()
    )
    typed["sequence"] = tuple(values.get("sequence", ()))
    typed["significance"] = tuple(values.get("significance", ()))
    typed["class_names"] = tuple(values.get("class_names", ()))
    if values.get("classes"):
        typed["classes"] = shared["classes"][values["classes"]]
    typed["asymmetric_params"] = tuple(values.get("asymmetric_params", ()))
    if len(typed["asymmetric_params"]) not in (0, 4):
        raise ValueError(
            "asymmetric_params must name four Params: east, west, north and south"
        )
    if values.get("asymmetric_params") and values.get("systematic"):
        raise ValueError("asymmetric_params cannot be given with systematic")
    if values.get("since"):
        since = datetime.fromisoformat(str(values["since"]))
        typed["since"] = since.replace(tzinfo=timezone.utc)
    if values.get("systematic"):
        typed["systematic"] = Systematic(**shared["systematic"][values["systematic"]])
    return typed


def literal_prefix(pattern: str) -> str:
    """Return the text, in lower case, with which every match of a pattern begins."""
    plain = pattern.replace("\\.", "\0")  # an escaped dot is a literal dot
    found = re.match(r"[^\\\[\](){}.*+?^$|]*", plain)
    prefix = found[0] if found else ""
    next_character = plain[len(prefix) : len(prefix) + 1]
    if "|" in re.sub(r"\(.*\)", "", plain):  # alternatives can begin differently
        return ""
    if next_character in ("*", "?", "{"):  # the last character is optional
        prefix = prefix[:-1]
    return prefix.replace("\0", ".").lower()

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""For one document: which stream it belongs to, and where each value came from."""

from __future__ import annotations

from typing import Any

from fink_voevent.errors import NoticeError
from fink_voevent.notices import formats
from fink_voevent.notices.normalisation import normalise
from fink_voevent.notices.streams import Registry, Stream
from fink_voevent.notices.times import parse_iso

_TIME_SOURCES = {
    "isotime": "ISOTime",
    "tjd": "*_TJD and *_SOD, as ISOTime is impossible",
    "observation": "ISOTime: of this observation, the event's is in another notice",
    "none": "no time that can be read",
}
_POSITION_SOURCES = {
    "source": "Position2D",
    "map": "the sky map: its place is not one point",
    "pointing": "a pointing (Coords_Type 2, or the stream's positions are), no source",
    "dummy": "Position2D is a filler: 0 0 0, out of range, or the whole sky",
    "none": "no Position2D, Coords_Type 0, or the stream gives none",
}


def explain(raw: bytes, registry: Registry) -> list[tuple[str, Any, str]]:
    """Columns of a document's row, each with its value and where that came from.

    Raises
    ------
    NoticeError
        Where the document cannot be read.
    """
    row = normalise(raw, registry)
    (document,) = formats.read_all([raw])
    if isinstance(document, NoticeError):
        raise document
    values, issued = document.values, parse_iso(document.date)
    stream, groups = registry.find(document.ivorn, values, issued)
    block = f"stream {stream.name}"
    sources = {
        "ivorn": "VOEvent@ivorn",
        "stream": _why(stream),
        "event_id": _identity(stream, row),
        "version": _version(stream, {**values, **groups}),
        "kind": "citations, retraction flags, AlertType, Packet_Type, version",
        "tense": f"role={document.role!r}"
        + (f"; {block} says {stream.tense}" if stream.tense else "; test flags"),
        "live": block,
        "issued": "Who/Date",
        "time": _TIME_SOURCES[row["time_source"]],
        "ra": _POSITION_SOURCES[row["position_kind"]],
        "dec": _POSITION_SOURCES[row["position_kind"]],
        "error_raw": stream.error_param or "Error2Radius",
        "containment": block,
        "error_r90": _error(stream, row),
        "messenger": block,
        "window_before": block,
        "window_after": block,
        "far": "Param FAR, in its unit",
        "significance": "Params " + (", ".join(stream.significance) or "(none named)"),
        "skymap_url": "Param of a sky map",
        "cites": "Citations",
    }
    return [(name, row[name], source) for name, source in sources.items()]


def _why(stream: Stream) -> str:
    if stream.name == "unknown":
        return "no pattern of streams.toml fits the ivorn: the defaults"
    extra = "".join(f", {k} is {v.pattern}" for k, v in stream.require)
    return f"the ivorn fits {stream.pattern.pattern}{extra}"


def _identity(stream: Stream, row: dict[str, Any]) -> str:
    if row["event_id"] == row["ivorn"]:
        return f"the ivorn, as {stream.event} has no value here"
    if row["event_id"] in [c["ivorn"] for c in row["cites"]]:
        return "the notice that this one supersedes or retracts"
    mask = f", Params & {stream.id_mask:#x}" if stream.id_mask else ""
    return f"{stream.event}{mask}"


def _version(stream: Stream, values: dict[str, str]) -> str:
    used = next((n for n in stream.sequence if values.get(n, "").strip()), None)
    return f"rank {stream.rank} of the stream, then {used or 'no sequence'}"


def _error(stream: Stream, row: dict[str, Any]) -> str:
    if row["fisher"] is None:
        return "a sky map" if row["pixels"] else "no source position"
    given = "error_raw" if row["error_raw"] else f"default {stream.default_error_deg:g}"
    extra = stream.systematic
    if extra is None:
        return f"{given}, at its containment"
    return (
        f"{given}, with systematic errors: core {extra.core_fraction:.1%} at"
        f" {extra.core_deg} deg, tail {extra.tail_deg} deg"
    )

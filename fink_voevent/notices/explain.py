# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Explain the row of a document: its stream, and the source of each value."""

from __future__ import annotations

from typing import Any

from fink_voevent.errors import NoticeError
from fink_voevent.notices import formats
from fink_voevent.notices.identity import RANK_STEP
from fink_voevent.notices.normalisation import normalise
from fink_voevent.notices.streams import Registry, Stream
from fink_voevent.notices.times import parse_iso

_TIME_SOURCES = {
    "isotime": "ISOTime",
    "tjd": "*_TJD and *_SOD, because ISOTime is not a time",
    "observation": "ISOTime of this observation; another notice has the event's time",
    "issued": "the issue time, because no time of the event can be read",
    "none": "no time that can be read",
}
_POSITION_SOURCES = {
    "source": "Position2D",
    "map": "the sky map gives no single position",
    "pointing": "a pointing, by Coords_Type 2 or by the stream; not a source",
    "dummy": "Position2D is a dummy value: 0 0, out of range, or the whole sky",
    "none": "no Position2D, Coords_Type 0, or a stream without positions",
}


def explain(raw: bytes, registry: Registry) -> list[tuple[str, Any, str]]:
    """Explain where the values of a document's row come from.

    Parameters
    ----------
    raw : bytes
        The document, in any format.
    registry : Registry
        The streams.

    Returns
    -------
    list of (name, value, source)
        Name of a column of the table events, its value, and a sentence on where the
        value comes from.

    Raises
    ------
    NoticeError
        If the document cannot be read. The message is the reason.
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
        "stream": _stream_source(stream),
        "event_id": _identity_source(stream, row),
        "version": _version_source(stream, row, {**values, **groups}),
        "kind": "citations, retraction flags, alert type, Packet_Type, ivorn, rank",
        "tense": f"role={document.role!r}"
        + (
            f"; {block} sets {stream.tense}"
            if stream.tense
            else "; test flags, alert type"
        ),
        "live": block,
        "issued": "Who/Date",
        "time": _TIME_SOURCES[row["time_source"]],
        "ra": _POSITION_SOURCES[row["position_kind"]],
        "dec": _POSITION_SOURCES[row["position_kind"]],
        "error_raw": stream.error_param or "Error2Radius",
        "containment": block,
        "error_r90": _error_source(stream, row),
        "messenger": block,
        "window_before": block,
        "window_after": block,
        "far": f"Param FAR, in {stream.far_unit or 'its unit'}",
        "significance": "Params " + (", ".join(stream.significance) or "(none named)"),
        "skymap_url": "Param with the address of a sky map",
        "cites": "Citations",
    }
    return [(name, row[name], source) for name, source in sources.items()]


def _stream_source(stream: Stream) -> str:
    if stream.name == "unknown":
        return "no pattern of streams.toml matches the ivorn: the defaults"
    conditions = "".join(f", {k} is {v.pattern}" for k, v in stream.require)
    return f"the ivorn matches {stream.pattern.pattern}{conditions}"


def _identity_source(stream: Stream, row: dict[str, Any]) -> str:
    if row["event_id"] == row["ivorn"]:
        return f"the ivorn, because {stream.event} has no value here"
    if row["event_id"] in [c["ivorn"] for c in row["cites"]]:
        return "the notice that this one supersedes or retracts"
    mask = f", Params & {stream.id_mask:#x}" if stream.id_mask else ""
    return f"{stream.event}{mask}"


def _version_source(stream: Stream, row: dict[str, Any], values: dict[str, str]) -> str:
    rank = row["version"] // RANK_STEP
    issue = "the issue time" if row["issued"] else "no issue time"
    used = next((n for n in stream.sequence if values.get(n, "").strip()), None)
    return f"rank {rank}, then {issue}" + (f", then {used}" if used else "")


def _error_source(stream: Stream, row: dict[str, Any]) -> str:
    if row["fisher"] is None:
        return "a sky map" if row["pixels"] else "no source position"
    given = "error_raw" if row["error_raw"] else f"default {stream.default_error_deg:g}"
    systematic = stream.systematic
    if systematic is None:
        return f"{given}, converted from its containment"
    return (
        f"{given}, with systematic errors: core {systematic.core_fraction:.1%} at"
        f" {systematic.core_deg} deg, tail {systematic.tail_deg} deg"
    )

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A notice as a card: what it says and what is done with it, for a person to read."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from fink_voevent.errors import NoticeError
from fink_voevent.notices import formats, voevent
from fink_voevent.notices.faults import Fault, find_faults
from fink_voevent.notices.measurements import YEAR_S
from fink_voevent.notices.normalisation import normalise
from fink_voevent.notices.quantities import (
    format_angle,
    format_area,
    format_duration,
    format_percent,
    format_rate,
)
from fink_voevent.notices.streams import Registry
from fink_voevent.notices.times import parse_iso
from fink_voevent.sky.localization import (
    DEG2_PER_SR,
    ORDER_29_CELLS,
    Ellipse,
    Fisher,
    area_deg2,
)

WIDTH = 88
_LABEL = 16  # characters of the first column
_MOST_CITES, _MOST_CLASSES = 3, 5
_NEVER_MATCHED = {
    "prediction": "it is a prediction",
    "utility": "it is about the observatory, not about the sky",
    "unknown": "its role, tense or alert type is not known",
}
_OTHER = "unless another notice of the event has one"
_TESTS = {"test": "it is a test", "injection": "it is an injection"}
_CITES = {
    "followup": "follows up",
    "supersedes": "supersedes",
    "retraction": "retracts",
}
_MESSENGERS = {
    "grb": "gamma-ray burst",
    "gw": "gravitational wave",
    "frb": "fast radio burst",
    "xray": "X-ray transient",
    "gamma": "gamma-ray source",
    "unknown": "not known",
}


def card(raw: bytes, registry: Registry) -> list[str]:
    """Return the lines of the card of a notice.

    Parameters
    ----------
    raw : bytes
        The document, in any format.
    registry : Registry
        The streams.

    Returns
    -------
    list of str
        Lines of `WIDTH` characters as a rule. The last ones are what the publisher
        should mend, as `faults.find_faults` returns it.

    Raises
    ------
    NoticeError
        If the document cannot be read. The message is the reason.
    """
    row = normalise(raw, registry)
    (document,) = formats.read_all([raw])
    if isinstance(document, NoticeError):
        raise document
    stream, _ = registry.find(document.ivorn, document.values, parse_iso(document.date))
    invalid = voevent.find_invalid(raw) if row["schema_valid"] is False else None
    faults = find_faults(document, stream, row, invalid)
    lines = [line for label, text in _fields(row) for line in _wrapped(label, text)]
    return lines + [line for fault in faults for line in _warning(fault)]


def _fields(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield label and text of each line of the card."""
    yield "event", row["event_id"]
    yield "notice", f"{row['kind']} ({row['tense']})"
    observatory = f"{row['observatory'] or ''} {row['instrument'] or ''}".strip()
    names = [name for name in (observatory, row["notice_type"]) if name]
    yield "publisher", ", ".join(names) or "not known"
    yield "messenger", _MESSENGERS.get(row["messenger"], row["messenger"])
    yield "stream", row["stream"]
    if row["ivorn"] != row["event_id"]:
        yield "ivorn", row["ivorn"]
    yield from _times(row)
    yield from _place(row)
    yield from _matched(row)
    yield from _measured(row)
    for cited in row["cites"][:_MOST_CITES]:
        yield _CITES.get(cited["cite"], "cites"), cited["ivorn"]
    if len(row["cites"]) > _MOST_CITES:
        yield "", f"and {len(row['cites']) - _MOST_CITES} more"


def _times(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    time, issued = row["time"], row["issued"]
    text = "none" if time is None else _utc(time)
    if row["time_source"] == "tjd":
        text += ", from the Params *_TJD and *_SOD"
    if row["time_source"] == "observation":
        text += ", of the observation, not of the event"
    if row["time_source"] == "issued":
        text += ", that of the issue, because no other can be read"
    yield "event time", text
    text = "no date" if issued is None else _utc(issued)
    if issued and time:
        side = "after" if issued >= time else "BEFORE"
        text += f", {format_duration(abs(issued - time))} {side} the event"
    yield "issued", text


def _utc(moment: datetime) -> str:
    text = f"{moment:%Y-%m-%d %H:%M:%S.%f}".rstrip("0").rstrip(".")
    return f"{text} UTC"


def _place(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield position, error and region."""
    if row["ra"] is not None:
        yield "position", f"ra {row['ra']:.5f}  dec {row['dec']:+.5f} deg (ICRS)"
        yield "error", _error(row)
    else:
        kinds = {
            "map": "that of the sky map",
            "pointing": "none: a pointing of the spacecraft",
            "dummy": "none: the coordinates are not those of a source",
        }
        yield "position", kinds.get(row["position_kind"], "none")
    areas = _areas_deg2(row)
    if areas is not None:
        half, most = map(format_area, areas)
        yield "region", f"{_shape(row)}: 50 % in {half}, 90 % in {most}"
    if row["skymap_state"] not in ("none", "read"):
        yield "sky map", f"not used: {row['skymap_state']}"
    if row["skymap_url"] is not None:
        yield "sky map", row["skymap_url"]


def _error(row: dict[str, Any]) -> str:
    """Text of the error: as published, and what contains 90 %."""
    contained = format_percent(row["containment"])
    widest = f"90 % within {format_angle(row['error_r90'])}"
    if row["error_raw"] is None:
        return f"not given; {widest} is assumed"
    text = f"{format_angle(row['error_raw'])}, contains {contained}"
    is_wider = not math.isclose(row["error_r90"], row["error_raw"], rel_tol=0.01)
    if row["fisher"] and row["fisher"]["core_kappa"] != row["fisher"]["tail_kappa"]:
        widest += " with systematic errors"
    return f"{text}; {widest}" if is_wider else text


def _shape(row: dict[str, Any]) -> str:
    if row["skymap_sha256"] is not None and row["skymap_state"] == "read":
        return "sky map"
    if row["pixels"] is not None:
        return "error box or errors by side"
    return "circle" if row["ellipse"] is None else "ellipse"


def _areas_deg2(row: dict[str, Any]) -> tuple[float, float] | None:
    """Areas (deg2) that contain 50 % and 90 %; None without a region."""
    levels = 0.5, 0.9
    if row["pixels"] is not None:
        per_cell = 4 * math.pi * DEG2_PER_SR / ORDER_29_CELLS
        pixels = [(p["hi"] - p["lo"], p["level"]) for p in row["pixels"]]
        half, most = (
            sum(cells for cells, level in pixels if level < edge) * per_cell
            for edge in levels
        )
    elif row["ellipse"] is not None:
        half, most = map(Ellipse(**row["ellipse"]).area_deg2, levels)
    elif row["fisher"] is not None:
        circle = Fisher(**row["fisher"])
        half, most = (area_deg2(circle.radius_deg(level)) for level in levels)
    else:
        return None
    return half, most


def _matched(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield whether alerts are matched, or why not, and the window."""
    reasons = list(_reasons(row))
    if reasons:
        yield "matched", f"no: {'; '.join(reasons)}"
    elif row["cells"] is None:
        yield "matched", "in time only, until its sky map is fetched"
    else:
        yield "matched", "yes"
    is_off = row["kind"] == "retraction" or row["tense"] in _NEVER_MATCHED
    if row["live"] and not is_off and row["time"] is not None:
        yield "window", _window(row)


def _reasons(row: dict[str, Any]) -> Iterator[str]:
    """Yield why no alerts are matched with a notice."""
    if row["kind"] == "retraction":
        yield "it retracts the event, and its coincidences with it"
    elif not row["live"]:
        yield "its stream is not (live = false in streams.toml)"
    elif row["tense"] in _NEVER_MATCHED:
        yield _NEVER_MATCHED[row["tense"]]
    else:
        if row["tense"] in _TESTS:
            yield f"{_TESTS[row['tense']]} (VOEVENT_ALLOW_TESTS)"
        if row["time"] is None:
            yield f"it has no time, {_OTHER}"
        elif row["cells"] is None and row["skymap_url"] is None:
            yield f"it has no region, {_OTHER}"


def _window(row: dict[str, Any]) -> str:
    """Text of the time in which alerts are matched."""
    days = row["window_before"], row["window_after"]
    if row["time_source"] == "observation":
        return f"{days[0]:g} d before to {days[1]:g} d after the event"
    before, after = (timedelta(days=d) for d in days)
    ends = row["time"] - before, row["time"] + after
    first, last = (f"{moment:%Y-%m-%d %H:%M}" for moment in ends)
    return f"{first} to {last} UTC ({-days[0] + 0.0:g} d to +{days[1]:g} d)"


def _measured(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is measured, if it is given."""
    if row["far"] is not None:
        yield "false alarms", format_rate(row["far"] * YEAR_S)
    if row["significance"] is not None:
        name, value = row["significance"]["name"], row["significance"]["value"]
        yield "significance", f"{name} {value + 0.0:.4g}"  # no minus before a zero
    if row["classification"]:
        classes = sorted(dict(row["classification"]).items(), key=lambda c: -c[1])
        shown = [
            f"{n} {format_percent(p)}" for n, p in classes[:_MOST_CLASSES] if p > 0
        ]
        yield "classes", ", ".join(shown) or "all zero"
    if row["distance"] is not None:
        mean, std = row["distance"]["mean"], row["distance"]["std"]
        error = "" if std is None else f" +- {std:.3g}"
        yield "distance", f"{mean:.4g}{error} Mpc"


def _wrapped(label: str, text: str) -> list[str]:
    first = f"  {label:{_LABEL - 2}}"
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * _LABEL,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _warning(fault: Fault) -> list[str]:
    lines = _wrapped("WARNING", fault.found)
    lines += _wrapped("    effect", fault.effect)
    return lines + _wrapped("    write", fault.advice)

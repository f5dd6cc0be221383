# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What the state of an event depends on, of each notice: read from Arrow tables."""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fink_voevent.sky.localization import DEG2_PER_SR, ORDER_29_CELLS
from fink_voevent.sky.region_size import AREA_LEVELS, ORDERS
from fink_voevent.tables.column import TIME

# Columns of regions, which notices and maps have.
REGION_COLUMNS = ("region_id", "region_rows", "region_sky", "region_areas")
# Columns of fetched maps, and of notices, that are read here.
MAP_COLUMNS = ("skymap_url", "skymap_sha256", *REGION_COLUMNS)
LINK_COLUMNS = ("cites", "names")  # what a notice says of other events
NOTICE_COLUMNS = (
    *("event_id", "ivorn", "version", "issued", "received_at", "notice_id"),
    *("kind", "tense", "live", "time", "time_source", "window_before", "window_after"),
    *("fisher", "ellipse", *MAP_COLUMNS, "publisher", "source", *LINK_COLUMNS),
    "messenger",
)
# Values of `time_source` of a notice that gives the time of the trigger itself.
TRIGGER_TIMES = ("isotime", "tjd")
SKY_DEG2 = 4 * math.pi * DEG2_PER_SR
_NEVER = -math.inf  # instead of a missing time: before all others


@dataclass(frozen=True)
class Rules:
    """Which notices are used, and how their events are matched.

    Parameters
    ----------
    tenses : tuple of str
        Tenses of the notices that are used. A retraction is also used if its tense is
        ``utility``, as in retractions of CHIME.
    window : tuple of float, optional
        Days before and after the event, for all events; by default those of each
        notice.
    cap_deg2 : float, optional
        Largest area on which an event is matched, deg2: see `area_cap`.
    credible_level : float, optional
        Credible level to which regions are matched, 0-1.
    """

    tenses: tuple[str, ...]
    window: tuple[float, float] | None = None
    cap_deg2: float = math.inf
    credible_level: float = 0.95


class Region(NamedTuple):
    """Region of a notice, without its cells.

    Parameters
    ----------
    region_id : str
        Key of its cells in the table regions.
    map_id : str
        The notice, and the sky map if there is one: if another map of the same notice
        is fetched later, it is another region. Of a fetched map, the map alone.
    rows : tuple of int
    sky : int
        See `RegionSize`.
    capped : bool
        Whether only a part of the region is matched (see `area_cap`). Of a region with
        pixels it may be true although all is matched, if the credible level is not one
        of `AREA_LEVELS`; it is never false if a part is left out.
    """

    region_id: str
    map_id: str
    rows: tuple[int, ...]
    sky: int
    capped: bool


class Notice(NamedTuple):
    """Scalars of one notice.

    Parameters
    ----------
    order : tuple
        The notice of an event with the largest is current: see `_orders`.
    row : int
        Number of its row among those of all notices.
    event_id : str
        As in the notice: see `Citations`.
    ivorn, notice_id, kind : str
    time_us : int or None
        Time of the event in the notice, microseconds of UTC since 1970.
    is_trigger_time : bool
        Whether it is that of the trigger itself.
    is_event_time : bool
        Whether it is a time of the event or of an observation, and not the issue time.
    window_before, window_after : float
        Days.
    skymap_url : str or None
    map_url : str or None
        The same, if the map is not in the notice.
    region : Region or None
        The region that is in the notice.
    publisher, source : str or None
        None if it is the operator's own, or of an earlier version.
    received_us : int
        When it was received from this source, microseconds of UTC since 1970.
    messenger : str
    cited, names : tuple of str
        Identifiers of the notices that it cites, and names of its burst.
    is_named : bool
        Whether a setting or ``streams.toml`` names the source for the publisher, or it
        is the operator's own; false if the source was trusted on first use.
    """

    order: tuple[Any, ...]
    row: int
    event_id: str
    ivorn: str
    notice_id: str
    kind: str
    time_us: int | None
    is_trigger_time: bool
    is_event_time: bool
    window_before: float
    window_after: float
    skymap_url: str | None
    map_url: str | None
    region: Region | None
    publisher: str | None
    source: str | None
    received_us: int
    messenger: str = ""
    cited: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    is_named: bool = True


def received(notice: Notice, received_us: int, source: str | None) -> Notice:
    """Return a notice as it was received from another source."""
    order = notice.order
    if order[2] == _NEVER:  # it has no issue time, and is ordered by its reception
        order = (*order[:4], received_us, order[5])
    return notice._replace(order=order, received_us=received_us, source=source)


def used(notices: pa.Table, tenses: tuple[str, ...]) -> pa.Table:
    """Select the notices that are used: see `Rules`."""
    is_retraction = pc.equal(notices["kind"], "retraction")
    is_utility = pc.and_(is_retraction, pc.equal(notices["tense"], "utility"))
    is_chosen = pc.is_in(notices["tense"], pa.array(tenses, pa.string()))
    is_used = pc.and_(notices["live"], pc.or_(is_chosen, is_utility))
    return notices if pc.all(is_used).as_py() else notices.filter(is_used)


def read_notices(notices: pa.Table, first_row: int, rules: Rules) -> list[Notice]:
    """Read notices.

    Parameters
    ----------
    notices : pyarrow.Table
        With `NOTICE_COLUMNS`.
    first_row : int
        Number of the first one among the rows of all notices.
    rules : Rules
    """
    columns = {
        name: notices[name].to_pylist()
        for name in (
            *("event_id", "ivorn", "notice_id", "skymap_url", "skymap_sha256"),
            *("publisher", "source"),
        )
    }
    kinds = [sys.intern(kind) for kind in notices["kind"].to_pylist()]
    source = notices["time_source"]
    is_trigger = pc.is_in(source, pa.array(TRIGGER_TIMES))
    is_event_time = pc.fill_null(pc.not_equal(source, "issued"), False)  # noqa: FBT003
    urls = zip(columns["skymap_url"], columns["skymap_sha256"], strict=True)
    rows = zip(
        _orders(notices, kinds, columns["notice_id"]),
        range(first_row, first_row + len(notices)),
        columns["event_id"],
        columns["ivorn"],
        columns["notice_id"],
        kinds,
        microseconds_of(notices["time"]),
        is_trigger.to_pylist(),
        is_event_time.to_pylist(),
        *_windows(notices, rules),
        columns["skymap_url"],
        [url if digest is None else None for url, digest in urls],
        _regions(notices, columns["notice_id"], rules),
        columns["publisher"],
        columns["source"],
        [landed or 0 for landed in microseconds_of(notices["received_at"])],
        [sys.intern(messenger or "") for messenger in notices["messenger"].to_pylist()],
        _texts(notices["cites"], "ivorn"),
        _texts(notices["names"]),
        strict=True,
    )
    return [Notice(*row) for row in rows]


def read_maps(maps: pa.Table, rules: Rules) -> dict[str, Region]:
    """Read the regions of sky maps that were fetched, by their address.

    Parameters
    ----------
    maps : pyarrow.Table
        With `MAP_COLUMNS`, one row for each `skymap_url`.
    rules : Rules
    """
    found = _regions(maps, [None] * len(maps), rules)
    pairs = zip(maps["skymap_url"].to_pylist(), found, strict=True)
    return {url: region for url, region in pairs if region is not None}


def _orders(
    notices: pa.Table, kinds: list[str], notice_ids: list[str]
) -> list[tuple[Any, ...]]:
    """Order of the notices of an event: by version, issue time and identity.

    At equal version and time, a retraction is last; without an issue time, it is the
    last notice of its version. The time of landing orders only notices without an issue
    time.
    """
    rows = zip(
        notices["version"].to_pylist(),
        microseconds_of(notices["issued"]),
        microseconds_of(notices["received_at"]),
        kinds,
        notice_ids,
        strict=True,
    )
    return [
        (version, False, issued, kind == "retraction", _NEVER, notice_id)
        if issued is not None
        else (
            version,
            kind == "retraction",
            _NEVER,
            kind == "retraction",
            _NEVER if landed is None else landed,
            notice_id,
        )
        for version, issued, landed, kind, notice_id in rows
    ]


def _texts(lists: pa.ChunkedArray, field: str = "") -> list[tuple[str, ...]]:
    """Texts of each list; those of a field if it is a list of structs.

    Most lists are empty or null, and become the same empty tuple.
    """
    found: list[tuple[str, ...]] = [()] * len(lists)
    rows = pc.list_parent_indices(lists).to_pylist()
    values = pc.list_flatten(lists)
    texts = (pc.struct_field(values, field) if field else values).to_pylist()
    for row, text in zip(rows, texts, strict=True):
        if text:
            found[row] = (*found[row], sys.intern(text))
    return found


def _windows(notices: pa.Table, rules: Rules) -> tuple[list[float], list[float]]:
    """Days before and after each event."""
    if rules.window is None:
        sides = (notices["window_before"], notices["window_after"])
        return sides[0].to_pylist(), sides[1].to_pylist()
    before, after = map(float, rules.window)
    return [before] * len(notices), [after] * len(notices)


def microseconds_of(moments: pa.ChunkedArray) -> list[int | None]:
    """Microseconds of UTC since 1970."""
    return moments.cast(TIME).cast(pa.int64()).to_pylist()


def _regions(
    table: pa.Table, notice_ids: list[str] | list[None], rules: Rules
) -> list[Region | None]:
    """Region of each row, or None; `notice_ids` are None in rows of maps."""
    is_there = table["region_id"].is_valid()
    columns = [
        c for c in ("fisher", "ellipse", *REGION_COLUMNS) if c in table.schema.names
    ]
    there = table.select(columns).filter(is_there)
    rows = pc.list_flatten(there["region_rows"]).to_numpy().reshape(-1, len(ORDERS))
    flags = is_there.to_pylist()
    names = zip(notice_ids, table["skymap_sha256"].to_pylist(), strict=True)
    fields = zip(
        there["region_id"].to_pylist(),
        [_map_id(*name) for name, flag in zip(names, flags, strict=True) if flag],
        map(tuple, rows.tolist()),
        there["region_sky"].to_pylist(),
        _are_capped(there, rules).tolist(),
        strict=True,
    )
    found = map(Region._make, fields)
    return [next(found) if flag else None for flag in flags]


def _map_id(notice_id: str | None, digest: str | None) -> str:
    if notice_id is None or digest is None:
        return notice_id or digest or ""
    return f"{notice_id}/{digest}"


def _are_capped(regions: pa.Table, rules: Rules) -> npt.NDArray[np.bool_]:
    """Whether the cap leaves out a part of each region: see `Region`."""
    part = rules.cap_deg2 / SKY_DEG2
    has_pixels = regions["region_areas"].is_valid().to_numpy()
    is_capped = np.zeros(len(regions), np.bool_)
    if part >= 1:
        return is_capped
    if "fisher" in regions.column_names:
        is_capped = _level_of_shape(regions, part) < rules.credible_level
    level = bisect_left(AREA_LEVELS, rules.credible_level, hi=len(AREA_LEVELS) - 1)
    areas = pc.list_element(regions["region_areas"], level)
    least = pa.scalar(round(part * ORDER_29_CELLS), pa.int64())
    reaches = pc.fill_null(pc.greater_equal(areas, least), False)  # noqa: FBT003
    return np.where(has_pixels, reaches.to_numpy(), is_capped)


def _level_of_shape(regions: pa.Table, part: float) -> npt.NDArray[np.float64]:
    """Credible level of the most probable part of a circle or an ellipse.

    `part` is a fraction of the sky, 0-1. A circle of radius r covers sin2(r / 2) of it.
    """

    def number(column: str, field: str) -> npt.NDArray[np.float64]:
        """Field of a struct, NaN if there is none."""
        return pc.struct_field(regions[column], field).to_numpy()

    def enclosed(kappa: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.expm1(-2.0 * kappa * part) / np.expm1(-2.0 * kappa)

    fraction = number("fisher", "fraction")
    core, tail = (number("fisher", f"{f}_kappa") for f in ("core", "tail"))
    axes = number("ellipse", "major_kappa") * number("ellipse", "minor_kappa")
    with np.errstate(all="ignore"):  # a concentration of 0 is that of no region
        circle = fraction * enclosed(core) + (1.0 - fraction) * enclosed(tail)
        ellipse = -np.expm1(-2.0 * part * np.sqrt(axes))
    return np.where(np.isnan(axes), circle, ellipse)

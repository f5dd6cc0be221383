# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""HEALPix maps in FITS: which columns are the sky map, and which pixels they name.

Multi-order maps (a column UNIQ: LVK), flat maps in either ordering (GBM, IceCube) and
partial maps (a column of indices, or FIRSTPIX and LASTPIX) are read, if they are in
equatorial coordinates. Values are those of PROBDENSITY, PROB, PROBABILITY or T, else of
the first column of floating-point numbers, because healpy gives columns many names. A
column that is no probability does not add up to 1, which `skymap` checks.

A coverage map (MOC: UNIQ or RANGE without values) is refused: it says neither what
probability its region contains nor where in it the best place is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from cdshealpix import from_ring

from fink_voevent import limits
from fink_voevent.errors import NoticeError
from fink_voevent.sky.localization import DEG2_PER_SR, ORDER
from fink_voevent.sky.map_file import Column, Table, open_table, read_columns
from fink_voevent.sky.pixel_merging import merge_flat

_DENSITY = "PROBDENSITY"
_PROBABILITIES = ("PROB", "PROBABILITY", "T")
DISTANCES = ("DISTMU", "DISTSIGMA", "DISTNORM")
_INDICES = ("PIXEL", "PIX", "IPIX", "INDEX", "HPXPIXEL", "HEALPIX")
# First word of COORDSYS or else of RADESYS. HEALPix has C (or Q), G and E; GBM's own
# comment is "Ecliptic, Galactic or Celestial". ICRS and FK5 differ far less than the
# side of a pixel.
_EQUATORIAL = {
    *("", "C", "CEL", "CELESTIAL", "Q", "EQ", "EQU", "EQUATORIAL", "RADEC"),
    *("ICRS", "ICRF", "FK5", "J2000"),
}
_OTHER_FRAMES = {
    **dict.fromkeys(("G", "GAL", "GALACTIC"), " (galactic)"),
    **dict.fromkeys(("E", "ECL", "ECLIPTIC"), " (ecliptic)"),
}
# Units of a density (sr-1), without the signs that are written in many ways.
_DENSITY_UNITS = {
    **dict.fromkeys(("SR-1", "1/SR", "/SR"), 1.0),
    **dict.fromkeys(("DEG-2", "1/DEG2", "/DEG2"), DEG2_PER_SR),
}
_UNSEEN = -1.6375e30  # healpy's value of a pixel that has none
_PIECE = 2**20  # pixels whose indices are converted at once
_FIRST_UNIQ = 4 << 2 * np.arange(ORDER + 1, dtype=np.int64)  # of each order


@dataclass(frozen=True)
class Pixels:
    """Pixels of a sky map.

    Parameters
    ----------
    lo, hi : ndarray of int64, shape (n,)
        Range of order-29 nested indices of each pixel, half-open, in any order. Nothing
        is said about overlaps.
    density : ndarray of float64, shape (n,)
        Probability density of each pixel, 0 or more, in units of `unit_per_sr`.
    unit_per_sr : float
        Unit of the densities, sr-1.
    column : str
        Name of the column of the values, and those of the others in brackets.
    distance : tuple of float or None
        Mean and standard deviation of the distance, Mpc.
    distances : ndarray of float64, shape (n, 3), or None
        DISTMU, DISTSIGMA (Mpc) and DISTNORM (Mpc^-2) of each pixel; None if the map
        does not have them, or is flat.
    """

    lo: np.ndarray
    hi: np.ndarray
    density: np.ndarray
    unit_per_sr: float
    column: str
    distance: tuple[float, float | None] | None
    distances: np.ndarray | None = None


def solid_angle_sr(cells: Any) -> Any:
    """Return the solid angle (sr) of a number of cells of order 29, scalar or array."""
    return cells * (4 * np.pi / (12 << 2 * ORDER))


def read(content: bytes) -> Pixels:
    """Read the pixels of a sky map.

    Parameters
    ----------
    content : bytes
        A FITS file, compressed with gzip or not.

    Raises
    ------
    NoticeError
        If it is not a sky map of a kind that is read, exceeds the bounds of `limits`,
        or has values that cannot be probabilities.
    """
    table = open_table(content)
    _check_frame(table.header)
    index = _index_column(table)
    column = _value_column(table, index)
    unit = _density_unit(column)
    distances = None
    if index is None:
        lo, hi, density, unit = _flat_pixels(table, column, unit)
    else:
        lo, hi, density, distances = _sparse_pixels(table, index, column)
        if unit is None:
            density, unit = density / solid_angle_sr(hi - lo), 1.0
    others = [c.name for c in table.columns if c is not column]
    name = f"{_list([column.name])} (next to {_list(others) or 'no others'})"
    return Pixels(lo, hi, density, unit, name, _distance(table.header), distances)


def _check_frame(header: Mapping[str, Any]) -> None:
    given = next(
        (k for k in ("COORDSYS", "RADESYS", "RADECSYS") if _words(header, k)), None
    )
    frame = _words(header, given)[0] if given else ""
    if frame not in _EQUATORIAL:
        raise NoticeError(
            f"the frame of the sky map is {frame[:20]!r}{_OTHER_FRAMES.get(frame, '')},"
            " not equatorial"
        )


def _index_column(table: Table) -> Column | None:
    """Column that says which pixel a value is of; None if the row says it."""
    ordering, scheme = (_word(table.header, k) for k in ("ORDERING", "INDXSCHM"))
    if ordering == "RANGE":
        raise NoticeError("the sky map is a MOC of ranges, without probabilities")
    columns, first = _by_name(table), table.columns[0]
    column = columns.get("UNIQ")
    if column is None and ordering != "NUNIQ":
        found = (columns[name] for name in _INDICES if name in columns)
        column = next((c for c in found if c.is_integer), None)
    if column is None and (ordering == "NUNIQ" or scheme == "EXPLICIT"):
        if not first.is_integer:
            raise NoticeError(f"the sky map has no column of indices: {_list(columns)}")
        column = first
    if column is None and scheme not in ("", "IMPLICIT"):
        raise NoticeError(f"the sky map has the indexing {scheme[:20]!r} (INDXSCHM)")
    if column is not None and not column.is_integer:
        raise NoticeError(
            f"column {column.name} of the sky map has the format {column.code!r}, not"
            " integers"
        )
    return column


def _value_column(table: Table, index: Column | None) -> Column:
    """Column of the probabilities or densities."""
    by_name = _by_name(table)
    known = (_DENSITY, *_PROBABILITIES)
    column = next((by_name[name] for name in known if name in by_name), None)
    if column is None:
        column = next((c for c in table.columns if c.is_float), None)
    if column is None:
        what = "a table" if index is None else "a MOC"
        raise NoticeError(
            f"the sky map is {what} without probabilities: it has {_list(by_name)}"
        )
    if not column.is_float:
        raise NoticeError(
            f"column {column.name} of the sky map has the format {column.code!r}, not D"
            " or E"
        )
    return column


def _density_unit(column: Column) -> float | None:
    """Return the unit of a column of densities, sr-1; None if of probabilities."""
    unit = re.sub(r"[\s^*()]|PROB(ABILITY)?", "", column.unit.upper())
    if unit in _DENSITY_UNITS:
        return _DENSITY_UNITS[unit]
    if column.name != _DENSITY:
        return None
    if unit:
        raise NoticeError(f"the unit of {_DENSITY} is {column.unit[:20]!r}, not sr-1")
    return 1.0


def _sparse_pixels(
    table: Table, index: Column, column: Column
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Ranges lo and hi, values, and distances of pixels that are named one by one."""
    _check_count(
        table.rows * max(index.repeat, column.repeat), limits.MAP_SPARSE_PIXELS
    )
    if index.repeat != column.repeat:
        raise NoticeError(
            f"the sky map has {index.repeat} indices and {column.repeat} values a row"
        )
    others = _distance_columns(table, index)
    numbers, values, *found = read_columns(table, [index, column, *others])
    distances = np.stack(found, axis=1) if found else None
    if index.name == "UNIQ" or _word(table.header, "ORDERING") == "NUNIQ":
        return (*_uniq_ranges(numbers), _clean(values, column), distances)
    order = _order(table.header)
    if order is None:
        raise NoticeError("the sky map covers a part of the sky, and has no NSIDE")
    ranges = _ranges(numbers, order, table.header)
    return (*ranges, _clean(values, column), distances)


def _distance_columns(table: Table, index: Column) -> list[Column]:
    """Columns of the distances of pixels; none if the map lacks one of them."""
    by_name = _by_name(table)
    columns = [by_name[name] for name in DISTANCES if name in by_name]
    are_usable = all(c.is_float and c.repeat == index.repeat for c in columns)
    return columns if are_usable and len(columns) == len(DISTANCES) else []


def _uniq_ranges(uniq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ranges lo and hi at order 29 of UNIQ = 4^(order + 1) + index; each (n,)."""
    if uniq.min() < 4 or uniq.max() >= 4 * _FIRST_UNIQ[-1]:
        raise NoticeError(
            f"UNIQ of the sky map is from {uniq.min()} to {uniq.max()}, out of range"
        )
    order = np.searchsorted(_FIRST_UNIQ, uniq, side="right") - 1
    index = uniq - _FIRST_UNIQ[order]
    shift = 2 * (ORDER - order)
    return index << shift, (index + 1) << shift


def _ranges(
    index: np.ndarray, order: int, header: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Ranges lo and hi at order 29 of pixels of one order; each (n,)."""
    if index.min() < 0 or index.max() >= 12 << 2 * order:
        raise NoticeError(
            f"pixels of the sky map are from {index.min()} to {index.max()}, out of"
            f" range at nside {1 << order}"
        )
    if _is_ring(header):
        index = from_ring(index.astype(np.uint64), order).astype(np.int64)
    shift = 2 * (ORDER - order)
    return index << shift, (index + 1) << shift


def _flat_pixels(
    table: Table, column: Column, unit: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Ranges lo and hi, and densities with their unit, of a map in the order of pixels.

    The unit of densities that are probabilities of pixels is that of the solid angle.
    """
    header, count = table.header, table.rows * column.repeat
    _check_count(count, 12 << 2 * limits.MAP_FLAT_ORDER)
    order = _order(header)
    if order is None:
        order = (max(count // 12, 1).bit_length() - 1) // 2
    if unit is None:
        unit = 1 / solid_angle_sr(1 << 2 * (ORDER - order))
    if count == 12 << 2 * order:
        is_ring = _is_ring(header)
        values = _clean(read_columns(table, [column])[0], column)
        return (*merge_flat(_nested(values, order) if is_ring else values, order), unit)
    first: Any = header.get("FIRSTPIX")
    is_part = type(first) is int and header.get("LASTPIX") == first + count - 1
    if not is_part or not 0 <= first <= (12 << 2 * order) - count:
        raise NoticeError(
            f"the sky map has {count} pixels: it is not a HEALPix map of nside"
            f" {1 << order}, and FIRSTPIX and LASTPIX do not say which part it is"
        )
    lo, hi = _ranges(np.arange(first, first + count), order, header)
    return lo, hi, _clean(read_columns(table, [column])[0], column), unit


def _nested(values: np.ndarray, order: int) -> np.ndarray:
    """Values in nested ordering, given values in ring ordering."""
    nested = np.empty_like(values)
    for start in range(0, len(values), _PIECE):
        piece = values[start : start + _PIECE]
        ring = np.arange(start, start + len(piece), dtype=np.uint64)
        nested[from_ring(ring, order).astype(np.int64)] = piece
    return nested


def _clean(values: np.ndarray, column: Column) -> np.ndarray:
    """Values with 0 for pixels that have none."""
    is_unseen = (values > 1.00001 * _UNSEEN) & (values < 0.99999 * _UNSEEN)
    values[is_unseen | np.isnan(values)] = 0.0
    if values.min() < 0 or values.max() == np.inf:
        raise NoticeError(
            f"{column.name} of the sky map is from {values.min():.4g} to"
            f" {values.max():.4g}, which is no probability"
        )
    return values


def _is_ring(header: Mapping[str, Any]) -> bool:
    ordering = _word(header, "ORDERING")
    if ordering not in ("NESTED", "NEST", "RING"):
        raise NoticeError(
            f"the ordering of the sky map is {ordering[:20]!r}, not NESTED or RING"
        )
    return ordering == "RING"


def _order(header: Mapping[str, Any]) -> int | None:
    """Order of the pixels, if the header says it."""
    nside, order = header.get("NSIDE"), header.get("ORDER")
    if nside is None and type(order) is int and 0 <= order <= ORDER:
        return order
    if nside is None:
        return None
    if type(nside) is not int or nside not in {1 << k for k in range(ORDER + 1)}:
        raise NoticeError(
            f"NSIDE of the sky map is {str(nside)[:20]}, not a power of 2 up to 2^29"
        )
    return nside.bit_length() - 1


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise NoticeError(f"the sky map has {count} pixels, more than {most}")
    if count == 0:
        raise NoticeError("the sky map has no pixels")


def _by_name(table: Table) -> dict[str, Column]:
    """Columns by name, the first of each, in their order."""
    columns: dict[str, Column] = {}
    for column in table.columns:
        columns.setdefault(column.name, column)
    return columns


def _list(names: Any) -> str:
    """Names of columns, few and short enough for a message."""
    shown = [name[:20] or "a column without a name" for name in names]
    more = f" and {len(shown) - 6} more" if len(shown) > 6 else ""
    return ", ".join(shown[:6]) + more


def _words(header: Mapping[str, Any], key: str) -> list[str]:
    return re.findall(r"[A-Z0-9]+", str(header.get(key, "")).upper())


def _word(header: Mapping[str, Any], key: str) -> str:
    """First word of a keyword in upper case; empty if there is none."""
    return next(iter(_words(header, key)), "")


def _distance(header: Mapping[str, Any]) -> tuple[float, float | None] | None:
    """Mean and standard deviation of the distance (Mpc), if the header has them."""
    mean, std = _finite(header, "DISTMEAN"), _finite(header, "DISTSTD")
    return None if mean is None else (mean, std)


def _finite(header: Mapping[str, Any], key: str) -> float | None:
    """Return the finite number of a keyword; None if it has none.

    T and F, which are integers of Python, are no numbers.
    """
    value = header.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None

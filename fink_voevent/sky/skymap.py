# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Sky maps: FITS bytes to pixels, each with its probability density and credible level.

Multi-order maps (UNIQ, PROBDENSITY: LVK, IceCube) and flat HEALPix maps in either
ordering (GBM). The credible level of a pixel is the probability of all that is denser,
so that 0 is the best place and the region of a level holds the pixel that crosses it.
"""

from __future__ import annotations

import gzip
import io
import warnings
import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from cdshealpix import from_ring

from fink_voevent.errors import NoticeError
from fink_voevent.sky.localization import COVER_LEVEL, DEG2_PER_SR

ORDER = 29
MAX_BYTES = 2**28  # of a map, unpacked: a flat map of nside 2048 has 200 MB
# A flat map is made of the pixels of one order; where more are kept than this, they are
# joined by four, their densities averaged.
MAX_PIXELS = 200_000
# What astropy raises over bytes that only look like FITS.
_FAULTS = (
    *(OSError, EOFError, zlib.error, fits.VerifyError, ArithmeticError),
    *(AttributeError, LookupError, TypeError, ValueError),
)
_DENSITIES = ("PROBDENSITY",)
_PROBABILITIES = ("PROB", "PROBABILITY", "T")


@dataclass(frozen=True)
class SkyMap:
    """Pixels of the 99 % region of a map, by position on the sky.

    Parameters
    ----------
    lo, hi : ndarray of int64
        Range of order-29 nested indices of each pixel, half open; sorted, disjoint.
    level : ndarray of float64
        Probability of all pixels denser than this one, 0-1.
    density : ndarray of float64
        Probability density, sr-1; over the whole map it integrates to 1.
    distance : tuple of float or None
        Mean and standard deviation, Mpc.
    """

    lo: np.ndarray
    hi: np.ndarray
    level: np.ndarray
    density: np.ndarray
    distance: tuple[float, float | None] | None = None

    def area_deg2(self, level: float) -> float:
        """Area of a credible region, the pixel that crosses its edge included."""
        cells = (self.hi - self.lo)[self.level < level].sum()
        return float(cells * solid_angle_sr(1) * DEG2_PER_SR)

    def ranges(self) -> list[tuple[int, int]]:
        """Sorted, disjoint ranges of the region, pixels that touch made one."""
        first = np.append(True, self.lo[1:] > self.hi[:-1])
        last = np.append(first[1:], True)
        return list(zip(self.lo[first].tolist(), self.hi[last].tolist(), strict=True))


def solid_angle_sr(cells: Any) -> Any:
    """Solid angle of so many cells of order 29."""
    return cells * (4 * np.pi / (12 << 2 * ORDER))


def read(content: bytes) -> SkyMap:
    """Read a sky map.

    Parameters
    ----------
    content : bytes
        A FITS file, gzipped or not.

    Raises
    ------
    NoticeError
        Where it is no sky map, or holds no probability. The message says why.
    """
    try:
        table, header = _table(_unpacked(content))
        lo, hi, density = _pixels(table, header)
    except _FAULTS as error:
        raise NoticeError(f"the sky map cannot be read: {error}") from None
    density = np.where(np.isfinite(density) & (density > 0), density, 0.0)
    return replace(of_pixels(lo, hi, density), distance=_distance(header))


def of_pixels(lo: np.ndarray, hi: np.ndarray, density: np.ndarray) -> SkyMap:
    """Sky map of disjoint pixels, in any order, whose densities are of any norm.

    Raises
    ------
    NoticeError
        Where they hold no probability.
    """
    total = float(np.sum(density * solid_angle_sr(hi - lo)))
    if not 0 < total < np.inf:
        raise NoticeError("the sky map holds no probability")
    rank = np.argsort(lo)
    return SkyMap(*_region(lo[rank], hi[rank], density[rank] / total))


def _unpacked(content: bytes) -> bytes:
    if content[:2] == b"\x1f\x8b":
        with gzip.open(io.BytesIO(content)) as stream:
            content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES} bytes")
    return content


def _table(content: bytes) -> tuple[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)  # what cannot be read raises
        with fits.open(io.BytesIO(content)) as file:
            table = next((h for h in file if isinstance(h, fits.BinTableHDU)), None)
            if table is None:
                raise ValueError("it has no table")
            return table.data, table.header


def _pixels(table: Any, header: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ranges and densities, of any norm, of all pixels."""
    if str(header.get("COORDSYS", "C")).strip().upper()[:1] not in ("C", "E", ""):
        raise ValueError(f"its frame is {header['COORDSYS']!r}, not equatorial")
    names = {name.upper(): name for name in table.columns.names}
    found = next((n for n in (*_DENSITIES, *_PROBABILITIES) if n in names), None)
    if found is None:
        raise ValueError("it has no column PROBDENSITY or PROB")
    values = np.asarray(table[names[found]], dtype=np.float64).ravel()
    if "UNIQ" in names:
        lo, hi = _of_uniq(np.asarray(table[names["UNIQ"]], dtype=np.int64))
        return (
            lo,
            hi,
            values if found in _DENSITIES else values / solid_angle_sr(hi - lo),
        )
    if len(values) < int(header.get("NAXIS2", 0)):
        raise ValueError("it covers a part of the sky only, without UNIQ")
    return _of_flat(values, str(header.get("ORDERING", "")).strip().upper())


def _of_uniq(uniq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order-29 ranges of UNIQ = 4^(order + 1) + index."""
    if len(uniq) == 0 or uniq.min() < 4:
        raise ValueError("its UNIQ are none")
    order = (np.frexp(uniq.astype(np.float64))[1] - 1) // 2 - 1
    shift = 2 * (ORDER - order.astype(np.int64))
    index = uniq - (np.int64(4) << 2 * order.astype(np.int64))
    if shift.min() < 0 or np.any(index >= np.int64(12) << 2 * order.astype(np.int64)):
        raise ValueError("its UNIQ are out of range")
    return index << shift, (index + 1) << shift


def _of_flat(
    values: np.ndarray, ordering: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    order = round(np.log2(max(len(values), 12) / 12) / 2)
    if len(values) != 12 << 2 * order or ordering not in ("NESTED", "NEST", "RING"):
        raise ValueError(f"{len(values)} pixels in order {ordering!r} are no sky")
    index = np.arange(len(values), dtype=np.int64)
    if ordering == "RING":
        index = from_ring(index.astype(np.uint64), order).astype(np.int64)
    nested = np.empty_like(values)
    nested[index] = values
    return _joined(nested, order)


def _joined(
    values: np.ndarray, order: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ranges and densities of a nested map, four equal neighbours made one pixel.

    Four that differ are joined too while the map has too many that matter.
    """
    while order > 0 and _count(values) > MAX_PIXELS:
        values, order = values.reshape(-1, 4).mean(axis=1), order - 1
    index = np.arange(len(values), dtype=np.int64)
    parts = []
    while order > 0 and len(index):
        whole = index % 4 == 0
        first = np.flatnonzero(whole)
        first = first[first + 3 < len(index)]
        same = (index[first + 3] == index[first] + 3) & np.all(
            [values[first + k] == values[first] for k in (1, 2, 3)], axis=0
        )
        taken = first[same]
        left = np.ones(len(index), dtype=bool)
        for k in range(4):
            left[taken + k] = False
        parts.append((index[left], order, values[left]))
        index, values, order = index[taken] // 4, values[taken], order - 1
    parts.append((index, order, values))
    lo = np.concatenate([i << 2 * (ORDER - o) for i, o, _ in parts])
    hi = np.concatenate([(i + 1) << 2 * (ORDER - o) for i, o, _ in parts])
    return lo, hi, np.concatenate([v for _, _, v in parts])


def _count(values: np.ndarray) -> int:
    """Count the pixels of equal area that hold the 99 % region."""
    rising = np.sort(values[np.isfinite(values) & (values > 0)])[::-1]
    held = np.cumsum(rising)
    return int(np.searchsorted(held, COVER_LEVEL * held[-1])) + 1 if len(held) else 0


def _region(
    lo: np.ndarray, hi: np.ndarray, density: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Keep what is within `COVER_LEVEL`; equal densities share one level.

    Of pixels whose densities (sr-1) integrate to 1: the fields of `SkyMap`.
    """
    distinct, place = np.unique(-density, return_inverse=True)
    mass = np.bincount(
        place, weights=density * solid_angle_sr(hi - lo), minlength=len(distinct)
    )
    denser = np.concatenate([[0.0], np.cumsum(mass)[:-1]])
    level = np.minimum(denser, 1.0)[place]
    kept = (level < COVER_LEVEL) & (density > 0)
    return lo[kept], hi[kept], level[kept], density[kept]


def _distance(header: Any) -> tuple[float, float | None] | None:
    mean, std = header.get("DISTMEAN"), header.get("DISTSTD")
    if not isinstance(mean, (int, float)) or not np.isfinite(mean):
        return None
    known = isinstance(std, (int, float)) and np.isfinite(std)
    return float(mean), float(std) if known else None

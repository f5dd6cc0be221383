# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Sky maps: FITS bytes to pixels, each with its probability density and credible level.

Multi-order maps (columns UNIQ and PROBDENSITY: LVK, IceCube) and flat HEALPix maps in
either ordering (GBM) are read. The credible level of a pixel is the probability of all
pixels that are denser: it is 0 at the best place, and the region of a credible level
includes the pixel that crosses its edge.
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
from astropy_healpix import uniq_to_level_ipix
from cdshealpix import from_ring

from fink_voevent.errors import NoticeError
from fink_voevent.sky.localization import COVER_LEVEL, DEG2_PER_SR

ORDER = 29
MAX_BYTES = 2**28  # of a map, uncompressed: a flat map of nside 2048 has 200 MB
# If the 99 % region of a flat map has more pixels than this, pixels are merged by four
# and their densities averaged.
MAX_PIXELS = 200_000
# What astropy raises for bytes that only look like FITS.
_READ_ERRORS = (
    *(OSError, EOFError, zlib.error, fits.VerifyError, ArithmeticError),
    *(AttributeError, LookupError, TypeError, ValueError),
)
_DENSITY_COLUMNS = ("PROBDENSITY",)
_PROBABILITY_COLUMNS = ("PROB", "PROBABILITY", "T")


@dataclass(frozen=True)
class SkyMap:
    """Pixels of the 99 % region of a map, sorted by HEALPix index.

    Parameters
    ----------
    lo, hi : ndarray of int64, shape (n,)
        Range of order-29 nested indices of each pixel, half-open; sorted and disjoint.
    level : ndarray of float64, shape (n,)
        Probability of all pixels denser than this one, 0-1.
    density : ndarray of float64, shape (n,)
        Probability density, sr-1. It integrates to 1 over the whole map.
    distance : tuple of float or None
        Mean and standard deviation of the distance, Mpc.
    """

    lo: np.ndarray
    hi: np.ndarray
    level: np.ndarray
    density: np.ndarray
    distance: tuple[float, float | None] | None = None

    def area_deg2(self, level: float) -> float:
        """Return the area (deg2) of a credible region.

        The pixel that crosses the edge of the region is included.

        Parameters
        ----------
        level : float
            Credible level, 0-0.99.
        """
        cells = (self.hi - self.lo)[self.level < level].sum()
        return float(cells * solid_angle_sr(1) * DEG2_PER_SR)

    def ranges(self) -> list[tuple[int, int]]:
        """Return sorted, disjoint ranges of the region; adjacent pixels are merged."""
        first = np.append(True, self.lo[1:] > self.hi[:-1])
        last = np.append(first[1:], True)
        return list(zip(self.lo[first].tolist(), self.hi[last].tolist(), strict=True))


def solid_angle_sr(cells: Any) -> Any:
    """Return the solid angle (sr) of a number of cells of order 29, scalar or array."""
    return cells * (4 * np.pi / (12 << 2 * ORDER))


def read(content: bytes) -> SkyMap:
    """Read a sky map.

    Parameters
    ----------
    content : bytes
        A FITS file, compressed with gzip or not.

    Returns
    -------
    SkyMap
        The pixels of the 99 % region.

    Raises
    ------
    NoticeError
        If it cannot be read as a sky map, or contains no probability. The message is
        the reason.
    """
    try:
        table, header = _table(_uncompressed(content))
        lo, hi, density = _pixels(table, header)
    except _READ_ERRORS as error:
        raise NoticeError(f"the sky map cannot be read: {error}") from None
    density = np.where(np.isfinite(density) & (density > 0), density, 0.0)
    return replace(from_pixels(lo, hi, density), distance=_distance(header))


def from_pixels(lo: np.ndarray, hi: np.ndarray, density: np.ndarray) -> SkyMap:
    """Return the sky map of disjoint pixels.

    Parameters
    ----------
    lo, hi : ndarray of int64, shape (n,)
        Range of order-29 nested indices of each pixel, half-open, in any order.
    density : ndarray of float64, shape (n,)
        Probability density of each pixel, 0 or more, in any unit.

    Raises
    ------
    NoticeError
        If the pixels contain no probability.
    """
    total = float(np.sum(density * solid_angle_sr(hi - lo)))
    if not 0 < total < np.inf:
        raise NoticeError("the sky map contains no probability")
    rank = np.argsort(lo)
    return SkyMap(*_credible_region(lo[rank], hi[rank], density[rank] / total))


def _uncompressed(content: bytes) -> bytes:
    if content[:2] == b"\x1f\x8b":
        with gzip.open(io.BytesIO(content)) as stream:
            content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES} bytes")
    return content


def _table(content: bytes) -> tuple[Any, Any]:
    """Return data and header of the first table of a FITS file."""
    with warnings.catch_warnings():
        # A fault that matters raises an error, in this function or in `_pixels`.
        warnings.simplefilter("ignore", AstropyWarning)
        with fits.open(io.BytesIO(content)) as file:
            table = next((h for h in file if isinstance(h, fits.BinTableHDU)), None)
            if table is None:
                raise ValueError("it has no table")
            return table.data, table.header


def _pixels(table: Any, header: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ranges lo and hi, and densities in any unit, of all pixels; each (n,)."""
    if str(header.get("COORDSYS", "C")).strip().upper()[:1] not in ("C", "E", ""):
        raise ValueError(f"its frame is {header['COORDSYS']!r}, not equatorial")
    names = {name.upper(): name for name in table.columns.names}
    known = (*_DENSITY_COLUMNS, *_PROBABILITY_COLUMNS)
    column = next((name for name in known if name in names), None)
    if column is None:
        raise ValueError("it has no column PROBDENSITY or PROB")
    values = np.asarray(table[names[column]], dtype=np.float64).ravel()
    if "UNIQ" in names:
        lo, hi = _uniq_ranges(np.asarray(table[names["UNIQ"]], dtype=np.int64))
        if column in _PROBABILITY_COLUMNS:
            values = values / solid_angle_sr(hi - lo)
        return lo, hi, values
    if len(values) < int(header.get("NAXIS2", 0)):
        raise ValueError("it covers only a part of the sky, and has no column UNIQ")
    return _flat_pixels(values, str(header.get("ORDERING", "")).strip().upper())


def _uniq_ranges(uniq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ranges lo and hi at order 29 of UNIQ = 4^(order + 1) + index; each (n,)."""
    if len(uniq) == 0 or uniq.min() < 4 or uniq.max() >= 16 << 2 * ORDER:
        raise ValueError("its column UNIQ is empty or out of range")
    order, index = uniq_to_level_ipix(uniq)
    if index.min() < 0:  # astropy-healpix before 2.0, at the end of orders from 24 on
        raise ValueError("its column UNIQ is too fine to be decoded")
    shift = 2 * (ORDER - order)
    return index << shift, (index + 1) << shift


def _flat_pixels(
    values: np.ndarray, ordering: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ranges and densities of a flat map, as `_pixels` returns them."""
    order = round(np.log2(max(len(values), 12) / 12) / 2)
    if len(values) != 12 << 2 * order or ordering not in ("NESTED", "NEST", "RING"):
        raise ValueError(
            f"{len(values)} pixels in ordering {ordering!r} are not a HEALPix map"
        )
    index = np.arange(len(values), dtype=np.int64)
    if ordering == "RING":
        index = from_ring(index.astype(np.uint64), order).astype(np.int64)
    nested = np.empty_like(values)
    nested[index] = values
    return _merged_pixels(nested, order)


def _merged_pixels(
    values: np.ndarray, order: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ranges and densities of nested values; four equal neighbours become one pixel.

    Four neighbours that differ are merged too, as long as the 99 % region of the map
    has more than `MAX_PIXELS` pixels.
    """
    while order > 0 and _region_size(values) > MAX_PIXELS:
        values, order = values.reshape(-1, 4).mean(axis=1), order - 1
    index = np.arange(len(values), dtype=np.int64)
    parts = []
    while order > 0 and len(index):
        first = np.flatnonzero(index % 4 == 0)
        first = first[first + 3 < len(index)]
        are_equal = (index[first + 3] == index[first] + 3) & np.all(
            [values[first + k] == values[first] for k in (1, 2, 3)], axis=0
        )
        merged = first[are_equal]
        remaining = np.ones(len(index), dtype=bool)
        for k in range(4):
            remaining[merged + k] = False
        parts.append((index[remaining], order, values[remaining]))
        index, values, order = index[merged] // 4, values[merged], order - 1
    parts.append((index, order, values))
    lo = np.concatenate([i << 2 * (ORDER - o) for i, o, _ in parts])
    hi = np.concatenate([(i + 1) << 2 * (ORDER - o) for i, o, _ in parts])
    return lo, hi, np.concatenate([v for _, _, v in parts])


def _region_size(values: np.ndarray) -> int:
    """Count the pixels of the 99 % region, given pixels of equal area."""
    descending = np.sort(values[np.isfinite(values) & (values > 0)])[::-1]
    if len(descending) == 0:
        return 0
    enclosed = np.cumsum(descending)
    return int(np.searchsorted(enclosed, COVER_LEVEL * enclosed[-1])) + 1


def _credible_region(
    lo: np.ndarray, hi: np.ndarray, density: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Fields lo, hi, level and density of `SkyMap`, within `COVER_LEVEL`.

    Densities (sr-1) integrate to 1. Pixels of equal density have the same level.
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
    """Mean and standard deviation of the distance (Mpc), if the header has them."""
    mean, std = header.get("DISTMEAN"), header.get("DISTSTD")
    if not isinstance(mean, (int, float)) or not np.isfinite(mean):
        return None
    is_known = isinstance(std, (int, float)) and np.isfinite(std)
    return float(mean), float(std) if is_known else None

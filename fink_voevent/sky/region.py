# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A region of any kind as one object: credible level at places, area, contours' grid.

Circles and ellipses are Fisher distributions (see `localization`); sky maps, error
boxes and asymmetric errors are pixels (see `skymap`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from cdshealpix.nested import healpix_to_lonlat, lonlat_to_healpix

from fink_voevent.sky.localization import (
    DEG2_PER_SR,
    ORDER,
    ORDER_29_CELLS,
    Ellipse,
    Fisher,
    area_deg2,
)

Reals = npt.NDArray[np.float64]
OUTSIDE = 1.0  # credible level of places outside the 99 % region of pixels
GOLDEN_ANGLE = math.pi * (3.0 - math.sqrt(5.0))
CELL_SR = 4.0 * math.pi / ORDER_29_CELLS
_PLACES = 4000  # that represent a circle or an ellipse


class RegionPixels(NamedTuple):
    """Pixels of a region: see the table regions.

    Parameters
    ----------
    lo, hi : ndarray of int64, shape (n,)
        Range of order-29 nested indices of each pixel, half-open; sorted and disjoint.
    level : ndarray of float64, shape (n,)
        Credible level of each, 0-1.
    density : ndarray of float64, shape (n,)
        Probability density of each, sr-1.
    """

    lo: npt.NDArray[np.int64]
    hi: npt.NDArray[np.int64]
    level: Reals
    density: Reals


class Places(NamedTuple):
    """Places that represent a region, each with its share of the probability.

    Parameters
    ----------
    ra, dec : ndarray of float64, shape (n,)
        Degrees, ICRS.
    probability : ndarray of float64, shape (n,)
        Adds up to 1, or 0.99 for pixels, of which the 99 % region is known.
    """

    ra: Reals
    dec: Reals
    probability: Reals


@dataclass(frozen=True)
class Region:
    """Where an event may be.

    Parameters
    ----------
    ra, dec : float
        Centre (deg, ICRS): the position of the notice, or the most probable pixel.
    fisher : Fisher or None
        Of a circle.
    ellipse : Ellipse or None
        Of an ellipse; it replaces the circle.
    pixels : RegionPixels or None
        Of anything else; they replace both.
    """

    ra: float
    dec: float
    fisher: Fisher | None = None
    ellipse: Ellipse | None = None
    pixels: RegionPixels | None = None

    @property
    def kind(self) -> str:
        """Return circle, ellipse or pixels."""
        if self.pixels is not None:
            return "pixels"
        return "circle" if self.ellipse is None else "ellipse"

    def level_at(self, ra_deg: npt.ArrayLike, dec_deg: npt.ArrayLike) -> Reals:
        """Return the credible level at places.

        Parameters
        ----------
        ra_deg, dec_deg : array_like
            Places (deg, ICRS), of one shape. NaN is no place.

        Returns
        -------
        ndarray of float64
            0-1, of the same shape; `OUTSIDE` outside the pixels and where there is no
            place.
        """
        ra, dec = np.broadcast_arrays(
            np.asarray(ra_deg, float), np.asarray(dec_deg, float)
        )
        levels = np.full(ra.shape, OUTSIDE)
        is_place = np.isfinite(ra) & np.isfinite(dec)
        if self.pixels is not None:
            found = _pixel_levels(self.pixels, ra[is_place], dec[is_place])
        else:
            found = self._shape_levels(ra[is_place], dec[is_place])
        levels[is_place] = found
        return levels

    def _shape_levels(self, ra: Reals, dec: Reals) -> Reals:
        half_chord2, angle = _polar(self.ra, self.dec, ra, dec)
        if self.ellipse is not None:
            turn = angle - math.radians(self.ellipse.angle)
            kappa = (
                self.ellipse.major_kappa * np.cos(turn) ** 2
                + self.ellipse.minor_kappa * np.sin(turn) ** 2
            )
            return -np.expm1(-2.0 * kappa * half_chord2)
        fisher = _given(self.fisher)
        parts = (
            np.expm1(-2.0 * kappa * half_chord2) / math.expm1(-2.0 * kappa)
            for kappa in (fisher.core_kappa, fisher.tail_kappa)
        )
        core, tail = parts
        return fisher.fraction * core + (1.0 - fisher.fraction) * tail

    def area_deg2(self, level: float) -> float:
        """Return the area (deg2) of a credible region, `level` below 0.99."""
        if self.pixels is not None:
            cells = (self.pixels.hi - self.pixels.lo)[self.pixels.level < level].sum()
            return float(cells * CELL_SR * DEG2_PER_SR)
        if self.ellipse is not None:
            return self.ellipse.area_deg2(level)
        return area_deg2(_given(self.fisher).radius_deg(level))

    def radius_deg(self, level: float) -> float:
        """Return a radius (deg) around the centre that contains a credible region."""
        if self.pixels is not None:
            inside = self.pixels.level < level
            ra, dec = _centres(self.pixels.lo[inside], self.pixels.hi[inside])
            half_chord2, _ = _polar(self.ra, self.dec, ra, dec)
            return float(np.degrees(2.0 * np.arcsin(np.sqrt(half_chord2.max()))))
        if self.ellipse is not None:
            return self.ellipse.radius_deg(level)
        return _given(self.fisher).radius_deg(level)

    def pixel_deg(self) -> float:
        """Return the median side (deg) of the pixels of the 90 % region, or 0."""
        if self.pixels is None:
            return 0.0
        sizes = (self.pixels.hi - self.pixels.lo)[self.pixels.level < 0.9]
        return math.sqrt(float(np.median(sizes)) * CELL_SR * DEG2_PER_SR)

    def places(self) -> Places:
        """Return places that represent the region, for sums over its probability."""
        if self.pixels is not None:
            lo, hi = self.pixels.lo, self.pixels.hi
            return Places(*_centres(lo, hi), self.pixels.density * (hi - lo) * CELL_SR)
        rank = np.arange(_PLACES)
        share, turn = (rank + 0.5) / _PLACES, rank * GOLDEN_ANGLE
        if self.ellipse is not None:
            along = np.cos(turn) / math.sqrt(self.ellipse.major_kappa)
            across = np.sin(turn) / math.sqrt(self.ellipse.minor_kappa)
            chord2 = -np.log1p(-share) / 2.0 * np.hypot(along, across) ** 2
            angle = np.arctan2(across, along) + math.radians(self.ellipse.angle)
        else:
            radii = [_given(self.fisher).radius_deg(s) for s in share[::20]]
            grid = np.interp(share, share[::20], radii)
            chord2, angle = np.sin(np.radians(grid) / 2.0) ** 2, turn
        ra, dec = _offset(self.ra, self.dec, np.minimum(chord2, 1.0), angle)
        return Places(ra, dec, np.full(_PLACES, 1.0 / _PLACES))


def from_row(row: Mapping[str, Any]) -> Region | None:
    """Return the region of a notice; None if it has none.

    Parameters
    ----------
    row : mapping
        `ra`, `dec`, `fisher` and `ellipse` of the table events, and `pixels` of the
        table regions.
    """
    pixels = row.get("pixels")
    if pixels:
        return _of_pixels(pixels)
    if row["ra"] is None or row["fisher"] is None:
        return None
    ellipse = None if row["ellipse"] is None else Ellipse(**row["ellipse"])
    return Region(row["ra"], row["dec"], Fisher(**row["fisher"]), ellipse)


def _of_pixels(pixels: list[Mapping[str, Any]]) -> Region:
    found = RegionPixels(
        np.array([pixel["lo"] for pixel in pixels], np.int64),
        np.array([pixel["hi"] for pixel in pixels], np.int64),
        np.array([pixel["level"] for pixel in pixels], np.float64),
        np.array([pixel["density"] for pixel in pixels], np.float64),
    )
    rank = np.argsort(found.lo, kind="stable")
    arrays = RegionPixels(
        found.lo[rank], found.hi[rank], found.level[rank], found.density[rank]
    )
    best = int(np.argmin(arrays.level))
    ra, dec = _centres(arrays.lo[best : best + 1], arrays.hi[best : best + 1])
    return Region(float(ra[0]), float(dec[0]), pixels=arrays)


def _given(fisher: Fisher | None) -> Fisher:
    if fisher is None:
        raise ValueError("a region without pixels and ellipse needs a circle")
    return fisher


def cells_of(ra_deg: npt.ArrayLike, dec_deg: npt.ArrayLike, order: int) -> Any:
    """Return nested HEALPix indices (int64) of places (deg, ICRS) at an order."""
    import astropy.units as u
    from astropy.coordinates import Latitude, Longitude

    lon = Longitude(np.atleast_1d(np.asarray(ra_deg, float)), u.deg)
    lat = Latitude(np.atleast_1d(np.asarray(dec_deg, float)), u.deg)
    return lonlat_to_healpix(lon, lat, order).astype(np.int64)


def _pixel_levels(pixels: RegionPixels, ra: Reals, dec: Reals) -> Reals:
    index = cells_of(ra, dec, ORDER)
    position = np.searchsorted(pixels.lo, index, "right") - 1
    clipped = np.maximum(position, 0)
    is_inside = (position >= 0) & (index < pixels.hi[clipped])
    return np.where(is_inside, pixels.level[clipped], OUTSIDE)


def _centres(
    lo: npt.NDArray[np.int64], hi: npt.NDArray[np.int64]
) -> tuple[Reals, Reals]:
    """Centres (deg) of pixels; of a range of several cells, about its middle."""
    order = ORDER - (np.log2((hi - lo).astype(float)) / 2.0 + 1e-9).astype(int)
    lon, lat = healpix_to_lonlat(lo >> (2 * (ORDER - order)), order.astype(np.uint8))
    return lon.deg, lat.deg


def _polar(
    ra0_deg: float, dec0_deg: float, ra_deg: Reals, dec_deg: Reals
) -> tuple[Reals, Reals]:
    """Square of half the chord from a place to others, and position angle (rad)."""
    ra0, dec0 = math.radians(ra0_deg), math.radians(dec0_deg)
    delta, dec = np.radians(ra_deg) - ra0, np.radians(dec_deg)
    half_chord2 = (
        np.sin((dec - dec0) / 2.0) ** 2
        + math.cos(dec0) * np.cos(dec) * np.sin(delta / 2.0) ** 2
    )
    east = np.cos(dec) * np.sin(delta)
    north = math.cos(dec0) * np.sin(dec) - math.sin(dec0) * np.cos(dec) * np.cos(delta)
    return np.minimum(half_chord2, 1.0), np.arctan2(east, north)


def separation_deg(
    ra0_deg: float, dec0_deg: float, ra_deg: npt.ArrayLike, dec_deg: npt.ArrayLike
) -> Reals:
    """Return angles (deg) from one place to others (deg, ICRS)."""
    ra, dec = np.asarray(ra_deg, float), np.asarray(dec_deg, float)
    half_chord2, _ = _polar(ra0_deg, dec0_deg, ra, dec)
    return np.degrees(2.0 * np.arcsin(np.sqrt(half_chord2)))


def _offset(
    ra_deg: float, dec_deg: float, half_chord2: Reals, angle: Reals
) -> tuple[Reals, Reals]:
    """Places at an angle and a position angle (rad) from another, in degrees."""
    ra0, dec0 = math.radians(ra_deg), math.radians(dec_deg)
    theta = 2.0 * np.arcsin(np.sqrt(half_chord2))
    sine = math.sin(dec0) * np.cos(theta) + math.cos(dec0) * np.sin(theta) * np.cos(
        angle
    )
    east = np.sin(angle) * np.sin(theta) * math.cos(dec0)
    north = np.cos(theta) - math.sin(dec0) * sine
    ra = np.degrees(ra0 + np.arctan2(east, north)) % 360.0
    return ra, np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0)))

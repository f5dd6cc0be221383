# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What part of an event's region a survey has observed, and how deep.

Alerts show where a survey has observed: a HEALPix cell of `ORDER` is observed if an
alert of any kind lies in it, within the window of the event. A cell that was observed
without any alert is missed, so the observed share is a lower limit; with 10 alerts per
deg2 and night it misses 3e-15 of the cells, with 0.5 it misses a fifth.

The depth of a cell is the limit of its deepest exposure. Where no limit is known, it is
the faintest magnitude among its alerts, which is brighter than the limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from astropy import units as u
from astropy.coordinates import SkyCoord
from cdshealpix.nested import lonlat_to_healpix

from fink_voevent.sky.localization import ORDER as FINEST
from fink_voevent.sky.localization import Ellipse, Fisher

ORDER = 5  # HEALPix order of the cells: 3.4 deg2 each
CELLS = 12 << 2 * ORDER
CELL_DEG2 = 4 * math.pi / CELLS * math.degrees(1) ** 2
RINGS, IN_RING = 128, 64  # positions of equal probability in a circle or an ellipse
_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))  # rings are turned: none align
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Searched:
    """What was observed of the region of an event.

    Parameters
    ----------
    share : float
        Observed share of the probability of the event, 0-1: of its whole probability,
        that outside of the matched region included.
    area_deg2 : float
        Area of the cells that were observed and have any of that probability.
    depth : float or None
        Magnitude (AB) to which half of the observed share was observed, or deeper;
        None if no magnitude is known.
    first_days, last_days : float or None
        First and last exposure in these cells, days from the event; None if the share
        is 0.
    """

    share: float
    area_deg2: float = 0.0
    depth: float | None = None
    first_days: float | None = None
    last_days: float | None = None

    @property
    def sentence(self) -> str:
        """The result in words."""
        if self.first_days is None or self.last_days is None:
            return "No part of the region was observed within the window."
        depth = "" if self.depth is None else f" to {self.depth:.1f} mag"
        return (
            f"{self.share:.0%} of the probability was observed{depth}, from"
            f" {self.first_days:.1f} to {self.last_days:.1f} d after the event"
            f" ({self.area_deg2:.0f} deg2)."
        )


def shares_of_pixels(
    lo: npt.ArrayLike, hi: npt.ArrayLike, density: npt.ArrayLike
) -> Shares:
    """Probability of a sky map in each cell.

    Parameters
    ----------
    lo, hi : array_like of int, shape (n,)
        Nested indices of order 29 of its pixels, half-open; no two overlap.
    density : array_like of float, shape (n,)
        Probability density of each pixel (sr-1).

    Returns
    -------
    ndarray, shape (CELLS,)
        Sums to the probability of the pixels, 0-1.
    """
    first, last = np.asarray(lo, np.int64), np.asarray(hi, np.int64)
    rank = np.argsort(first)
    first, last = first[rank], last[rank]
    solid_angle = (last - first) * (4 * math.pi / (12 << 2 * FINEST))
    probability = np.asarray(density, np.float64)[rank] * solid_angle
    # The cumulative probability is linear within a pixel, and constant between two.
    at = np.stack([first, last], axis=1).ravel().astype(np.float64)
    total = np.cumsum(probability)
    upto = np.stack([total - probability, total], axis=1).ravel()
    edges = np.arange(CELLS + 1, dtype=np.float64) * float(1 << 2 * (FINEST - ORDER))
    shares: Shares = np.diff(np.interp(edges, at, upto, left=0.0))
    return shares


def shares_of_circle(
    centre_deg: tuple[float, float], region: Fisher, level: float
) -> Shares:
    """Probability of a circular region in each cell.

    Parameters
    ----------
    centre_deg : tuple of float
        Right ascension and declination (deg).
    region : Fisher
    level : float
        Credible level within which the region is matched, 0-1.

    Returns
    -------
    ndarray, shape (CELLS,)
        Sums to `level`; computed at `RINGS` times `IN_RING` positions of equal
        probability.
    """
    middle = (np.arange(RINGS) + 0.5) / RINGS * level
    radius = np.array([region.radius_deg(p) for p in middle])
    turn = np.degrees(_turns())
    distance = np.broadcast_to(radius[:, None], turn.shape)
    return _shares(centre_deg, distance, turn, level)


def shares_of_ellipse(
    centre_deg: tuple[float, float], region: Ellipse, level: float
) -> Shares:
    """Probability of an elliptical region in each cell; as `shares_of_circle`."""
    middle = (np.arange(RINGS) + 0.5) / RINGS * level
    scale = np.sqrt(-np.log1p(-middle) / 2)[:, None]
    turn = _turns()
    along = np.cos(turn) * scale / math.sqrt(region.major_kappa)
    across = np.sin(turn) * scale / math.sqrt(region.minor_kappa)
    distance = np.degrees(2 * np.arcsin(np.minimum(np.hypot(along, across), 1)))
    angle = np.degrees(np.arctan2(across, along)) + region.angle
    return _shares(centre_deg, distance, angle, level)


def _turns() -> npt.NDArray[np.float64]:
    """Angles (rad) of the positions of all rings, shape (RINGS, IN_RING)."""
    step = 2 * math.pi * np.arange(IN_RING) / IN_RING
    return step + np.arange(RINGS)[:, None] * _GOLDEN_ANGLE


def _shares(
    centre_deg: tuple[float, float],
    distance_deg: npt.NDArray[np.float64],
    angle_deg: npt.NDArray[np.float64],
    level: float,
) -> Shares:
    """Share of positions, given from the centre, in each cell; sums to `level`."""
    centre = SkyCoord(*centre_deg, unit="deg")
    places = centre.directional_offset_by(
        angle_deg.ravel() * u.deg, distance_deg.ravel() * u.deg
    )
    cells = lonlat_to_healpix(places.ra, places.dec, ORDER).astype(np.int64)
    counts = np.bincount(cells, minlength=CELLS).astype(np.float64)
    return counts * (level / len(cells))


def searched(
    shares: Shares, alerts: pa.Table, event_time: datetime, window: Sequence[float]
) -> Searched:
    """Find what was observed of a region.

    Parameters
    ----------
    shares : ndarray, shape (CELLS,)
        Probability of the event in each cell, of `shares_of_pixels` and the like.
    alerts : pyarrow.Table
        Thin alerts of the survey, of any kind: `hpx29`, `alert_time`, `magnitude` and
        `exposure_limit` of the table alerts.
    event_time : datetime
        UTC.
    window : sequence of float
        Days before and after the event.
    """
    before, after = (timedelta(days=days) for days in window)
    in_window = (pc.field("alert_time") >= event_time - before) & (
        pc.field("alert_time") <= event_time + after
    )
    inside = alerts.filter(in_window)
    cells = inside["hpx29"].to_numpy() >> 2 * (FINEST - ORDER)
    inside = inside.filter(pa.array(shares[cells] > 0))
    cells = cells[shares[cells] > 0]
    if not len(cells):
        return Searched(0.0)
    observed = np.unique(cells)
    delay = pc.subtract(inside["alert_time"], pa.scalar(event_time))
    days = delay.cast("duration[us]").cast("int64").to_numpy() / 86_400e6
    return Searched(
        share=float(shares[observed].sum()),
        area_deg2=len(observed) * CELL_DEG2,
        depth=_depth(shares, cells, inside),
        first_days=float(days.min()),
        last_days=float(days.max()),
    )


def _depth(
    shares: Shares, cells: npt.NDArray[np.int64], alerts: pa.Table
) -> float | None:
    """Depth (mag) that half of the probability of the observed cells reaches."""
    limit = pc.coalesce(alerts["exposure_limit"], alerts["magnitude"])
    magnitude = limit.to_numpy(zero_copy_only=False)
    is_known = np.isfinite(magnitude)
    if not is_known.any():
        return None
    deepest = np.full(CELLS, -np.inf)
    np.maximum.at(deepest, cells[is_known], magnitude[is_known])
    known = np.flatnonzero(np.isfinite(deepest))
    rank = known[np.argsort(-deepest[known])]  # the deepest first
    upto = np.cumsum(shares[rank])
    return float(deepest[rank[np.searchsorted(upto, upto[-1] / 2)]])

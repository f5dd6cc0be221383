# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Which part of a region was searched: the negative result, also with candidates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fink_voevent.sky.region import Region, cells_of

ORDER = 6  # of the HEALPix cells in which alerts are looked for
CELL_DEG2 = 41252.96 / (12 << 2 * ORDER)
FAINT_PERCENT = 95.0  # of the magnitudes of the alerts: how deep was searched


@dataclass(frozen=True)
class Searched:
    """The part of a region with alerts after the event.

    Parameters
    ----------
    share : float
        Least probability that was searched, 0-1: cells without an alert count as not
        searched, whether they were observed or not.
    area_deg2 : float or None
        Area of the 90 % region that was searched; None of circles and ellipses.
    first_days, last_days : float
        First and last alert, days since the event.
    depths : tuple of (str, float)
        Band, and the magnitude up to which 95 % of its alerts are brighter.
    """

    share: float
    area_deg2: float | None
    first_days: float
    last_days: float
    depths: tuple[tuple[str, float], ...]


def searched(region: Region, rows: Iterable[Mapping[str, Any]]) -> Searched | None:
    """Return which part of a region has alerts after the event.

    Parameters
    ----------
    region : Region
    rows : iterable of mapping
        Rows of the table coincidences of the event: all alerts of its region and window
        are among them.

    Returns
    -------
    Searched or None
        None if there is no alert after the event.
    """
    after = [row for row in rows if row["delay"] > 0]
    if not after:
        return None
    ra, dec = [r["alert_ra"] for r in after], [r["alert_dec"] for r in after]
    cells = np.unique(cells_of(ra, dec, ORDER))
    places = region.places()
    is_searched = np.isin(cells_of(places.ra, places.dec, ORDER), cells)
    area = None
    if region.pixels is not None:
        is_inside = region.pixels.level < 0.9
        sizes = (region.pixels.hi - region.pixels.lo)[is_inside & is_searched]
        area = float(sizes.sum() * CELL_DEG2 / float(1 << 2 * (29 - ORDER)))
    delays = [row["delay"] for row in after]
    return Searched(
        float(places.probability[is_searched].sum()),
        area,
        min(delays),
        max(delays),
        _depths(after),
    )


def _depths(rows: list[Mapping[str, Any]]) -> tuple[tuple[str, float], ...]:
    magnitudes: dict[str, list[float]] = {}
    for row in rows:
        if row["magnitude"] is not None and row["band"]:
            magnitudes.setdefault(row["band"], []).append(row["magnitude"])
    order = {band: number for number, band in enumerate("ugrizy")}
    return tuple(
        (band, float(np.percentile(values, FAINT_PERCENT)))
        for band, values in sorted(
            magnitudes.items(), key=lambda item: (order.get(item[0], 9), item[0])
        )
    )

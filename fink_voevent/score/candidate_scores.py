# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The expected numbers of unrelated candidates, from background rates by class.

A candidate belongs to a list of its event: that of its class, apart for one and for two
detections. The list gives the expected number of unrelated candidates in the region and
the window, and the share of them at places as probable. The lists of an event that lead
to silver share one budget: see `class_rates.budget`.

Without Spark: Arrow tables and numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fink_voevent.score import ranks
from fink_voevent.score.candidates import VALID, Windows, with_chance
from fink_voevent.score.class_counts import CLASSES, SPAN_DAYS
from fink_voevent.score.class_rates import (
    FLARING_SHARE,
    ClassList,
    ClassSnapshot,
    budget,
    class_list,
)
from fink_voevent.score.classes import FLARING, FRESH, FRESH_UNKNOWN
from fink_voevent.score.map_distances import MapDistances, map_distances

Lists = Mapping[str, ClassList]  # by name: `class_counts.CLASSES`


class EventRegion(NamedTuple):
    """Region of an event, as it is matched.

    Parameters
    ----------
    region_id : str
        Key of its cells and pixels in the table regions.
    region : mapping
        `event_ra`, `event_dec` (deg), `fisher`, `ellipse` and `pixels`, and
        `pixel_distances` if the sky map has distances.
    limit : float
        Credible level up to which it is matched, 0-1.
    """

    region_id: str
    region: Mapping[str, Any]
    limit: float


ReadRegions = Callable[[Collection[str]], Iterable[EventRegion]]  # of events, by name


@dataclass
class CandidateScorer:
    """Scores candidates with one snapshot of rates by class.

    The lists of a region are computed once and kept.

    Parameters
    ----------
    snapshot : ClassSnapshot
    """

    snapshot: ClassSnapshot
    _lists: dict[str, Lists] = field(default_factory=dict)  # by region_id
    _distances: dict[str, MapDistances | None] = field(default_factory=dict)

    def score(
        self,
        candidates: pa.Table,
        region_ids: Mapping[str, str],
        windows: Windows,
        read: ReadRegions,
    ) -> pa.Table:
        """Fill in what the rates say of candidates.

        Parameters
        ----------
        candidates : pyarrow.Table
            From `candidates.from_coincidences`.
        region_ids : mapping of str to str
            Region of each event, by `event_id`.
        windows : mapping of str to (float, float)
            Window of each event: days before and after it.
        read : callable
            Reads the regions of some events; called for regions that are new.

        Returns
        -------
        pyarrow.Table
            With `total_unrelated`, `place_share`, `distance_share` (of what is new and
            has a host, in a sky map with distances), `strength_share` (of flares),
            `expected_unrelated`, `p_chance`, `background_id` and `is_upper_limit`: null
            for the class ``other``, for candidates that are withdrawn or retracted, and
            for events without a region or a window.
        """
        events = np.array(candidates["event_id"].to_pylist(), object)
        lists = self._list_names(candidates)
        usable = {e for e in set(events[lists != ""]) if e in region_ids}
        usable &= windows.keys()
        new = [e for e in sorted(usable) if region_ids[e] not in self._lists]
        for region in read(new) if new else ():
            self._lists[region.region_id] = self._integrate(region)
            self._distances[region.region_id] = map_distances(region.region)
        total, place, distance, strength = np.full((4, len(events)), np.nan)
        change = pc.fill_null(candidates["flux_change"], np.nan).to_numpy()
        is_limit = np.zeros(len(events), bool)
        level = candidates["credible_level"].to_numpy()
        messengers = np.array(candidates["messenger"].to_pylist(), object)
        for event in sorted(usable):
            of_region = self._lists.get(region_ids[event])
            if of_region is None:
                continue
            of_event = events == event
            messenger = messengers[of_event.argmax()]
            totals = charged_totals(of_region, windows[event], messenger)
            for name, one in of_region.items():
                rows = np.flatnonzero(of_event & (lists == name))
                total[rows] = totals[name]
                place[rows] = one.place_share(level[rows])
                is_limit[rows] = one.rate.is_upper_limit
                if name == FLARING:
                    strength[rows] = one.strength_share(change[rows])
                of_map = self._distances[region_ids[event]]
                if of_map is not None and name != FLARING:
                    distance[rows] = _distance_share(candidates, rows, one, of_map)
        is_scored = ~np.isnan(total)
        columns = {
            "total_unrelated": pa.array(total, mask=~is_scored),
            "place_share": pa.array(place, mask=np.isnan(place)),
            "distance_share": pa.array(distance, mask=np.isnan(distance)),
            "strength_share": pa.array(strength, mask=np.isnan(strength)),
            "background_id": pa.array(
                [self.snapshot.name if scored else None for scored in is_scored],
                pa.string(),
            ),
            "is_upper_limit": pa.array(is_limit, mask=~is_scored),
        }
        for name, values in columns.items():
            position = candidates.schema.get_field_index(name)
            candidates = candidates.set_column(position, name, values)
        return with_chance(candidates)

    def _integrate(self, one: EventRegion) -> Lists:
        return {
            name: class_list(self.snapshot, name, one.region, one.limit)
            for name in CLASSES
        }

    @staticmethod
    def _list_names(candidates: pa.Table) -> npt.NDArray[np.object_]:
        """Name of the list of each candidate; empty if it has none."""
        span = candidates["detection_span"].to_pylist()
        columns = (candidates["class"].to_pylist(), candidates["status"].to_pylist())
        names = [
            list_name(kind, days) if status in VALID else ""
            for kind, status, days in zip(*columns, span, strict=True)
        ]
        return np.array(names, object)


def _distance_share(
    candidates: pa.Table,
    rows: npt.NDArray[np.int64],
    one: ClassList,
    of_map: MapDistances,
) -> np.ndarray:
    """Share of unrelated hosts that agree as well, of rows of candidates of a list."""
    names = ("object_ra", "object_dec", "host_distance", "host_distance_error")
    ra, dec, distance, error = (
        pc.fill_null(candidates[n], np.nan).to_numpy()[rows] for n in names
    )
    return one.distance_share(distance, error, *of_map.at(ra, dec).T)


def list_name(kind: str, span_days: float | None) -> str:
    """Name the list of a candidate, one of `class_counts.CLASSES`; empty for none.

    Parameters
    ----------
    kind : str
        Its class.
    span_days : float or None
        Time between two detections.

    Examples
    --------
    >>> list_name("fresh", 0.0), list_name("fresh", 0.5), list_name("flaring", 0.5)
    ('fresh_1', 'fresh_2', 'flaring')
    """
    if kind in (FRESH, FRESH_UNKNOWN):
        return f"{kind}_{2 if (span_days or 0.0) >= SPAN_DAYS else 1}"
    return FLARING if kind == FLARING else ""


def charged_totals(
    lists: Lists, window: tuple[float, float], messenger: str
) -> dict[str, float]:
    """Compute the expected numbers of the lists of an event, each by its budget.

    Parameters
    ----------
    lists : mapping of str to ClassList
    window : tuple of float
        Days before and after the event. What is fresh appears after it.
    messenger : str
        Of the event: flares are ranked for neutrinos.

    Returns
    -------
    dict of str to float
        By name; lists that lead to no silver have no share, and are not charged.
    """
    before, after = window
    totals = {
        name: one.flares(before + after) if name == FLARING else one.total(after)
        for name, one in lists.items()
    }
    single, double = totals["fresh_1"], totals["fresh_2"]
    second = min(double / single, 1.0) if single > 0 else 1.0
    shares = budget(second, FLARING_SHARE if messenger == "neutrino" else 0.0)
    return {
        name: float(ranks.charged(total, shares[name])) if name in shares else total
        for name, total in totals.items()
    }

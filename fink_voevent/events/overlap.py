# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Whether regions overlap, by the cells that cover them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fink_voevent.errors import StorageError

# Reads the cells of regions by their `region_id`: ranges [lo, hi), shape (n, 2).
CellsOf = Callable[[Collection[str]], Mapping[str, npt.NDArray[np.int64]]]
PairOfRegions = tuple[str, str]
KEPT = 2000  # regions whose cells stay in memory, some kB each


class _Ranges(NamedTuple):
    """Ranges [lo, hi) sorted by `lo`; `hi` is the furthest of all up to here."""

    lo: npt.NDArray[np.int64]
    hi: npt.NDArray[np.int64]

    @classmethod
    def of(cls, cells: Any) -> _Ranges:
        ranges = np.asarray(cells, np.int64).reshape(-1, 2)
        ranges = ranges[np.argsort(ranges[:, 0], kind="stable")]
        return cls(ranges[:, 0], np.maximum.accumulate(ranges[:, 1]))

    def overlap(self, other: _Ranges) -> bool:
        """Whether a range has a part in common with one of the others."""
        starting = np.searchsorted(self.lo, other.hi)  # so many start before its end
        has_any = starting > 0
        furthest = self.hi[starting[has_any] - 1]
        return bool(np.any(furthest > other.lo[has_any]))


class Overlaps:
    """Finds regions that overlap, and keeps the cells that it has read.

    Parameters
    ----------
    cells_of : callable
        See `CellsOf`.
    """

    def __init__(self, cells_of: CellsOf) -> None:
        self._cells_of = cells_of
        self._kept: dict[str, _Ranges] = {}  # the last used ones last

    def among(self, pairs: Collection[PairOfRegions]) -> set[PairOfRegions]:
        """Select the pairs of regions that overlap.

        Parameters
        ----------
        pairs : collection of (str, str)
            Values of `region_id`. Their cells are read with one call.

        Raises
        ------
        StorageError
            If there are no cells for a region.
        """
        different = {pair for pair in pairs if pair[0] != pair[1]}
        ranges = self._ranges({region for pair in different for region in pair})
        found = {(a, b) for a, b in different if ranges[a].overlap(ranges[b])}
        return found | {pair for pair in pairs if pair[0] == pair[1]}

    def _ranges(self, regions: set[str]) -> dict[str, _Ranges]:
        found = {r: self._kept.pop(r) for r in regions & self._kept.keys()}
        missing = sorted(regions - found.keys())
        if missing:
            cells = self._cells_of(missing)
            lacking = [region for region in missing if region not in cells]
            if lacking:
                raise StorageError(
                    f"the table regions has no cells of {len(lacking)} regions, the"
                    f" first is {lacking[0]}: restore its files, or the table events"
                )
            found |= {region: _Ranges.of(cells[region]) for region in missing}
        self._kept |= found
        for region in list(self._kept)[: max(0, len(self._kept) - KEPT)]:
            del self._kept[region]
        return found

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What the object of a candidate is, and the class of a candidate.

Each class has its own rate of unrelated candidates. The rules are the same for
candidates and for the background. They take arrays of one element a candidate; of
flags, -1 is unknown, 0 false and 1 true, and NaN is an unknown number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FRESH, FRESH_UNKNOWN, FLARING, OTHER = "fresh", "fresh_unknown", "flaring", "other"
CLASSES = (FRESH, FRESH_UNKNOWN, FLARING, OTHER)
SOURCE, ACTIVE_NUCLEUS = "source", "active_nucleus"

# Days before the event up to which a last upper limit shows that an object is new. It
# has to be twice the time after which a survey observes a field again (two to three
# days for ZTF, three to four for Rubin in any band), because of the weather, or one in
# ten counterparts has no such limit; and no longer, because each day adds the objects
# of one more day, supernovae for the most part, to those that are unrelated.
LIMIT_DAYS = 7.0
# Neutrinos come from sources that brighten over weeks, and from few directions: a gap
# of bad weather is allowed too.
LIMIT_DAYS_OF = {"neutrino": 10.0}
# Angle from the centre of a host (deg) within which an object can be its nucleus: the
# positions of alerts and of galaxies differ by up to an arcsecond (Patterson et al.
# 2019, PASP 131, 018001; van Velzen et al. 2021, ApJ 908, 4 use 0.6 arcsec).
NUCLEAR_DEG = 1.0 / 3600

Texts = npt.NDArray[np.object_]
Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Objects:
    """What is known of objects from all of their alerts: arrays of one shape.

    Parameters
    ----------
    positive, stellar, variable, active_nucleus, moving, extragalactic : ndarray of int8
        See the table candidates.
    host_separation : ndarray
        Degrees.
    flux_change : ndarray
        Magnitudes, positive if the object is brighter than its reference.
    """

    positive: Flags
    stellar: Flags
    variable: Flags
    active_nucleus: Flags
    moving: Flags
    extragalactic: Flags
    host_separation: Numbers
    flux_change: Numbers


def natures(objects: Objects) -> Texts:
    """Name what each object is: see `nature` in the table candidates.

    What is unknown excludes nothing. Evidence that an object is extragalactic is
    stronger than that of a star or a variable at its place.
    """
    is_near = objects.extragalactic != 1
    rules = (
        ("moving", objects.moving == 1),
        ("variable", is_near & (objects.variable == 1)),
        ("star", is_near & (objects.stellar == 1)),
        ("galactic", objects.extragalactic == 0),
        ("negative", objects.positive == 0),
        (ACTIVE_NUCLEUS, objects.active_nucleus == 1),
    )
    return _first_true(rules, SOURCE)


def _first_true(
    rules: Sequence[tuple[str, npt.NDArray[np.bool_]]], otherwise: str
) -> Texts:
    """Name of the first condition that is true of each element."""
    names = np.array([*(name for name, _ in rules), otherwise], object)
    conditions = np.stack([*(c for _, c in rules), np.ones(len(rules[0][1]), bool)])
    chosen: Texts = names[conditions.argmax(axis=0)]
    return chosen


def classes(
    objects: Objects,
    nature: Texts,
    onset_from: Numbers,
    onset_to: Numbers,
    messenger: Texts,
) -> Texts:
    """Class of each candidate: one of `CLASSES`.

    - ``fresh``: brighter than its reference in a good alert, and nothing says that it
      is a star, a variable, an active nucleus, galactic or moving; first detected at
      the event or later; with an upper limit at most `LIMIT_DAYS` before the event.
    - ``fresh_unknown``: the same without such a limit. An older limit leaves as much
      open as none.
    - ``flaring``: extragalactic, an active nucleus, or within `NUCLEAR_DEG` of the
      centre of its host; brighter than its reference; and not shown to have begun after
      the event: no upper limit follows the event.
    - ``other``.

    Parameters
    ----------
    objects : Objects
    nature : ndarray of str
        Of `natures`.
    onset_from, onset_to : ndarray
        Days from the event: last upper limit (NaN if there is none) and first
        detection.
    messenger : ndarray of str
        Of the event.
    """
    days = np.array([LIMIT_DAYS_OF.get(name, LIMIT_DAYS) for name in messenger], float)
    is_new = (nature == SOURCE) & (objects.positive == 1) & (onset_to >= 0)
    is_limited = onset_from >= -days  # false for NaN
    is_extragalactic = (
        (objects.extragalactic == 1)
        | (nature == ACTIVE_NUCLEUS)
        | (objects.host_separation <= NUCLEAR_DEG)
    )
    may_be_ongoing = np.isnan(onset_from) | (onset_from <= 0)
    is_flaring = (
        np.isin(nature, (SOURCE, ACTIVE_NUCLEUS))
        & is_extragalactic
        & (objects.flux_change > 0)
        & may_be_ongoing
    )
    rules = (
        (FRESH, is_new & is_limited),
        (FRESH_UNKNOWN, is_new),
        (FLARING, is_flaring),
    )
    return _first_true(rules, OTHER)

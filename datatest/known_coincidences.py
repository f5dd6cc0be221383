# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Known coincidences of events and optical objects, as published.

They are no packets of a survey: several are older than Fink, ZTF or Rubin, and most
were found by other telescopes. `Known.reconstructed` names what is not published as a
number, such as the limit that a survey would have had, and what was not compared with
the publication.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fink_voevent.sky import asymmetric_errors, localization
from fink_voevent.sky.localization import Systematic

GBM_FINAL = Systematic(0.9, 3.71, 14.3)  # Connaughton et al. 2015, ApJS 216, 32


@dataclass(frozen=True)
class Known:
    """A known coincidence.

    Parameters
    ----------
    event, object_id : str
    messenger : str
    region : callable
        Returns the region, as `class_rates.class_list` needs it.
    place : tuple of float
        Right ascension and declination of the object (deg).
    onset : float
        First detection, days from the event.
    limit : float
        Last upper limit before it, days from the event.
    span : float
        Days between the first and the last detection that are given.
    days : float
        Window after the event.
    source : str
        Where the facts are published.
    reconstructed : tuple of str
        Names of the fields that are not published as such, or were not compared.
    survey : str, optional
    flags : dict, optional
        What is known of the object: columns of coincidences.
    """

    event: str
    object_id: str
    messenger: str
    region: Callable[[], dict]
    place: tuple[float, float]
    onset: float
    limit: float
    span: float
    days: float
    source: str
    reconstructed: tuple[str, ...]
    survey: str = "ztf"
    flags: dict = field(default_factory=dict)


def circle(
    ra: float,
    dec: float,
    radius_deg: float,
    containment: float,
    systematic: Systematic | None = None,
) -> Callable[[], dict]:
    """Return a function that makes the region of an error radius (deg)."""

    def region() -> dict:
        shape = vars(localization.fisher(radius_deg, containment, systematic))
        return {"event_ra": ra, "event_dec": dec, "fisher": shape, "ellipse": None,
                "pixels": None}  # fmt: skip

    return region


def neutrino(
    ra: float, dec: float, errors_deg: tuple[float, float, float, float]
) -> Callable[[], dict]:
    """Return a function that makes the region of errors east, west, north and south.

    Parameters
    ----------
    ra, dec : float
        Degrees.
    errors_deg : tuple of float
        In right ascension and declination, of a containment of 90 %.
    """

    def region() -> dict:
        found = asymmetric_errors.region(ra, dec, errors_deg, 0.9)
        names = ("lo", "hi", "level", "density")
        columns = (getattr(found, name).tolist() for name in names)
        pixels = [dict(zip(names, row, strict=True))
                  for row in zip(*columns, strict=True)]  # fmt: skip
        return {"event_ra": ra, "event_dec": dec, "fisher": None, "ellipse": None,
                "pixels": pixels}  # fmt: skip

    return region


NEW = {"positive": True}
FLARE = {"positive": True, "extragalactic": True, "flux_change": 0.5}
KNOWN = (
    Known(
        *("GRB 130702A", "iPTF13bxl", "grb"),
        circle(218.81, 12.25, 4.02, 0.68, GBM_FINAL),
        *((217.3116, 15.7740), 0.1757, -1.2, 1.0, 7.0),
        "Singer et al. 2013, ApJ 776, L34; final position of GBM",
        ("limit", "span"),
        flags=NEW,
    ),
    Known(
        *("GRB 230827A", "AT2023qxj", "grb"),
        circle(299.32, 56.47, 2.17, 0.68, GBM_FINAL),
        # 17.11 mag 18.45 minutes after the trigger, 18.88 mag 1.7 h later; no detection
        # a day before
        *((299.63977, 54.46334), 0.01281, -0.9904, 0.0705, 7.0),
        "GCN Circular 34574",
        ("region: systematic error of GBM",),
        flags=NEW,
    ),
    Known(
        *("GRB 221009A", "afterglow", "grb"),
        circle(288.2643, 19.7730, 0.0017, 0.9),
        *((288.2646, 19.7735), 0.5, -2.5, 1.0, 7.0),
        "GCN Circulars 32632 and 32634",
        ("onset", "limit", "span"),
        flags=NEW,
    ),
    Known(
        *("EP240414a", "AT2024gsa", "xray"),
        # 1.56' from the position of WXT, whose error is 3'; the direction of the offset
        # is not needed
        circle(191.5072, -9.7191 - 1.56 / 60, 0.05, 0.9),
        # r = 21.52 mag 3.13 h after the trigger, i = 21.40 mag 0.55 h later
        *((191.50719, -9.71913), 0.1304, -3.0, 0.0229, 7.0),
        "GCN Circulars 36091 and 36094",
        ("limit", "region: direction of the offset"),
        "rubin",
        NEW,
    ),
    Known(
        *("IC170922A", "TXS 0506+056", "neutrino"),
        neutrino(77.43, 5.72, (1.30, 0.80, 0.70, 0.40)),
        # brighter than for years, by 0.5 mag in V in the 50 days before
        *((77.3582, 5.6931), -50.0, -2000.0, 60.0, 30.0),
        "GCN Circular 21916; ATel 10794",
        ("onset", "limit", "span"),
        flags={**FLARE, "active_nucleus": True},
    ),
    Known(
        *("IC191001A", "AT2019dsg", "neutrino"),
        neutrino(314.08, 12.94, (6.56, 2.26, 1.50, 1.47)),
        *((314.2623, 14.2044), -175.0, -180.0, 180.0, 30.0),
        "Stein et al. 2021, Nature Astronomy 5, 510",
        ("region", "place", "limit", "span", "flags: flux_change"),
        flags=FLARE,
    ),
    Known(
        *("IC200530A", "AT2019fdr", "neutrino"),
        neutrino(255.37, 26.61, (2.48, 2.56, 2.33, 3.28)),
        *((257.2786, 26.8557), -393.0, -400.0, 400.0, 30.0),
        "Reusch et al. 2022, Physical Review Letters 128, 221101",
        ("region", "place", "onset", "limit", "span", "flags: flux_change"),
        flags={**FLARE, "active_nucleus": True},
    ),
    Known(
        *("IC191119A", "AT2019aalc", "neutrino"),
        neutrino(230.10, 3.17, (4.76, 6.48, 3.36, 2.09)),
        # in a Seyfert galaxy; the flare began 60 days before its peak, and that was 150
        # days before the event
        *((231.06942, 4.85528), -210.0, -215.0, 210.0, 30.0),
        "van Velzen et al. 2024, MNRAS 529, 2559; AstroNote 2023-194",
        ("region", "limit", "span", "flags: flux_change"),
        flags={**FLARE, "active_nucleus": True},
    ),
)

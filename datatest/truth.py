# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""GW170817 and AT2017gfo as a notice of LVK and as alerts: a known association.

The sky map is artificial: an elongated region that contains NGC 4993 and is larger than
that of LVK (28 deg2, Abbott et al. 2017, ApJ 848, L12). Position and time of the first
alert are those of the discovery (Coulter et al. 2017, Science 358, 1556). Magnitudes
are rounded.
"""

from __future__ import annotations

import base64
import io

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time
from cdshealpix.nested import healpix_to_lonlat
from json_notices import lvk

MERGER = "2017-08-17T12:41:04.4"
CENTRE = (197.2, -24.3)  # deg
WIDTHS = (6.5, 0.95)  # deg, 1 sigma along and across
TURN_DEG = 15.0  # position angle of the long axis
DEPTH = 7
GALAXY = (197.450354, -23.381484)  # AT2017gfo, in NGC 4993
BACKGROUND = 100
RADIUS_DEG = 12.0
SEED = 20170817


def sky_map() -> bytes:
    """Return a multi-order map, all of one order: a Gaussian along an arc."""
    lon, lat = healpix_to_lonlat(np.arange(12 << 2 * DEPTH), DEPTH)
    pixels = SkyCoord(lon, lat)
    centre = SkyCoord(*CENTRE, unit="deg")
    distance = centre.separation(pixels).deg
    turn = centre.position_angle(pixels).rad - np.radians(TURN_DEG)
    along, across = distance * np.cos(turn), distance * np.sin(turn)
    density = np.exp(-((along / WIDTHS[0]) ** 2 + (across / WIDTHS[1]) ** 2) / 2)
    density[distance > 60] = 0
    area = 4 * np.pi / density.size
    kept = density > density.max() * 1e-4
    uniq = np.flatnonzero(kept) + (4 << 2 * DEPTH)
    values = density[kept] / (density[kept].sum() * area)
    columns = [
        fits.Column("UNIQ", "K", array=uniq),
        fits.Column("PROBDENSITY", "D", unit="sr-1", array=np.round(values, 6)),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    table.header.update({"ORDERING": "NUNIQ", "DISTMEAN": 40.0, "DISTSTD": 8.0})
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(stream)
    return stream.getvalue()


def merger_notice() -> bytes:
    """Return the initial notice in LVK's present format."""
    event = {
        "time": f"{MERGER}Z",
        "far": 1e-14,
        "significant": True,
        "instruments": ["H1", "L1", "V1"],
        "group": "CBC",
        "search": "AllSky",
        "properties": {"HasNS": 1.0},
        "classification": {"BNS": 1.0},
        "skymap": base64.b64encode(sky_map()).decode(),
    }
    return lvk(
        "INITIAL", event, superevent_id="S170817a", time_created="2017-08-17T17:54:51Z"
    )


def transient_and_background() -> list[tuple]:
    """Return the alerts of the transient on three nights, then unrelated alerts.

    Returns
    -------
    list of tuple
        Arguments of `ztf_alerts.alert`: object, right ascension and declination (deg),
        Julian date, magnitude, first detection and upper limit (days relative to the
        alert), SIMBAD type.
    """
    rows = [
        ("AT2017gfo", *GALAXY, Time(time).jd, mag, first, limit, "Galaxy")
        for time, mag, first, limit in (
            ("2017-08-17T23:33:00", 17.5, 0.0, -21.0),
            ("2017-08-18T23:30:00", 18.0, -1.0, -22.0),
            ("2017-08-19T23:30:00", 19.1, -2.0, -23.0),
        )
    ]
    rng = np.random.default_rng(SEED)
    cosine = rng.uniform(np.cos(np.radians(RADIUS_DEG)), 1, BACKGROUND)
    turn = rng.uniform(0, 360, BACKGROUND) * u.deg
    centre = SkyCoord(*CENTRE, unit="deg")
    places = centre.directional_offset_by(turn, np.degrees(np.arccos(cosine)) * u.deg)
    times = Time(MERGER).jd + rng.uniform(-1, 8, BACKGROUND)
    for number, (place, jd) in enumerate(zip(places, times, strict=True)):
        name = f"ZTF98back{number:03d}"
        first = -float(rng.exponential(20))
        mag = float(rng.uniform(17, 20.5))
        rows.append(
            (name, place.ra.deg, place.dec.deg, jd, mag, first, -90.0, "Unknown")
        )
    return rows

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Make the data of the tests and of the demo: ``python datatest/make_datatest.py``.

It writes VOEvents and alerts from facts, and the coincidences to expect. These are
computed with numpy and astropy, independently of the package.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import astropy.units as u
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.coordinates import SkyCoord
from astropy.time import Time

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from json_notices import JSON_NOTICES  # noqa: E402
from notices import NOTICES, xml  # noqa: E402
from rubin_alerts import RUBIN, as_rubin  # noqa: E402
from traps import TRAPS  # noqa: E402
from truth import merger_notice, transient_and_background  # noqa: E402
from ztf_alerts import ALERT, alert  # noqa: E402

SEED = 20170817
BACKGROUND_EACH = 40  # scattered alerts around each event
BACKGROUND_RADIUS_DEG = 12.0
LEVEL = 0.95


# Object, right ascension and declination (deg), time (UTC), magnitude, first detection
# and last upper limit (days relative to the alert), SIMBAD type.
COUNTERPARTS = (
    # iPTF13bxl: afterglow of GRB 130702A (Singer et al. 2013, ApJ 776, L34)
    (
        "ZTF13aaaabxl",
        217.3116,
        15.7740,
        "2013-07-02T04:18:00",
        17.4,
        0.0,
        -1.2,
        "Unknown",
    ),
    # TXS 0506+056: a blazar that was active long before IceCube-170922A.
    (
        "ZTF17aaatxsb",
        77.3582,
        5.6931,
        "2017-09-23T11:00:00",
        14.9,
        -40.0,
        -60.0,
        "BLLac",
    ),
    # Afterglow of GRB 221009A (GCN Circular 32634).
    (
        "ZTF22aaaagrb",
        288.2646,
        19.7735,
        "2022-10-10T03:00:00",
        17.6,
        0.0,
        -3.0,
        "Unknown",
    ),
    (
        "ZTF22aaaagrb",
        288.2646,
        19.7735,
        "2022-10-11T03:00:00",
        18.8,
        -1.0,
        -3.0,
        "Unknown",
    ),
    # A variable star and an artefact near the afterglows.
    (
        "ZTF13aaaastar",
        217.9,
        14.9,
        "2013-07-02T05:00:00",
        16.1,
        -300.0,
        -301.0,
        "RRLyr",
    ),
    ("ZTF13aaabogus", 218.1, 13.0, "2013-07-02T05:10:00", 19.5, 0.0, None, "Unknown"),
)
CENTRES = (
    (218.81, 12.25, "2013-07-02T06:00:00"),
    (77.2853, 5.7517, "2017-09-23T10:00:00"),
    (288.254, 19.809, "2022-10-10T05:00:00"),
)


def alerts() -> list[dict]:
    """Return all alerts: counterparts, and a background scattered around each event."""
    rows = []
    for name, ra, dec, time, mag, first, limit, simbad in COUNTERPARTS:
        drb = 0.12 if "bogus" in name else 0.98
        jd = Time(time).jd
        rows.append(alert(len(rows), name, ra, dec, jd, mag, first, limit, simbad, drb))
    rng = np.random.default_rng(SEED)
    for ra, dec, time in CENTRES:
        cos = rng.uniform(np.cos(np.radians(BACKGROUND_RADIUS_DEG)), 1, BACKGROUND_EACH)
        turn = rng.uniform(0, 360, BACKGROUND_EACH) * u.deg
        centre = SkyCoord(ra, dec, unit="deg")
        places = centre.directional_offset_by(turn, np.degrees(np.arccos(cos)) * u.deg)
        for place, late in zip(
            places, rng.uniform(-1, 2, BACKGROUND_EACH), strict=True
        ):
            number = len(rows)
            jd = Time(time).jd + late
            rows.append(
                alert(number, f"ZTF99back{number:03d}", place.ra.deg, place.dec.deg, jd,
                      float(rng.uniform(17, 20.5)), -float(rng.exponential(20)), -90.0,
                      "Unknown", float(rng.uniform(0.2, 1.0)))
            )  # fmt: skip
    return rows


def fisher_level(separation_deg: np.ndarray, kappas: list[tuple]) -> np.ndarray:
    """Return the probability within a separation, given pairs (weight, kappa)."""
    chord = np.sin(np.radians(separation_deg) / 2) ** 2
    return sum(w * np.expm1(-2 * k * chord) / np.expm1(-2 * k) for w, k in kappas)


def gbm_kappas(stat_deg: float) -> list[tuple]:
    """Return pairs (weight, kappa) of the core and tail of a GBM final position.

    Connaughton et al. 2015, ApJS 216, 32; kappa by Briggs et al. 1999, ApJS 122, 503.
    """
    return [
        (weight, 1 / (0.66 * np.radians(np.hypot(stat_deg, extra))) ** 2)
        for weight, extra in ((0.9, 3.71), (0.1, 14.3))
    ]


def plain_kappas(radius_deg: float, containment: float) -> list[tuple]:
    """Return the pair (weight, kappa) of a small error circle."""
    chord = np.sin(np.radians(radius_deg) / 2) ** 2
    return [(1.0, -np.log1p(-containment) / (2 * chord))]


# The events after their last notice: identifier, position (deg), pairs (weight, kappa),
# trigger time, and window before and after it (days).
EVENTS = (
    ("GBM-394416326", 218.81, 12.25, gbm_kappas(4.02), "2013-07-02T00:05:23.08", 0, 7),
    ("IceCube-130033-50579430", 77.2853, 5.7517, plain_kappas(0.2498, 0.5),
     "2017-09-22T20:54:30.43", 1, 30),
    ("Swift-1126853", 288.2643, 19.7730, plain_kappas(0.0017, 0.9),
     "2022-10-09T14:10:17", 0, 7),
)  # fmt: skip


def expected_coincidences(rows: list[dict]) -> list[dict]:
    """Return the coincidences of all alerts with the last notices, by brute force."""
    found = []
    places = SkyCoord(
        [r["candidate"]["ra"] for r in rows], [r["candidate"]["dec"] for r in rows],
        unit="deg",
    )  # fmt: skip
    times = Time([r["candidate"]["jd"] for r in rows], format="jd")
    for event, ra, dec, kappas, time, before, after in EVENTS:
        separation = places.separation(SkyCoord(ra, dec, unit="deg")).deg
        level = fisher_level(separation, kappas)
        delay = (times - Time(time)).to_value(u.day)
        for i in np.flatnonzero(
            (level <= LEVEL) & (-before <= delay) & (delay <= after)
        ):
            first = rows[i]["candidate"]["jdstarthist"]
            limits = [p for p in rows[i]["prv_candidates"] if p["magpsf"] is None]
            active = Time(first, format="jd") < Time(time)
            prior = "active" if active else "new" if limits else "unknown"
            found.append(
                {"event_id": event, "object_id": rows[i]["objectId"],
                 "alert_id": rows[i]["candid"], "separation": separation[i],
                 "credible_level": level[i], "delay": delay[i], "prior_activity": prior}
            )  # fmt: skip
    return sorted(found, key=lambda r: (r["event_id"], r["alert_id"]))


def main() -> None:
    """Write all files of datatest."""
    for folder in ("voevents", "alerts", "expected", "traps", "json", "truth", "rubin"):
        (HERE / folder).mkdir(exist_ok=True)
    for notice in NOTICES:
        (HERE / "voevents" / notice.file).write_text(xml(notice), encoding="utf-8")
    for trap in TRAPS:
        (HERE / "traps" / f"{trap.name}.xml").write_bytes(trap.raw)
    for notice in JSON_NOTICES:
        (HERE / "json" / f"{notice.name}.json").write_bytes(notice.raw)
    for name, traps in (("traps", TRAPS), ("json", JSON_NOTICES)):
        expected_values = {trap.name: trap.expected for trap in traps}
        text = json.dumps(expected_values, indent=1) + "\n"
        (HERE / "expected" / f"{name}.json").write_text(text)
    rows = alerts()
    table = pa.Table.from_pylist(rows, schema=ALERT)
    # Every other alert arrives before the notices, the rest after them.
    for name, first in (("early", 1), ("late", 0)):
        part = table.take(list(range(first, len(rows), 2)))
        pq.write_table(part, HERE / "alerts" / f"{name}.parquet")
    rubin_rows = [as_rubin(row, number) for number, row in enumerate(rows)]
    rubin_table = pa.Table.from_pylist(rubin_rows, schema=RUBIN)
    pq.write_table(rubin_table, HERE / "rubin" / "alerts.parquet")
    (HERE / "truth" / "gw170817.json").write_bytes(merger_notice())
    truth_rows = [
        alert(10_000 + number, *row, 0.95)
        for number, row in enumerate(transient_and_background())
    ]
    truth_table = pa.Table.from_pylist(truth_rows, schema=ALERT)
    pq.write_table(truth_table, HERE / "truth" / "alerts.parquet")
    found = expected_coincidences(rows)
    path = HERE / "expected" / "coincidences.csv"
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, found[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
    print(f"{len(NOTICES)} notices, {len(rows)} alerts, {len(found)} coincidences")


if __name__ == "__main__":
    main()

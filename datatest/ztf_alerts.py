# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Alerts of ZTF with values added by Fink; only the columns that are needed here."""

from __future__ import annotations

import pyarrow as pa
from astropy.time import Time

CANDIDATE = pa.struct(
    [
        ("jd", pa.float64()), ("fid", pa.int32()), ("candid", pa.int64()),
        ("diffmaglim", pa.float32()), ("isdiffpos", pa.string()),
        ("ra", pa.float64()), ("dec", pa.float64()), ("magpsf", pa.float32()),
        ("sigmapsf", pa.float32()), ("rb", pa.float32()), ("drb", pa.float32()),
        ("ndethist", pa.int32()), ("jdstarthist", pa.float64()),
        ("jdendhist", pa.float64()),
    ]
)  # fmt: skip
PREVIOUS = pa.struct(
    [
        ("jd", pa.float64()), ("fid", pa.int32()), ("candid", pa.int64()),
        ("diffmaglim", pa.float32()), ("isdiffpos", pa.string()),
        ("magpsf", pa.float32()), ("sigmapsf", pa.float32()),
    ]
)  # fmt: skip
CUTOUT = pa.struct([("fileName", pa.string()), ("stampData", pa.binary())])
ALERT = pa.schema(
    [
        ("candid", pa.int64()), ("schemavsn", pa.string()), ("publisher", pa.string()),
        ("objectId", pa.string()), ("candidate", CANDIDATE),
        ("prv_candidates", pa.list_(PREVIOUS)), ("cutoutScience", CUTOUT),
        ("cutoutTemplate", CUTOUT), ("cutoutDifference", CUTOUT),
        ("cdsxmatch", pa.string()), ("roid", pa.int32()),
        ("brokerIngestTimestamp", pa.timestamp("us", tz="UTC")),
    ]
)  # fmt: skip


def alert(
    number: int,
    name: str,
    ra: float,
    dec: float,
    jd: float,
    mag: float,
    first: float,
    limit: float | None,
    simbad: str,
    drb: float,
) -> dict:
    """Return an alert in the form of ZTF's.

    Parameters
    ----------
    number : int
        Distinguishes the identifiers of the alerts.
    name : str
        Name of the object.
    ra, dec : float
        Position (deg).
    jd : float
        Julian date of the alert, UTC.
    mag : float
        Magnitude.
    first : float
        First detection, days relative to the alert; 0 if it is the alert itself.
    limit : float or None
        Last upper limit, days relative to the alert; None if there is none.
    simbad : str
        SIMBAD type of the nearest object.
    drb : float
        Score of the real-bogus classifiers, 0-1.
    """
    candid = 2_000_000_000_000_000_000 + number
    previous = []
    if limit is not None:
        previous.append(
            {"jd": jd + limit, "fid": 1, "candid": None, "diffmaglim": 20.4,
             "isdiffpos": None, "magpsf": None, "sigmapsf": None}
        )  # fmt: skip
    if first < 0:
        previous.append(
            {"jd": jd + first, "fid": 1, "candid": candid - 500, "diffmaglim": 20.1,
             "isdiffpos": "t", "magpsf": mag + 0.4, "sigmapsf": 0.1}
        )  # fmt: skip
    cutout = {"fileName": f"{candid}.fits.gz", "stampData": candid.to_bytes(8, "big")}
    return {
        "candid": candid, "schemavsn": "3.3", "publisher": "datatest", "objectId": name,
        "candidate": {
            "jd": jd, "fid": 1 + number % 2, "candid": candid, "diffmaglim": 20.2,
            "isdiffpos": "t", "ra": ra, "dec": dec, "magpsf": mag, "sigmapsf": 0.05,
            "rb": drb, "drb": drb, "ndethist": 1 + int(first < 0),
            "jdstarthist": jd + first, "jdendhist": jd,
        },
        "prv_candidates": previous, "cutoutScience": cutout, "cutoutTemplate": cutout,
        "cutoutDifference": cutout, "cdsxmatch": simbad, "roid": 0,
        "brokerIngestTimestamp": Time(jd, format="jd").to_datetime(),
    }  # fmt: skip

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The alerts of `make_datatest`, in the form of Rubin's alerts.

The objects, positions and times are the same, and therefore the coincidences too. The
columns are a part of those of Fink's science alerts of Rubin.
"""

from __future__ import annotations

import pyarrow as pa
from astropy.time import Time

SOURCE = [
    ("diaSourceId", pa.int64()), ("diaObjectId", pa.int64()),
    ("ssObjectId", pa.int64()), ("midpointMjdTai", pa.float64()),
    ("ra", pa.float64()), ("raErr", pa.float32()), ("dec", pa.float64()),
    ("decErr", pa.float32()), ("psfFlux", pa.float32()), ("psfFluxErr", pa.float32()),
    ("band", pa.string()), ("reliability", pa.float32()),
]  # fmt: skip
FORCED = [
    ("midpointMjdTai", pa.float64()), ("psfFlux", pa.float32()),
    ("psfFluxErr", pa.float32()), ("band", pa.string()),
]  # fmt: skip
RUBIN = pa.schema(
    [
        ("diaSourceId", pa.int64()),
        ("diaSource", pa.struct(SOURCE)),
        ("prvDiaSources", pa.list_(pa.struct(SOURCE))),
        ("prvDiaForcedSources", pa.list_(pa.struct(FORCED))),
        ("cutoutScience", pa.binary()),
        ("lsst_schema_version", pa.string()),
        ("fink_broker_version", pa.string()),
        ("fink_science_version", pa.string()),
        ("xm", pa.struct([("simbad_otype", pa.string())])),
        ("pred", pa.struct([("is_sso", pa.bool_())])),
        ("misc", pa.struct([("firstDiaSourceMjdTaiFink", pa.float64())])),
        ("lc_features", pa.map_(pa.string(), pa.struct([("mean", pa.float64())]))),
        ("brokerEndProcessTimestamp", pa.timestamp("us")),
    ]
)
ZERO_POINT = 31.4  # AB magnitude of 1 nJy (LSST data products definition)


def _flux_njy(magnitude: float) -> float:
    return 10 ** ((ZERO_POINT - magnitude) / 2.5)


def _mjd_tai(jd_utc: float) -> float:
    return float(Time(jd_utc, format="jd", scale="utc").tai.mjd)


def as_rubin(alert: dict, number: int) -> dict:
    """Convert an alert of ZTF to one of Rubin.

    Parameters
    ----------
    alert : dict
        An alert as `ztf_alerts.alert` returns it.
    number : int
        Distinguishes the identifiers of the alerts.
    """
    candidate = alert["candidate"]
    flux, mjd = _flux_njy(candidate["magpsf"]), _mjd_tai(candidate["jd"])
    source = {
        "diaSourceId": 170_000_000_000_000_000 + number,
        "diaObjectId": 160_000_000_000_000_000 + number, "ssObjectId": 0,
        "midpointMjdTai": mjd, "ra": candidate["ra"], "raErr": 1e-5,
        "dec": candidate["dec"], "decErr": 1e-5,
        "psfFlux": flux, "psfFluxErr": flux / 20, "band": "r",
        "reliability": candidate["drb"],
    }  # fmt: skip
    previous = [
        source | {"midpointMjdTai": _mjd_tai(p["jd"]), "diaSourceId": p["candid"],
                  "psfFlux": _flux_njy(p["magpsf"])}
        for p in alert["prv_candidates"] if p["magpsf"] is not None
    ]  # fmt: skip
    limits = [
        {"midpointMjdTai": _mjd_tai(p["jd"]), "psfFlux": 5.0, "psfFluxErr": 30.0,
         "band": "r"}
        for p in alert["prv_candidates"] if p["magpsf"] is None
    ]  # fmt: skip
    return {
        "diaSourceId": source["diaSourceId"], "diaSource": source,
        "prvDiaSources": previous or None, "prvDiaForcedSources": limits or None,
        "cutoutScience": number.to_bytes(8, "big"), "lsst_schema_version": "10.0",
        "fink_broker_version": "5.0", "fink_science_version": "9.0",
        "xm": {"simbad_otype": alert["cdsxmatch"]}, "pred": {"is_sso": False},
        "misc": {"firstDiaSourceMjdTaiFink": _mjd_tai(candidate["jdstarthist"])},
        "lc_features": [("r", {"mean": flux})],
        "brokerEndProcessTimestamp": Time(candidate["jd"], format="jd").to_datetime(),
    }  # fmt: skip

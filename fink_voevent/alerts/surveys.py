# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Constants of the surveys, of Fink and of SIMBAD that alerts refer to."""

from __future__ import annotations

ZTF_BANDS = {1: "g", 2: "r", 3: "i"}
NJY_ZERO_POINT = 31.4  # AB magnitude of 1 nJy
# Types of SIMBAD that do not say what an object is, and Fink's values for no type.
UNKNOWN_TYPES = (
    *("Unknown", "Transient", "X", "gamma", "GammaBurst", "UV", "IR", "Blue"),
    *("", "nan"),
)
FAILED = "Fail"  # first letters of Fink's value if the catalogue did not answer
FINK_PARTS = ("broker", "science")  # packages of Fink whose version is in its alerts

# Error of a position (deg) if the packet does not give it: a cautious value.
ERROR_DEG = {"ztf": 0.1 / 3600, "rubin": 0.05 / 3600}


def packet_key(survey: str) -> str:
    """Return the column of a science packet that contains the ``alert_id``."""
    return {"ztf": "candid", "rubin": "diaSourceId"}[survey]


def topic_suffix(survey: str) -> str:
    """Return the last part of the names of Fink's topics of a survey."""
    return {"ztf": "_ztf", "rubin": "_lsst"}[survey]

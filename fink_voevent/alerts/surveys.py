# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What the codes of the surveys, of Fink and of SIMBAD mean."""

from __future__ import annotations

ZTF_BANDS = {1: "g", 2: "r", 3: "i"}
NJY_ZERO_POINT = 31.4  # AB magnitude of 1 nJy
# Types of SIMBAD that do not say what an object is, and Fink's words for none.
UNKNOWN_TYPES = (
    *("Unknown", "Transient", "X", "gamma", "GammaBurst", "UV", "IR", "Blue"),
    *("", "nan"),
)
FAILED = "Fail"  # how Fink's word begins for a catalogue that did not answer
FINK_PARTS = ("broker", "science")  # of Fink, that have a version in its alerts


# Where the packet gives no error of the position: generous, as the publisher's own.
ERROR_DEG = {"ztf": 0.1 / 3600, "rubin": 0.05 / 3600}


def packet_key(survey: str) -> str:
    """Name of the column of a science packet that holds `alert_id`."""
    return {"ztf": "candid", "rubin": "diaSourceId"}[survey]


def topic_suffix(survey: str) -> str:
    """Return the last part of Fink's topics of a survey."""
    return {"ztf": "_ztf", "rubin": "_lsst"}[survey]

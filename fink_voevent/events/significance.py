# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Whether an event is what its stream is for, by what its publisher says.

Most triggers are not: of 2,725 notices of LVK, 2,359 had ``Significant`` 0, and 59 % of
the triggers of Fermi GBM were most probably particles, flares of the Sun, terrestrial
flashes or sources of the Galaxy. They are matched like all others, but go to topics of
their own.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

SIGNIFICANT, BURST = "significant", "GRB"
# Classes that leave open what a trigger is.
OPEN_CLASSES = ("GENERIC_TRANSIENT",)
_HALF = 0.5


def significances(
    classifications: pa.ChunkedArray, messengers: pa.ChunkedArray
) -> pa.Array:
    """Return of each notice whether its event is significant: see `is_significant`.

    Parameters
    ----------
    classifications : pyarrow.ChunkedArray of map
        `classification` of the table events.
    messengers : pyarrow.ChunkedArray of str

    Returns
    -------
    pyarrow.Array of bool
    """
    pairs = zip(classifications.to_pylist(), messengers.to_pylist(), strict=True)
    found = [is_significant(dict(one or ()), messenger) for one, messenger in pairs]
    return pa.array(found, pa.bool_())


def is_significant(classes: Mapping[str, float], messenger: str) -> bool | None:
    """Whether an event is significant; None if its publisher does not say.

    A class ``significant`` decides (LVK). Without it, a trigger for bursts is what its
    most probable class says (Fermi GBM, Swift).

    Parameters
    ----------
    classes : mapping of str to float
        Probability of each class, 0-1.
    messenger : str
        Of the event.

    Examples
    --------
    >>> is_significant({"significant": 0.0, "CBC": 1.0}, "gw")
    False
    >>> is_significant({"GRB": 0.2, "TGF": 0.8}, "grb")
    False
    >>> is_significant({"GRB": 1.0, "catalogue source": 0.0}, "grb")
    True
    >>> print(is_significant({"BNS": 0.9}, "gw"))
    None
    """
    if SIGNIFICANT in classes:
        return classes[SIGNIFICANT] >= _HALF
    if messenger != "grb" or not classes:
        return None
    # of equally probable classes, the burst is taken
    probable = max(classes, key=lambda name: (classes[name], name == BURST))
    if classes[probable] == 0 or probable in OPEN_CLASSES:
        return None
    return probable == BURST

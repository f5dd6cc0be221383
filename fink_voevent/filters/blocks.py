# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Rules that the filters share.

Conditions (``is_...``) take pandas Series and return a Series of bool without nulls.
`bronze` and `silver` are the complete rules of these two levels for one messenger.
"""

from __future__ import annotations

import pandas as pd

# Smallest quality (drb of ZTF, reliability of Rubin): most alerts below are artefacts.
BRONZE_QUALITY = 0.5

# Smallest change of brightness of a gold packet, in mag/d: afterglows and kilonovae
# change faster, few supernovae do (Andreoni et al. 2021, ApJ 918, 63).
FAST_MAG_PER_DAY = 0.3

# Largest chance probability of a silver packet: one event in a hundred has such an
# alert by chance.
SILVER_CHANCE = 0.01


def bronze(
    name: str, messenger: pd.Series, quality: pd.Series, extragalactic: pd.Series
) -> pd.Series:
    """Select real, possibly extragalactic alerts that coincide with a type of event.

    Parameters
    ----------
    name : str
        The messenger to select, such as ``"grb"``.
    messenger : Series of str
        Messenger of the event; a null fails.
    quality : Series of float
        Quality of the alert, 0-1; `BRONZE_QUALITY` or more passes, a null fails.
    extragalactic : Series of bool
        False fails; True and null (nothing is known) pass.

    Returns
    -------
    Series of bool

    Examples
    --------
    >>> bronze(
    ...     "grb",
    ...     messenger=pd.Series(["grb", "grb", "grb", "gw", None]),
    ...     quality=pd.Series([0.5, 0.49, 0.9, 0.9, 0.9]),
    ...     extragalactic=pd.Series([None, True, False, True, True]),
    ... ).tolist()
    [True, False, False, False, False]
    """
    return is_messenger(messenger, name) & is_bronze(quality, extragalactic)


def silver(
    name: str,
    messenger: pd.Series,
    quality: pd.Series,
    extragalactic: pd.Series,
    p_chance: pd.Series,
    prior_activity: pd.Series,
) -> pd.Series:
    """Select bronze alerts unlikely to be there by chance, of objects quiet before.

    Parameters
    ----------
    name : str
        The messenger to select, such as ``"grb"``.
    messenger, quality, extragalactic : Series
        As for `bronze`.
    p_chance : Series of float
        Chance probability of the pair, 0-1; `SILVER_CHANCE` or less passes, a null (no
        background rate) fails.
    prior_activity : Series of str
        ``new`` and ``unknown`` pass; ``active`` and null fail.

    Returns
    -------
    Series of bool

    Examples
    --------
    >>> columns = silver_example("grb", "grb", "grb", "gw")
    >>> columns["p_chance"] = pd.Series([0.01, 0.5, 0.001, 0.001])
    >>> columns["prior_activity"] = pd.Series(["new", "new", "active", "new"])
    >>> silver("grb", **columns).tolist()
    [True, False, False, False]
    """
    selected = bronze(name, messenger, quality, extragalactic)
    return selected & is_silver(p_chance, prior_activity)


def bronze_description(event: str) -> str:
    """Return the description of a bronze filter.

    Parameters
    ----------
    event : str
        What the alerts coincide with, with its article: ``"a gamma-ray burst"``.
    """
    return (
        f"Alerts in the region and time window of {event}, with a quality of"
        f" {BRONZE_QUALITY} or more, that are not a known star, asteroid or other"
        " object of the Galaxy or nearer."
    )


def silver_description(bronze_filter: str) -> str:
    """Return the description of the silver filter above a bronze filter."""
    return (
        f"Alerts that pass {bronze_filter}, of objects that were not active before the"
        f" event, with a chance probability of {SILVER_CHANCE} or less: by chance, one"
        " event in 100 has such an alert. Nothing passes without a background rate."
    )


def silver_example(*messengers: str) -> dict[str, pd.Series]:
    """Return the columns of packets that pass `silver`, for the examples of filters.

    Parameters
    ----------
    *messengers : str
        Messenger of each packet.

    Returns
    -------
    dict of str to Series
        The arguments of `silver` by name, but for `name`.
    """
    count = len(messengers)
    return {
        "messenger": pd.Series(messengers),
        "quality": pd.Series([0.9] * count),
        "extragalactic": pd.Series([None] * count),
        "p_chance": pd.Series([0.001] * count),
        "prior_activity": pd.Series(["new"] * count),
    }


def is_messenger(messenger: pd.Series, name: str) -> pd.Series:
    """Whether the messenger of the event is `name`; a null fails."""
    return messenger.eq(name).fillna(value=False).astype(bool)


def is_real(quality: pd.Series) -> pd.Series:
    """Whether the quality of the alert is `BRONZE_QUALITY` or more; a null fails."""
    return quality.ge(BRONZE_QUALITY).fillna(value=False).astype(bool)


def may_be_extragalactic(extragalactic: pd.Series) -> pd.Series:
    """Whether the object is not known to be of the Galaxy or nearer; a null passes."""
    return ~extragalactic.eq(other=False).fillna(value=False).astype(bool)


def is_bronze(quality: pd.Series, extragalactic: pd.Series) -> pd.Series:
    """Whether an alert is real and may be extragalactic, for any messenger."""
    return is_real(quality) & may_be_extragalactic(extragalactic)


def is_silver(p_chance: pd.Series, prior_activity: pd.Series) -> pd.Series:
    """Whether chance is an unlikely cause and the object was not active before.

    A null `p_chance` (no background rate) or a null `prior_activity` fails.
    """
    unlikely = p_chance.le(SILVER_CHANCE).fillna(value=False).astype(bool)
    quiet = prior_activity.isin(["new", "unknown"])
    return unlikely & quiet


def is_fast(magnitude_rate: pd.Series) -> pd.Series:
    """Whether the brightness changes by `FAST_MAG_PER_DAY` or more, up or down.

    `magnitude_rate` is in mag/d; a null fails.
    """
    change = pd.to_numeric(magnitude_rate).abs()
    return change.ge(FAST_MAG_PER_DAY).fillna(value=False).astype(bool)


def is_withdrawn_or_retracted(status: pd.Series) -> pd.Series:
    """Whether the status of a coincidence is withdrawn or retracted; a null fails."""
    return status.isin(["withdrawn", "retracted"])

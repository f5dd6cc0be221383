# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Rules that the filters share.

Conditions (``is_...``) take pandas Series and return a Series of bool without nulls.
`bronze`, `silver` and `gold` are the complete rules of these three levels for one
messenger, and `subthreshold` that of events which are probably nothing. They are rules
for an object and an event: the columns that begin with ``candidate_`` are those of the
candidate, from all of its alerts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature

import pandas as pd

# Smallest quality (drb of ZTF, reliability of Rubin): most alerts below are artefacts.
BRONZE_QUALITY = 0.5

# Largest expected number of unrelated candidates that rank as high. Up to 1, a person
# can look at all candidates of an event; at 0.1, one event in ten has such a candidate
# by chance.
SILVER_EXPECTED, GOLD_EXPECTED = 1.0, 0.1

# Time between two detections of a gold candidate (d): what moves has moved on after 15
# minutes, and an artefact does not come back.
GOLD_SPAN_D = 15 / (24 * 60)

# What the object of a bronze candidate may be: nothing that is known. Active galactic
# nuclei are sources of neutrinos and of gamma rays, but not of bursts and mergers.
NATURES = ("source",)
NATURES_OF = {
    "neutrino": ("source", "active_nucleus"),
    "gamma": ("source", "active_nucleus"),
}
# Classes of silver candidates: what is new; for neutrinos also what was there before.
CLASSES = ("fresh",)
CLASSES_OF = {"neutrino": ("fresh", "flaring")}
# Messengers with topics of their own; all others are those of ``other``.
MESSENGERS = ("grb", "gw", "neutrino", "frb", "xray", "gamma", "supernova")
OTHER = "other"


def bronze(
    name: str,
    messenger: pd.Series,
    event_significant: pd.Series,
    quality: pd.Series,
    candidate_nature: pd.Series,
) -> pd.Series:
    """Select real alerts of objects that are nothing known, for a type of event.

    Parameters
    ----------
    name : str
        The messenger to select, such as ``"grb"``, or `OTHER`.
    messenger : Series of str
        Messenger of the event.
    event_significant : Series of bool
        False fails (see `subthreshold`); True and null (the notice does not say) pass.
    quality : Series of float
        Quality of the alert, 0-1; `BRONZE_QUALITY` or more passes, a null fails.
    candidate_nature : Series of str
        What the object is; one of `NATURES`, or of `NATURES_OF` the messenger, passes,
        a null (no candidate) fails. Stars, variables, what moves, and what is fainter
        than its reference have other values.

    Returns
    -------
    Series of bool

    Examples
    --------
    >>> columns = example("grb", "grb", "gw", "grb", "grb")
    >>> columns["event_significant"] = pd.Series([None, True, None, False, None])
    >>> columns["candidate_nature"][4] = "star"
    >>> bronze("grb", **of(bronze, columns)).tolist()
    [True, True, False, False, False]
    """
    natures = NATURES_OF.get(name, NATURES)
    return (
        is_messenger(messenger, name)
        & ~is_known_to_be(event_significant, value=False)
        & is_real(quality)
        & candidate_nature.isin(natures)
    )


def silver(
    name: str,
    messenger: pd.Series,
    event_significant: pd.Series,
    quality: pd.Series,
    candidate_nature: pd.Series,
    candidate_class: pd.Series,
    expected_unrelated: pd.Series,
) -> pd.Series:
    """Select bronze candidates so few of which are due to chance that one can see all.

    Parameters
    ----------
    name : str
        The messenger to select.
    messenger, event_significant, quality, candidate_nature : Series
        As for `bronze`.
    candidate_class : Series of str
        One of `CLASSES`, or of `CLASSES_OF` the messenger, passes; a null fails.
    expected_unrelated : Series of float
        `SILVER_EXPECTED` or less passes; a null (no background rate) fails.

    Returns
    -------
    Series of bool

    Examples
    --------
    >>> columns = example("grb", "grb", "grb", "gw")
    >>> columns["expected_unrelated"] = pd.Series([1.0, 1.1, None, 0.01])
    >>> silver("grb", **of(silver, columns)).tolist()
    [True, False, False, False]
    """
    selected = bronze(name, messenger, event_significant, quality, candidate_nature)
    classes = CLASSES_OF.get(name, CLASSES)
    return (
        selected
        & candidate_class.isin(classes)
        & is_at_most(expected_unrelated, SILVER_EXPECTED)
    )


def gold(
    name: str,
    messenger: pd.Series,
    event_significant: pd.Series,
    quality: pd.Series,
    candidate_nature: pd.Series,
    candidate_class: pd.Series,
    expected_unrelated: pd.Series,
    candidate_span: pd.Series,
    fast_rise: pd.Series,
) -> pd.Series:
    """Select silver candidates that are surprising, and no artefact of one image.

    Parameters
    ----------
    name : str
        The messenger to select.
    messenger, event_significant, quality, candidate_nature, candidate_class : Series
        As for `silver`.
    expected_unrelated : Series of float
        `GOLD_EXPECTED` or less passes; a null fails.
    candidate_span : Series of float
        Days between two detections: `GOLD_SPAN_D` or more passes, a null fails.
    fast_rise : Series of bool
        True (a rise of 1 mag above an upper limit within a day) passes with any span.

    Returns
    -------
    Series of bool

    Examples
    --------
    >>> columns = example("grb", "grb", "grb", "gw")
    >>> columns["candidate_span"] = pd.Series([0.02, 0.0, 0.0, 0.02])
    >>> columns["fast_rise"] = pd.Series([False, True, False, True])
    >>> gold("grb", **of(gold, columns)).tolist()
    [True, True, False, False]
    """
    selected = silver(
        *(name, messenger, event_significant, quality, candidate_nature),
        *(candidate_class, expected_unrelated),
    )
    is_confirmed = is_at_least(candidate_span, GOLD_SPAN_D)
    is_confirmed |= is_known_to_be(fast_rise, value=True)
    return selected & is_at_most(expected_unrelated, GOLD_EXPECTED) & is_confirmed


def subthreshold(
    name: str,
    messenger: pd.Series,
    event_significant: pd.Series,
    quality: pd.Series,
    candidate_nature: pd.Series,
) -> pd.Series:
    """Select what `bronze` would, of events that are probably not what they seem.

    Parameters
    ----------
    name : str
        The messenger to select.
    messenger, quality, candidate_nature : Series
        As for `bronze`.
    event_significant : Series of bool
        False passes: the publisher says that the significance is low, or that the
        trigger is more probably something else.

    Returns
    -------
    Series of bool

    Examples
    --------
    >>> columns = example("gw", "gw", "grb")
    >>> columns["event_significant"] = pd.Series([False, None, False])
    >>> subthreshold("gw", **of(subthreshold, columns)).tolist()
    [True, False, False]
    """
    is_low = is_known_to_be(event_significant, value=False)
    unknown = event_significant.where(~is_low, None)
    return is_low & bronze(name, messenger, unknown, quality, candidate_nature)


def bronze_description(name: str, event: str) -> str:
    """Return the description of a bronze filter.

    Parameters
    ----------
    name : str
        The messenger.
    event : str
        What the alerts coincide with, with its article: ``"a gamma-ray burst"``.
    """
    nuclei = "" if name in NATURES_OF else ", active galactic nuclei"
    return (
        f"Alerts in the region and time window of {event}, with a quality of"
        f" {BRONZE_QUALITY} or more. Left out are known stars, variables{nuclei},"
        " moving objects, and objects that are fainter than their reference."
    )


def silver_description(name: str) -> str:
    """Return the description of the silver filter of a messenger."""
    flaring = (
        " or that flare during the event (active nuclei, blazars, tidal disruptions)"
        if name in CLASSES_OF
        else ""
    )
    return (
        f"Alerts that pass {name}_bronze, of objects that appeared after the event"
        f"{flaring}, and of which {SILVER_EXPECTED:g} or fewer unrelated ones are"
        " expected to rank as high. Nothing passes without a background rate. One alert"
        " a candidate, and one more when its tier, class or nature changes."
    )


def gold_description(name: str) -> str:
    """Return the description of the gold filter of a messenger."""
    return (
        f"Alerts that pass {name}_silver, with {GOLD_EXPECTED:g} or fewer unrelated"
        " candidates expected, and two detections at least 15 minutes apart or a rise"
        " of 1 mag above the last upper limit within a day. One alert a candidate, and"
        " one more when its class or nature changes."
    )


def example(*messengers: str) -> dict[str, pd.Series]:
    """Return columns of packets that pass gold filters, for the examples of filters.

    Parameters
    ----------
    *messengers : str
        Messenger of each packet.

    Returns
    -------
    dict of str to Series
        The arguments of `gold` by name, but for `name`, and `reports_candidate`.
    """
    count = len(messengers)
    values = {
        "event_significant": None,
        "quality": 0.9,
        "candidate_nature": "source",
        "candidate_class": "fresh",
        "expected_unrelated": 0.01,
        "candidate_span": 0.02,
        "fast_rise": False,
        "reports_candidate": True,
    }
    columns = {name: pd.Series([value] * count) for name, value in values.items()}
    return {"messenger": pd.Series(messengers, dtype=object), **columns}


def of(
    rule: Callable[..., pd.Series], columns: Mapping[str, pd.Series]
) -> dict[str, pd.Series]:
    """Return the columns that a rule or a filter takes, by name."""
    return {
        name: columns[name] for name in signature(rule).parameters if name in columns
    }


def is_messenger(messenger: pd.Series, name: str) -> pd.Series:
    """Whether the messenger of the event is `name`; `OTHER` is what is not listed."""
    if name == OTHER:
        return ~messenger.isin(MESSENGERS)
    return messenger.isin([name])


def is_real(quality: pd.Series) -> pd.Series:
    """Whether the quality of the alert is `BRONZE_QUALITY` or more; a null fails."""
    return quality.ge(BRONZE_QUALITY).fillna(value=False).astype(bool)


def is_known_to_be(flag: pd.Series, *, value: bool) -> pd.Series:
    """Whether a flag has a value; a null fails."""
    return flag.eq(value).fillna(value=False).astype(bool)


def is_at_most(number: pd.Series, limit: float) -> pd.Series:
    """Whether a number is at most a limit; a null fails."""
    return pd.to_numeric(number).le(limit).fillna(value=False).astype(bool)


def is_at_least(number: pd.Series, limit: float) -> pd.Series:
    """Whether a number is at least a limit; a null fails."""
    return pd.to_numeric(number).ge(limit).fillna(value=False).astype(bool)


def is_withdrawn_or_retracted(status: pd.Series) -> pd.Series:
    """Whether the status of a coincidence is withdrawn or retracted; a null fails."""
    return status.isin(["withdrawn", "retracted"])

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Candidates of one event: its coincidences, grouped by object and ranked.

A page needs nothing but `Ranked`. `from_coincidences` makes it of coincidences alone.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from fink_voevent.filters import blocks

GONE = ("withdrawn", "retracted")  # statuses of pairs that are no longer valid
TIERS = ("gold", "silver", "bronze")
# Messengers of which an object that was active before the event can be the source.
LASTING = ("neutrino", "gamma")
DAY_S = 86400.0
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Candidate:
    """An object that may belong to an event.

    Parameters
    ----------
    rank : int
        From 1, the most surprising first; 0 if it is not ranked (any more).
    name : str
        Identifier of the object, or of the alert if it has none.
    survey : {"ztf", "rubin"}
    ra, dec : float
        Of the latest alert (deg, ICRS).
    tier : str
        gold, silver, bronze, or empty.
    expected_unrelated : float or None
        Expected number of unrelated objects that rank as high; None if no rates are
        known.
    credible_level : float or None
        The smallest one of its alerts, 0-1; None without a region.
    onset_from, onset_to : float or None
        Days from the event to the last limit before the first detection, and to the
        first detection; None if it is not known.
    detections : int
        Alerts of the object in region and window.
    magnitude : float or None
    band : str
        Of the latest alert (mag, AB); the band is empty if it is not known.
    magnitude_rate : float or None
    rate_band : str
        The latest change of brightness (mag/d, positive if it fades), and its band.
    prior_activity : {"new", "active", "unknown"}
    status : str
        Of the latest coincidence: new, update, withdrawn or retracted.
    rows : tuple of mapping
        The latest row of each of its alerts, in the order of the alerts.
    """

    rank: int
    name: str
    survey: str
    ra: float
    dec: float
    tier: str
    expected_unrelated: float | None
    credible_level: float | None
    onset_from: float | None
    onset_to: float | None
    detections: int
    magnitude: float | None
    band: str
    magnitude_rate: float | None
    rate_band: str
    prior_activity: str
    status: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Ranked:
    """The candidates of an event.

    Parameters
    ----------
    candidates : tuple of Candidate
        The most surprising first.
    withdrawn : tuple of Candidate
        Those that were reported and are no longer valid.
    left_out : dict of str to int
        Number of objects that are no candidates, by the reason in words.
    alerts, objects : int
        Alerts and objects in region and window.
    """

    candidates: tuple[Candidate, ...]
    withdrawn: tuple[Candidate, ...]
    left_out: Mapping[str, int]
    alerts: int
    objects: int


def from_coincidences(rows: Iterable[Row], messenger: str) -> Ranked:
    """Group the coincidences of one event by object, and rank the objects.

    Parameters
    ----------
    rows : iterable of mapping
        Rows of the table coincidences of one event, in the order of their batches.
    messenger : str
        Of the event: objects that were active before are candidates of `LASTING`.

    Returns
    -------
    Ranked
        Ordered by tier, expected number of unrelated objects, whether the object is
        new, credible level and name.
    """
    latest = {(row["survey"], row["alert_id"]): row for row in rows}
    objects: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in latest.values():
        objects[row["survey"], row["object_id"] or str(row["alert_id"])].append(row)
    valid, gone = [], []
    left_out: Counter[str] = Counter()
    alerts = 0
    tiers = _tiers(list(latest.values()))
    for (_, name), pairs in objects.items():
        pairs.sort(key=lambda row: (row["alert_time"], row["alert_id"]))
        there = [row for row in pairs if row["status"] not in GONE]
        alerts += len(there)
        if not there:
            gone.append(_candidate(name, pairs, ""))
            continue
        reason = _reason_against(there, messenger)
        if reason:
            left_out[reason] += 1
            continue
        found = {tiers[row["survey"], row["alert_id"]] for row in there}
        tier = next((tier for tier in TIERS if tier in found), "")
        valid.append(_candidate(name, there, tier))
    return Ranked(
        tuple(_numbered(sorted(valid, key=_surprise))),
        tuple(sorted(gone, key=lambda candidate: candidate.name)),
        dict(sorted(left_out.items())),
        alerts,
        len(objects) - len(gone),
    )


def _tiers(rows: Sequence[Row]) -> dict[tuple[str, int], str]:
    """Tier of each alert, by the rules of the filters."""
    if not rows:
        return {}
    columns = ("quality", "extragalactic", "p_chance", "prior_activity")
    frame = pd.DataFrame({name: [row[name] for row in rows] for name in columns})
    frame["p_chance"] = pd.to_numeric(frame["p_chance"])
    frame["quality"] = pd.to_numeric(frame["quality"])
    rates = pd.to_numeric(pd.Series([row["magnitude_rate"] for row in rows]))
    is_bronze = blocks.is_bronze(frame["quality"], frame["extragalactic"])
    is_silver = is_bronze & blocks.is_silver(frame["p_chance"], frame["prior_activity"])
    is_gold = is_silver & rates.abs().ge(blocks.FAST_MAG_PER_DAY)
    named = zip(rows, is_gold, is_silver, is_bronze, strict=True)
    return {
        (row["survey"], row["alert_id"]): next(
            (tier for tier, is_one in zip(TIERS, flags, strict=True) if is_one), ""
        )
        for row, *flags in named
    }


def _reason_against(rows: Sequence[Row], messenger: str) -> str:
    """Why an object is no candidate; empty if it is one."""
    if any(row["extragalactic"] is False for row in rows):
        return "known objects of the Galaxy or the Solar System"
    if not any((row["quality"] or 0.0) >= blocks.BRONZE_QUALITY for row in rows):
        return "likely artefacts of the images, or without a score of quality"
    if messenger not in LASTING and all(r["prior_activity"] == "active" for r in rows):
        return "objects that were detected before the event"
    return ""


def _candidate(name: str, rows: Sequence[Row], tier: str) -> Candidate:
    last = rows[-1]
    chances = [row["p_chance"] for row in rows if row["p_chance"] is not None]
    levels = [r["credible_level"] for r in rows if r["credible_level"] is not None]
    limits = [r["last_non_detection"] for r in rows if r["last_non_detection"]]
    changing = next((r for r in rows[::-1] if r["magnitude_rate"] is not None), last)
    firsts = [r["first_detection"] or r["alert_time"] for r in rows]
    return Candidate(
        rank=0,
        name=name,
        survey=last["survey"],
        ra=last["alert_ra"],
        dec=last["alert_dec"],
        tier=tier,
        expected_unrelated=_expected(min(chances)) if chances else None,
        credible_level=min(levels) if levels else None,
        onset_from=_days(max(limits), last) if limits else None,
        onset_to=_days(min(firsts), last),
        detections=len(rows),
        magnitude=last["magnitude"],
        band=last["band"] or "",
        magnitude_rate=changing["magnitude_rate"],
        rate_band=changing["band"] or "",
        prior_activity=last["prior_activity"],
        status=last["status"],
        rows=tuple(rows),
    )


def _expected(p_chance: float) -> float:
    """Return the expected number whose probability of one or more is `p_chance`."""
    return -math.log1p(-p_chance) if p_chance < 1.0 else math.inf


def _days(moment: Any, row: Row) -> float:
    """Days from the event to a moment."""
    return float((moment - row["event_time"]).total_seconds() / DAY_S)


def _surprise(candidate: Candidate) -> tuple[Any, ...]:
    expected, level = candidate.expected_unrelated, candidate.credible_level
    return (
        TIERS.index(candidate.tier) if candidate.tier else len(TIERS),
        math.inf if expected is None else expected,
        candidate.prior_activity != "new",
        math.inf if level is None else level,
        candidate.name,
    )


def _numbered(candidates: Sequence[Candidate]) -> list[Candidate]:
    return [replace(one, rank=n) for n, one in enumerate(candidates, start=1)]

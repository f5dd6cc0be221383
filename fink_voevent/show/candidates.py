# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Candidates of one event: its coincidences, grouped by object and ranked.

A page needs nothing but `Ranked`.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from fink_voevent.filters import blocks
from fink_voevent.score.classes import CLASSES

GONE = ("withdrawn", "retracted")  # statuses of pairs that are no longer valid
TIERS = ("gold", "silver", "bronze")
# Messengers of which an object that was active before the event can be the source.
LASTING = ("neutrino", "gamma")
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
    kind : str
        Class: fresh, fresh_unknown, flaring or other; empty if it is not known.
    expected_unrelated : float or None
        Expected number of unrelated objects that rank as high; None if no rates are
        known.
    credible_level : float or None
        The smallest one of its alerts, 0-1; None without a region.
    onset_from, onset_to : float or None
        Days from the event to the last limit before the first detection, and to the
        first detection; None if it is not known.
    detections : int
        Detections of the object on record.
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
    kind: str
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


def of_event(rows: Iterable[Row], judged: Iterable[Row], messenger: str) -> Ranked:
    """Group the coincidences of one event by object, and order the objects.

    Parameters
    ----------
    rows : iterable of mapping
        Rows of the table coincidences of one event, in the order of their batches.
    judged : iterable of mapping
        Rows of the table candidates of the event, the last one of each object.
    messenger : str
        Of the event: objects that were active before are candidates of `LASTING`.

    Returns
    -------
    Ranked
        Ordered by tier, expected number of unrelated objects, class, credible level and
        name.
    """
    latest = {(row["survey"], row["alert_id"]): row for row in rows}
    objects: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in latest.values():
        name = row["object_id"] or f"alert-{row['alert_id']}"
        objects[row["survey"], name].append(row)
    known = {(one["survey"], one["object_id"]): one for one in judged}
    valid, gone = [], []
    left_out: Counter[str] = Counter()
    alerts = 0
    tiers = _tiers(objects, known)
    for key, pairs in objects.items():
        pairs.sort(key=lambda row: (row["alert_time"], row["alert_id"]))
        there = [row for row in pairs if row["status"] not in GONE]
        alerts += len(there)
        if not there:
            gone.append(_candidate(key[1], pairs, known.get(key), ""))
            continue
        reason = _reason_against(there, known.get(key), messenger)
        if reason:
            left_out[reason] += 1
            continue
        valid.append(_candidate(key[1], there, known[key], tiers[key]))
    return Ranked(
        tuple(_numbered(sorted(valid, key=_surprise))),
        tuple(sorted(gone, key=lambda candidate: candidate.name)),
        dict(sorted(left_out.items())),
        alerts,
        len(objects) - len(gone),
    )


def _tiers(
    objects: Mapping[tuple[str, str], Sequence[Row]],
    known: Mapping[tuple[str, str], Row],
) -> dict[tuple[str, str], str]:
    """Tier of each object that is a candidate, by the rules of the filters."""
    keys = [key for key in objects if key in known]
    if not keys:
        return {}
    frame = pd.DataFrame(
        [
            {
                "messenger": known[key]["messenger"],
                "event_significant": objects[key][-1]["event_significant"],
                "quality": max(r["quality"] or 0.0 for r in objects[key]),
                "candidate_nature": known[key]["nature"],
                "candidate_class": known[key]["class"],
                "expected_unrelated": known[key]["expected_unrelated"],
                "candidate_span": known[key]["detection_span"],
                "fast_rise": known[key]["fast_rise"],
            }
            for key in keys
        ]
    )
    (messenger,) = set(frame["messenger"])
    name = messenger if messenger in blocks.MESSENGERS else blocks.OTHER
    rules = (blocks.gold, blocks.silver, blocks.bronze)
    passed = [rule(name, **blocks.of(rule, frame)) for rule in rules]
    return {
        key: next((t for t, is_one in zip(TIERS, flags, strict=True) if is_one), "")
        for key, *flags in zip(keys, *passed, strict=True)
    }


_NATURES = {
    "moving": "objects of the Solar System",
    "variable": "known variable stars",
    "star": "known stars",
    "galactic": "other known objects of the Galaxy",
    "negative": "objects that are fainter than their reference",
    "active_nucleus": "known active galactic nuclei",
}


def _reason_against(rows: Sequence[Row], judged: Row | None, messenger: str) -> str:
    """Why an object is no candidate; empty if it is one."""
    if judged is None:
        return "objects that match in time only, as the sky map is missing"
    lasting = messenger in LASTING
    nature = judged["nature"]
    if nature in _NATURES and not (lasting and nature == "active_nucleus"):
        return _NATURES[nature]
    if not any((row["quality"] or 0.0) >= blocks.BRONZE_QUALITY for row in rows):
        return "likely artefacts of the images, or without a score of quality"
    if judged["class"] == CLASSES[-1] and not lasting:
        return "objects that were there before the event"
    return ""


def _candidate(
    name: str, rows: Sequence[Row], judged: Row | None, tier: str
) -> Candidate:
    last = rows[-1]
    changing = next((r for r in rows[::-1] if r["magnitude_rate"] is not None), last)
    levels = [r["credible_level"] for r in rows if r["credible_level"] is not None]
    of_object: Row = defaultdict(lambda: None) if judged is None else judged
    return Candidate(
        rank=0,
        name=name,
        survey=last["survey"],
        ra=last["alert_ra"],
        dec=last["alert_dec"],
        tier=tier,
        kind=of_object["class"] or "",
        expected_unrelated=of_object["expected_unrelated"],
        credible_level=min(levels) if levels else None,
        onset_from=of_object["onset_from"],
        onset_to=of_object["onset_to"],
        detections=of_object["detections"] or len(rows),
        magnitude=last["magnitude"],
        band=last["band"] or "",
        magnitude_rate=changing["magnitude_rate"],
        rate_band=changing["band"] or "",
        prior_activity=last["prior_activity"],
        status=last["status"],
        rows=tuple(rows),
    )


def _surprise(candidate: Candidate) -> tuple[Any, ...]:
    expected, level = candidate.expected_unrelated, candidate.credible_level
    return (
        TIERS.index(candidate.tier) if candidate.tier else len(TIERS),
        math.inf if expected is None else expected,
        CLASSES.index(candidate.kind) if candidate.kind in CLASSES else len(CLASSES),
        math.inf if level is None else level,
        candidate.name,
    )


def _numbered(candidates: Sequence[Candidate]) -> list[Candidate]:
    return [replace(one, rank=n) for n, one in enumerate(candidates, start=1)]

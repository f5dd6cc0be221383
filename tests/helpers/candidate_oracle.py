# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Candidates, their expected numbers and their topics, computed with loops.

It is written from the documentation (docs/score.md, docs/subscribe.md, docs/tables.md),
and uses no code of ours. Regions are circles, and rates the same everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from helpers.coincidence_rows import EVENT


def oracle(rows: list[dict]) -> dict[tuple[str, str], dict]:
    """Compute candidates with loops, from coincidences that are all valid."""
    groups: dict[str, list[dict]] = {}
    for row in rows:
        name = row["object_id"] or f"alert-{row['alert_id']}"
        groups.setdefault(name, []).append(row)
    return {name: _oracle_of(group) for name, group in groups.items()}


def _any(rows: list[dict], name: str) -> bool | None:
    values = {row.get(name) for row in rows}
    if True in values:
        return True
    return False if False in values else None


def _rises(row: dict) -> bool:
    """Whether an alert is 1 mag above the limit in its packet, within a day."""
    limit, magnitude = row["limit_magnitude"], row["magnitude"]
    if None in (limit, magnitude, row["last_non_detection"]):
        return False
    waited = row["alert_time"] - row["last_non_detection"]
    return limit - magnitude >= 1 and timedelta(0) < waited <= timedelta(days=1)


def _oracle_of(rows: list[dict]) -> dict:
    rows = sorted(rows, key=lambda r: (r["alert_time"], r["alert_id"]))
    good = [r for r in rows if r["quality"] is not None and r["quality"] >= 0.5]
    first = min(
        min(r["first_detection"] or r["alert_time"], r["alert_time"]) for r in rows
    )
    limits = [r["last_non_detection"] for r in rows if r["last_non_detection"]]
    limits = [limit for limit in limits if limit < first]
    onset_from = (max(limits) - EVENT) / timedelta(days=1) if limits else None
    onset_to = (first - EVENT) / timedelta(days=1)
    far = _any(rows, "extragalactic")
    positive = _any(good, "positive")
    nature = "source"
    if _any(rows, "moving"):
        nature = "moving"
    elif _any(rows, "variable") and not far:
        nature = "variable"
    elif _any(rows, "stellar") and not far:
        nature = "star"
    elif far is False:
        nature = "galactic"
    elif positive is False:
        nature = "negative"
    elif _any(rows, "active_nucleus"):
        nature = "active_nucleus"
    hosts = [r for r in rows if r["host_chance"] is not None]
    host = min(hosts, key=lambda r: r["host_chance"], default=rows[0])
    nuclear = (host["host_separation"] or 9) <= 1 / 3600 if hosts else False
    changes = [r["flux_change"] for r in good if r["flux_change"] is not None]
    is_new = nature == "source" and positive is True and onset_to >= 0
    chosen = "other"
    if is_new:
        longest = 10 if rows[0]["messenger"] == "neutrino" else 7
        is_limited = onset_from is not None and onset_from >= -longest
        chosen = "fresh" if is_limited else "fresh_unknown"
    elif (
        nature in ("source", "active_nucleus")
        and (far or nuclear or nature == "active_nucleus")
        and max(changes, default=-1) > 0
        and (onset_from is None or onset_from <= 0)
    ):
        chosen = "flaring"
    span = max(
        [r["detection_span"] for r in good]
        + [
            (b["alert_time"] - a["alert_time"]) / timedelta(days=1)
            for a in good
            for b in good
        ]
        + [0.0]
    )
    magnitudes = [r["magnitude"] for r in good if r["magnitude"] is not None]
    rates = [r["magnitude_rate"] for r in good if r["magnitude_rate"] is not None]
    best = min(rows, key=lambda r: r["credible_level"])
    return {
        "class": chosen,
        "quality": max((r["quality"] for r in rows if r["quality"]), default=None),
        "fast_rise": any(_rises(row) for row in good),
        "nature": nature,
        "onset_from": onset_from,
        "onset_to": onset_to,
        "detections": max([r["detections"] for r in rows] + [len(good)]),
        "detection_span": span,
        "positive": positive,
        "flux_change": max(changes, default=None),
        "magnitude_first": magnitudes[0] if magnitudes else None,
        "magnitude_latest": magnitudes[-1] if magnitudes else None,
        "magnitude_peak": min(magnitudes, default=None),
        "magnitude_rate": max(rates, key=abs, default=None),
        "credible_level": best["credible_level"],
        "best_alert_id": best["alert_id"],
        "alert_ids": sorted(r["alert_id"] for r in rows),
    }


@dataclass(frozen=True)
class Burst:
    """An event: kappa and fraction of a Fisher circle, and days after it."""

    messenger: str
    kappa: float
    days: float


def expected_unrelated(
    values: dict,
    burst: Burst,
    rates: Mapping[str, float],
    limit: float,
    strengths: Sequence[float],
) -> float | None:
    """Return the expected number of unrelated candidates that rank as high as one.

    Parameters
    ----------
    values : dict
        Of `oracle`.
    burst : Burst
    rates : mapping of str to float
        Objects per deg2 (flares), and day (others), by list.
    limit : float
        Credible level up to which the region is matched.
    strengths : sequence of float
        Changes of the flux of unrelated flares (mag).
    """
    if values["class"] == "other":
        return None
    is_flare = values["class"] == "flaring"
    second = 2 if values["detection_span"] >= 15 / 1440 else 1
    name = "flaring" if is_flare else f"{values['class']}_{second}"
    area = _area_deg2(burst.kappa, limit)
    total = rates[name] * area * (1 if is_flare else burst.days)
    is_neutrino = burst.messenger == "neutrino"
    rest = 0.1 if is_neutrino else 1.0
    shares = {
        "fresh_1": 0.4 * rest,
        "fresh_2": (0.6 + 0.4 * rates["fresh_2"] / rates["fresh_1"]) * rest,
        "flaring": 0.9 if is_neutrino else 1.0,
    }
    total /= shares.get(name, 1.0)
    product = _area_deg2(burst.kappa, values["credible_level"]) / area
    if is_flare:
        as_strong = sum(other >= values["flux_change"] for other in strengths)
        product *= (1 + as_strong) / (1 + len(strengths))
        return total * product * (1 - math.log(product)) if product else 0.0
    product *= min(abs(values["onset_to"]), burst.days) / burst.days
    return total * product * (1 - math.log(product)) if product else 0.0


def _area_deg2(kappa: float, level: float) -> float:
    """Area of a circle that contains a probability, of a Fisher distribution."""
    chord = -math.log1p(-level * -math.expm1(-2 * kappa)) / (2 * kappa)
    return 4 * math.pi * chord * math.degrees(1) ** 2


def topics(values: dict, messenger: str, expected: float | None) -> list[str]:
    """Return the filters of the three levels that one alert of a candidate passes."""
    kinds = ("grb", "gw", "neutrino", "frb", "xray", "gamma", "supernova")
    name = messenger if messenger in kinds else "other"
    allowed = {"source"}
    if name in ("neutrino", "gamma"):
        allowed.add("active_nucleus")
    if values["nature"] not in allowed or (values["quality"] or 0.0) < 0.5:
        return []
    found = [f"{name}_bronze"]
    wanted = {"fresh", "flaring"} if name == "neutrino" else {"fresh"}
    if values["class"] in wanted and expected is not None and expected <= 1:
        found.append(f"{name}_silver")
        is_confirmed = values["detection_span"] >= 15 / 1440 or values["fast_rise"]
        if expected <= 0.1 and is_confirmed:
            found.append(f"{name}_gold")
    return sorted(found)

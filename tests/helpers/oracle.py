# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Brute-force matching of every alert with every event, by numpy and astropy alone."""

from __future__ import annotations

from collections.abc import Callable

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.time import Time
from cdshealpix.nested import lonlat_to_healpix

from fink_voevent.sky import localization
from fink_voevent.sky.localization import DEG2_PER_SR, Ellipse, Fisher

PIXEL_DEG2 = 4 * np.pi * DEG2_PER_SR / (12 << 58)

# Columns of the table events that make a region.
REGION = ("ra", "dec", "error_r90", "fisher", "ellipse", "cells", "pixels")


def latest(events: list[dict]) -> list[dict]:
    """Find the current notice of each event, with the event's time and region.

    Parameters
    ----------
    events : list of dict
        Rows of the table events.
    """
    groups: dict[str, list[dict]] = {}
    for event in events:
        is_utility = event["kind"] == "retraction" and event["tense"] == "utility"
        is_used = event["tense"] == "observation" or is_utility
        if event["live"] and is_used:
            groups.setdefault(event["event_id"], []).append(event)
    current = []
    for notices in groups.values():
        notices.sort(key=_rank, reverse=True)
        places = [e for e in notices if e["cells"] is not None]
        times = [
            e["time"]
            for e in notices
            if e["time_source"] in ("isotime", "tjd") and e["time"]
        ]
        time = {"time": times[0] if times else _other_time(notices)}
        region = {k: places[0].get(k) for k in REGION} if places else {}
        current.append(notices[0] | time | region)
    return current


def _other_time(notices: list[dict]):
    """Time of an event of which no notice gives the time of the trigger."""
    if notices[0]["time"] and notices[0]["time_source"] != "issued":
        return notices[0]["time"]
    return min((e["time"] for e in notices if e["time"]), default=None)


def _rank(event: dict) -> tuple:
    """Order of a notice among those of its event: the highest is the current one."""
    is_retraction, issued = event["kind"] == "retraction", event["issued"]
    landed = "" if issued else str(event.get("received_at") or "")
    return (
        *(event["version"], is_retraction and issued is None),
        *(str(issued or ""), is_retraction, landed, event["notice_id"]),
    )


def pairs(
    events: list[dict],
    alerts: list[dict],
    level: float | Callable[[dict], float],
    window: tuple[float, float] | None = None,
) -> dict[tuple[str, int], dict]:
    """Match every alert with every event.

    Parameters
    ----------
    events : list of dict
        Rows of the table events.
    alerts : list of dict
        `alert_id`, `ra`, `dec` (deg) and `jd` (UTC) of each alert.
    level : float or callable
        Credible level to which regions are matched, 0-1: one for all events, or a
        function that takes an event.
    window : tuple of float, optional
        Days before and after the event; by default those of each event.

    Returns
    -------
    dict
        By (event_id, alert_id): `separation` (deg), `credible_level`, `delay` (d) and
        `notice_id`.
    """
    places = SkyCoord([a["ra"] for a in alerts], [a["dec"] for a in alerts], unit="deg")
    times = Time([a["jd"] for a in alerts], format="jd")
    found = {}
    for event in latest(events):
        if event["kind"] == "retraction" or not event["cells"] or not event["time"]:
            continue
        separation = np.full(len(alerts), np.nan)
        if event["ra"] is not None:
            centre = SkyCoord(event["ra"], event["dec"], unit="deg")
            separation = places.separation(centre).deg
        if event.get("pixels"):
            enclosed = _of_map(event["pixels"], places)
        elif event.get("ellipse"):
            enclosed = ellipse_level(event["ellipse"], centre, places)
        else:
            enclosed = _of_circle(event["fisher"], separation)
        moment = Time(event["time"].replace(tzinfo=None), scale="utc")
        delay = (times - moment).to_value(u.day)
        before, after = window or (event["window_before"], event["window_after"])
        reach = level(event) if callable(level) else level
        inside = (enclosed <= reach) & (-before <= delay) & (delay <= after)
        for i in np.flatnonzero(inside):
            found[event["event_id"], alerts[i]["alert_id"]] = {
                "separation": separation[i],
                "credible_level": enclosed[i],
                "delay": delay[i],
                "notice_id": event["notice_id"],
            }
    return found


def pairs_in_time(
    events: list[dict],
    alerts: list[dict],
    part: float,
    window: tuple[float, float] | None = None,
) -> dict[tuple[str, int], dict]:
    """Match every alert with every event that awaits its sky map, in time only.

    Parameters
    ----------
    events, alerts, window
        As of `pairs`.
    part : float
        Part of the window that is matched, the one nearest to the event: 0-1.

    Returns
    -------
    dict
        As of `pairs`; `separation` and `credible_level` are NaN.
    """
    times = Time([a["jd"] for a in alerts], format="jd")
    found = {}
    for event in latest(events):
        awaits = event["cells"] is None and event["skymap_url"] and event["time"]
        if event["kind"] == "retraction" or not awaits:
            continue
        moment = Time(event["time"].replace(tzinfo=None), scale="utc")
        delay = (times - moment).to_value(u.day)
        before, after = window or (event["window_before"], event["window_after"])
        distance = np.abs(delay)
        nearer = np.minimum(distance, before) + np.minimum(distance, after)
        inside = (-before <= delay) & (delay <= after)
        for i in np.flatnonzero(inside & (nearer <= part * (before + after))):
            found[event["event_id"], alerts[i]["alert_id"]] = {
                "separation": np.nan,
                "credible_level": np.nan,
                "delay": delay[i],
                "notice_id": event["notice_id"],
            }
    return found


def find_root(function, low: float = 1e-12, high: float = 1 - 1e-12) -> float:
    """Find the root of a rising function, by bisection."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return low


def level_at(row: dict, area_deg2: float) -> float:
    """Credible level of the most probable part of a region with a given area.

    It is searched for, or found by summing pixels; it is 1 if the region is smaller.

    Parameters
    ----------
    row : dict
        Row of the table events.
    area_deg2 : float
    """
    if row.get("pixels"):
        pixels = sorted(row["pixels"], key=lambda p: p["level"])
        area = np.cumsum([p["hi"] - p["lo"] for p in pixels]) * PIXEL_DEG2
        if area[-1] < area_deg2:
            return 1.0
        return pixels[int(np.searchsorted(area, area_deg2))]["level"]
    if row.get("ellipse"):
        shape = Ellipse(**row["ellipse"])
        return find_root(lambda p: shape.area_deg2(p) - area_deg2)

    def excess(probability: float) -> float:
        radius_deg = Fisher(**row["fisher"]).radius_deg(probability)
        return localization.area_deg2(radius_deg) - area_deg2

    return find_root(excess) if excess(1 - 1e-12) > 0 else 1.0


def _of_map(pixels: list[dict], places: SkyCoord) -> np.ndarray:
    """Level of the pixel that contains each place; 2 if no pixel does."""
    index = lonlat_to_healpix(places.ra, places.dec, 29).astype(np.int64)
    level = np.full(len(index), 2.0)
    for pixel in pixels:
        level[(index >= pixel["lo"]) & (index < pixel["hi"])] = pixel["level"]
    return level


def ellipse_level(ellipse: dict, centre: SkyCoord, places: SkyCoord) -> np.ndarray:
    """Credible level at places in an ellipse."""
    chord = np.sin(centre.separation(places).rad / 2) ** 2
    phi = centre.position_angle(places).rad - np.radians(ellipse["angle"])
    kappa = ellipse["major_kappa"] * np.cos(phi) ** 2
    kappa += ellipse["minor_kappa"] * np.sin(phi) ** 2
    return -np.expm1(-2 * kappa * chord)


def _of_circle(fisher: dict, separation: np.ndarray) -> np.ndarray:
    """Credible level at separations (deg) from the centre of a circle."""
    chord = np.sin(np.radians(separation) / 2) ** 2
    core, tail = (
        np.expm1(-2 * k * chord) / np.expm1(-2 * k)
        for k in (fisher["core_kappa"], fisher["tail_kappa"])
    )
    return fisher["fraction"] * core + (1 - fisher["fraction"]) * tail


def assert_equal(found: list[dict], expected: dict[tuple[str, int], dict]) -> None:
    """Check that the pairs are the same: angles to 1e-9 deg, delays to 1 us."""
    assert {(r["event_id"], r["alert_id"]) for r in found} == set(expected)
    assert len(found) == len(expected)
    for row in found:
        oracle = expected[row["event_id"], row["alert_id"]]
        assert row["notice_id"] == oracle["notice_id"]
        for name in ("separation", "credible_level"):
            if np.isnan(oracle[name]):
                assert row[name] is None
            else:
                assert abs(row[name] - oracle[name]) < 1e-9
        assert abs(row["delay"] - oracle["delay"]) * 86400e6 < 1

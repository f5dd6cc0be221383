# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Brute force: every alert with every live event, by numpy and astropy alone."""

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

REGION = ("ra", "dec", "error_r90", "fisher", "ellipse", "cells", "pixels")


def latest(events: list[dict]) -> list[dict]:
    """Latest live observation of each event, with the time of its trigger."""
    groups: dict[str, list[dict]] = {}
    for event in events:
        withdrawn = event["kind"] == "retraction" and event["tense"] == "utility"
        meant = event["tense"] == "observation" or withdrawn
        if event["live"] and meant:
            groups.setdefault(event["event_id"], []).append(event)
    chosen = []
    for notices in groups.values():
        notices.sort(key=_newest, reverse=True)
        places = [e for e in notices if e["cells"] is not None]
        times = [
            e["time"]
            for e in notices
            if e["time_source"] in ("isotime", "tjd") and e["time"]
        ]
        when = {"time": times[0] if times else notices[0]["time"]}
        where = {k: places[0].get(k) for k in REGION} if places else {}
        chosen.append(notices[0] | when | where)
    return chosen


def _newest(event: dict) -> tuple:
    undated = event["kind"] == "retraction" and event["issued"] is None
    return event["version"], undated, str(event["issued"] or ""), event["notice_id"]


def pairs(
    events: list[dict],
    alerts: list[dict],
    level: float | Callable[[dict], float],
    window: tuple[float, float] | None = None,
) -> dict[tuple[str, int], dict]:
    """Pairs by (event_id, alert_id), with separation, credible_level and delay.

    `level` may be one for all events, or tell that of each.
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
            enclosed = _of_ellipse(event["ellipse"], centre, places)
        else:
            enclosed = _enclosed(event["fisher"], separation)
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
    """Pairs as `pairs` tells them, of events that have no region but a map's address.

    Of alerts that `part` of the window, at most, is nearer to the event than.
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
        far = np.abs(delay)
        nearer = np.minimum(far, before) + np.minimum(far, after)
        inside = (-before <= delay) & (delay <= after)
        for i in np.flatnonzero(inside & (nearer <= part * (before + after))):
            found[event["event_id"], alerts[i]["alert_id"]] = {
                "separation": np.nan,
                "credible_level": np.nan,
                "delay": delay[i],
                "notice_id": event["notice_id"],
            }
    return found


def where_zero(function, low: float = 1e-12, high: float = 1 - 1e-12) -> float:
    """Where a rising function is 0, by halving."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return low


def level_at(row: dict, area_deg2: float) -> float:
    """Level of the most probable part of a region so large; 1 where it is smaller.

    By search, and by summing pixels.
    """
    if row.get("pixels"):
        pixels = sorted(row["pixels"], key=lambda p: p["level"])
        area = np.cumsum([p["hi"] - p["lo"] for p in pixels]) * PIXEL_DEG2
        if area[-1] < area_deg2:
            return 1.0
        return pixels[int(np.searchsorted(area, area_deg2))]["level"]
    if row.get("ellipse"):
        shape = Ellipse(**row["ellipse"])
        return where_zero(lambda p: shape.area_deg2(p) - area_deg2)

    def excess(probability: float) -> float:
        radius_deg = Fisher(**row["fisher"]).radius_deg(probability)
        return localization.area_deg2(radius_deg) - area_deg2

    return where_zero(excess) if excess(1 - 1e-12) > 0 else 1.0


def _of_map(pixels: list[dict], places: SkyCoord) -> np.ndarray:
    """Level of the pixel that holds each place; beyond 1 where none does."""
    index = lonlat_to_healpix(places.ra, places.dec, 29).astype(np.int64)
    level = np.full(len(index), 2.0)
    for pixel in pixels:
        level[(index >= pixel["lo"]) & (index < pixel["hi"])] = pixel["level"]
    return level


def _of_ellipse(ellipse: dict, centre: SkyCoord, places: SkyCoord) -> np.ndarray:
    chord = np.sin(centre.separation(places).rad / 2) ** 2
    phi = centre.position_angle(places).rad - np.radians(ellipse["angle"])
    kappa = ellipse["major_kappa"] * np.cos(phi) ** 2
    kappa += ellipse["minor_kappa"] * np.sin(phi) ** 2
    return -np.expm1(-2 * kappa * chord)


def _enclosed(fisher: dict, separation: np.ndarray) -> np.ndarray:
    chord = np.sin(np.radians(separation) / 2) ** 2
    core, tail = (
        np.expm1(-2 * k * chord) / np.expm1(-2 * k)
        for k in (fisher["core_kappa"], fisher["tail_kappa"])
    )
    return fisher["fraction"] * core + (1 - fisher["fraction"]) * tail


def assert_equal(found: list[dict], expected: dict[tuple[str, int], dict]) -> None:
    """Pair by pair: angles to 1e-9 deg, delay to 1 us."""
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

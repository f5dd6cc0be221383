# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Synthetic data for the benchmarks: thin alerts, events with regions, sky maps."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import lonlat_to_healpix
from ztf_alerts import ALERT, alert

from fink_voevent.ingest.conversion import region_row
from fink_voevent.sky import localization
from fink_voevent.tables.schema import NOTICES, arrow_schema, stored_schema

T0 = datetime(2024, 1, 15, tzinfo=timezone.utc)
JD0 = 2460324.5  # T0 as a Julian date
LEVEL = 0.95  # credible level up to which regions are matched
MAP_ORDER = 8
# Alerts of realistic size: bytes of each, copies in a file, number of files.
WIDE_BYTES, COPIES, WIDE_FILES = 15_000, 20, 128
ROOT = Path(__file__).parent.parent
FILE_ALERTS = 250_000  # in a file, as in files that were sorted by place
REPEATED = ["survey", "night", "packet_file", "band"]
MAPS = 10
DAYS = 20  # length of the time over which alerts and events are spread
AFTER_DAYS = 7.0  # window of an event, after its time
GOLDEN = 0.618034  # its multiples, modulo 1, are evenly spread
ALWAYS = {"window_before": 5000.0, "window_after": 5000.0}  # days


def places(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Right ascensions and declinations (deg), evenly over the sky; shape (count,)."""
    return rng.uniform(0, 360, count), np.degrees(np.arcsin(rng.uniform(-1, 1, count)))


def write_alerts(path: Path, count: int) -> None:
    """Write thin alerts in files of the size that voevent_match writes.

    Numbers are written without a dictionary, as Spark does if hardly any are equal.
    """
    rng = np.random.default_rng(1)
    path.mkdir()
    parts = -(-count // FILE_ALERTS)
    for part in range(parts):
        table = thin_alerts(rng, count // parts, part * (count // parts))
        pq.write_table(table, path / f"{part}.parquet", use_dictionary=REPEATED)


def thin_alerts(rng: np.random.Generator, size: int, first: int) -> pa.Table:
    """Return `size` thin alerts of one file, numbered from `first`."""
    nullable = pa.schema([f.with_nullable(True) for f in arrow_schema("alerts")])
    columns = _places(rng, size) | _light(rng, size)
    number = np.arange(size) + first
    name = f"science/20240115/part-{first:09d}-c5a7e3b0.c000.snappy.parquet"
    columns |= {
        "survey": ["ztf"] * size,
        "night": ["20240115"] * size,
        "alert_id": 2_570_000_000_000_000_000 + number,
        "object_id": [f"ZTF24a{n:07d}" for n in rng.permutation(size) + first],
        "packet_file": [f"file:///data/fink/{name}"] * size,
    }
    arrays = [pa.array(columns[f.name], f.type) for f in nullable]
    return pa.table(arrays, schema=nullable)


def _places(rng: np.random.Generator, size: int) -> dict[str, np.ndarray]:
    """Columns of thin alerts that give the position; each of shape (size,)."""
    ra, dec = places(rng, size)
    index = lonlat_to_healpix(Longitude(ra, "deg"), Latitude(dec, "deg"), 29)
    e, n = np.radians(ra), np.radians(dec)
    return {
        "alert_ra": ra,
        "alert_dec": dec,
        "hpx29": index.astype(np.int64),
        "x": np.cos(n) * np.cos(e),
        "y": np.cos(n) * np.sin(e),
        "z": np.sin(n),
    }


def _light(rng: np.random.Generator, size: int) -> dict[str, pa.Array | np.ndarray]:
    """Columns of thin alerts that describe the object; each of shape (size,).

    Half of the objects were detected in the month before the alert.
    """
    day_us = 86_400_000_000
    when = int(T0.timestamp() * 1e6) + rng.integers(0, DAYS * day_us, size)
    first = when - rng.integers(0, 30 * day_us, size) * rng.integers(0, 2, size)
    limit = first - rng.integers(day_us, 5 * day_us, size)
    return {
        "alert_time": when,
        "first_detection": first,
        "last_non_detection": pa.array(limit, mask=rng.random(size) < 0.3),
        "magnitude": rng.uniform(16, 21, size),
        "magnitude_rate": pa.array(rng.normal(0, 0.1, size), mask=first == when),
        "band": rng.choice(["g", "r"], size),
        "quality": rng.random(size),
        "extragalactic": rng.random(size) < 0.7,
    }


def write_science(path: Path, count: int, parts: int) -> None:
    """Write `count` science alerts of ZTF in `parts` files."""
    rng = np.random.default_rng(2)
    path.mkdir()
    size = count // parts
    for part in range(parts):
        places_deg = zip(
            *(column.tolist() for column in places(rng, size)), strict=True
        )
        rows = [
            alert(part * size + n, f"ZTF{n}", ra, dec, JD0 + 7 * n / size, 19.0, -5.0,
                  -9.0, "Unknown", 0.9)
            for n, (ra, dec) in enumerate(places_deg)
        ]  # fmt: skip
        table = pa.Table.from_pylist(rows, schema=ALERT)
        pq.write_table(table, path / f"{part}.parquet")


def write_packets(folder: Path) -> int:
    """Write alerts of the size of ZTF's, and return their number.

    Real alerts are used if a folder of them is next to the checkout, otherwise
    synthetic ones. All files have the same content, because only the time to read and
    match them is measured.
    """
    real = ROOT.parent / "shared" / "real" / "ztf" / "regular"
    if real.is_dir():
        table = ds.dataset(real, format="parquet").to_table()
    else:
        rows = [
            alert(n, f"ZTF{n}", n * 0.03, n * 0.004, 2459862.0, 19.0, -5.0, -9.0,
                  "Unknown", 0.9)
            for n in range(133)
        ]  # fmt: skip
        rng = np.random.default_rng(1)  # like cutouts, random bytes do not compress
        for row in rows:
            cutout = {"fileName": "x", "stampData": rng.bytes(WIDE_BYTES)}
            row["cutoutScience"] = cutout
        table = pa.Table.from_pylist(rows, schema=ALERT)
    whole = pa.concat_tables([table] * COPIES)
    folder.mkdir()
    first = folder / "0.parquet"
    pq.write_table(whole, first, use_deprecated_int96_timestamps=True)
    for part in range(1, WIDE_FILES):
        (folder / f"{part}.parquet").hardlink_to(first)
    return WIDE_FILES * len(whole)


def notices(events: list[dict]) -> pa.Table:
    """Notices with their regions, as `read_notice` returns them."""
    fields = [field.with_nullable(True) for field in arrow_schema(NOTICES)]
    return pa.Table.from_pylist(events, schema=pa.schema(fields))


def tables_of(events: list[dict]) -> tuple[pa.Table, pa.Table]:
    """Rows of the tables events and regions, without the number of a batch."""
    rows = [{"pixels": None} | one for one in events]
    regions = [region_row(row, row["notice_id"]) for row in rows]
    found = (("events", rows), ("regions", [one for one in regions if one]))
    return tuple(
        pa.Table.from_pylist(part, schema=stored_schema(name)).drop_columns(["batch"])
        for name, part in found
    )


def event(number: int, ra: float, dec: float, radius_deg: float) -> dict:
    """Notice whose region, up to `LEVEL`, has a radius (deg)."""
    mixture = localization.fisher(radius_deg, LEVEL)
    cells = localization.cover(ra, dec, mixture.radius_deg(0.99))
    return {
        "ivorn": f"ivo://org.example/x#{number}",
        "notice_id": f"{number:06d}",
        "sha256": "",
        "event_id": f"{number}",
        "version": 1,
        "kind": "initial",
        "tense": "observation",
        "live": True,
        "issued": T0,
        "stream": "benchmark",
        "messenger": "grb",
        "time": T0 + timedelta(days=DAYS * (number * GOLDEN % 1)),
        "time_source": "isotime",
        "ra": ra,
        "dec": dec,
        "error_r90": mixture.radius_deg(0.9),
        "fisher": {
            "fraction": 1.0,
            "core_kappa": mixture.core_kappa,
            "tail_kappa": mixture.tail_kappa,
        },
        "cells": [{"lo": lo, "hi": hi} for lo, hi in cells],
        "window_before": 0.0,
        "window_after": AFTER_DAYS,
        "received_at": T0,
    }


def circles(count: int) -> list[dict]:
    """Events with circular regions, of the mix of radii that observatories publish.

    Six in ten have 1 arcsec to 4 arcmin, three in ten 3 to 15 deg, one in ten 0.3 to
    8 deg.
    """
    rng = np.random.default_rng(2)
    kinds = rng.choice(3, count, p=(0.6, 0.3, 0.1))
    low, high = np.array([-3.5, 0.5, -0.5])[kinds], np.array([-1.2, 1.18, 0.9])[kinds]
    radii = 10 ** rng.uniform(low, high)
    centres = zip(*places(rng, count), radii, strict=True)
    return [event(i, *map(float, one)) for i, one in enumerate(centres)]


def always(events: list[dict]) -> list[dict]:
    """Return the events with a window that contains every alert."""
    return [one | ALWAYS for one in events]


def sky_maps() -> list[dict]:
    """Events with sky maps of about 10,000 pixels, as LVK's within 99 %."""
    rng = np.random.default_rng(3)
    events = []
    size = 1 << 2 * (29 - MAP_ORDER)
    for number, (ra, dec) in enumerate(zip(*places(rng, MAPS), strict=True)):
        whole = localization.cover(float(ra), float(dec), 12.5)
        index = np.concatenate(
            [np.arange(lo // size, -(-hi // size)) for lo, hi in whole]
        )
        weight = np.sort(rng.exponential(size=len(index)))[::-1]
        level = (np.cumsum(weight) - weight) / weight.sum()
        density = weight / weight.sum() / (4 * math.pi / (12 << 2 * MAP_ORDER))
        pixels = [
            {"lo": int(i) * size, "hi": (int(i) + 1) * size, "level": lv, "density": d}
            for i, lv, d in zip(
                rng.permutation(index), level.tolist(), density.tolist(), strict=True
            )
        ]
        without = {"ra": None, "dec": None, "fisher": None, "error_r90": None}
        ranges = [{"lo": lo, "hi": hi} for lo, hi in whole]
        events.append(
            event(number, 0.0, 0.0, 1.0) | without | {"cells": ranges, "pixels": pixels}
        )
    return events

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Known events as the output of `fink_voevent match`, made without Spark.

Three events with their counterparts, from rounded published facts, each among unrelated
objects that are made up:

- GW170817 and AT2017gfo (Coulter et al. 2017, Science 358, 1556; Villar et al. 2017,
  ApJ 851, L21).
- GRB 221009A and its afterglow (GCN 32638, 32645, 32664).
- EP240414a and AT2024gsa (GCN 36091, 36110; Srivastav et al. 2025, ApJ 978, L21), in
  the form of Rubin's alerts.
"""

from __future__ import annotations

import base64
import functools
import gzip
import io
import json
import math
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits
from cdshealpix.nested import healpix_to_lonlat
from json_notices import lvk

from fink_voevent.notices import streams
from fink_voevent.notices.normalisation import normalise
from fink_voevent.score.candidates import from_coincidences
from fink_voevent.sky import region as sky_region
from fink_voevent.sky.region import Region
from fink_voevent.tables.schema import arrow_schema

DATATEST = Path(__file__).parent.parent.parent / "datatest"
STAMP_SIDE = 63
EP240414A = {
    "$schema": "https://gcn.nasa.gov/schema/v4.2.0/gcn/notices/einstein_probe/wxt/"
    "alert.schema.json",
    "instrument": "WXT",
    "id": ["11900080130"],
    "trigger_time": "2024-04-14T09:50:12.00Z",
    "ra": 191.498,
    "dec": -9.695,
    "ra_dec_error": 0.05,
    "image_snr": 14.6,
}


@dataclass(frozen=True)
class Optical:
    """An object with its measurements: (days since the event, magnitude, band).

    `limit` is the day and the magnitude of the last limit; None if there is none.
    """

    name: str
    ra: float
    dec: float
    measurements: tuple[tuple[float, float, str], ...]
    limit: tuple[float, float] | None
    p_chance: float | None = 0.9
    prior_activity: str = "new"
    extragalactic: bool | None = None
    quality: float = 0.95
    status: str = "new"
    simbad: str = "Unknown"


COUNTERPARTS = {
    "gw170817.json": Optical(
        "AT2017gfo",
        197.450354,
        -23.381484,
        ((0.4527, 17.3, "r"), (1.45, 17.9, "r"), (1.46, 18.6, "g"), (2.45, 18.8, "r")),
        (-2.0, 20.4),  # made up: the real one is 21 days before
        0.004,
        extragalactic=True,
        simbad="Galaxy",
    ),
    "grb221009a_xrt.xml": Optical(
        "ZTF22aaaagrb",
        288.26459,
        19.77344,
        ((0.21, 17.4, "r"), (1.22, 18.8, "r"), (2.3, 19.9, "r"), (2.31, 20.6, "g")),
        (-1.9, 20.3),
        0.0004,
    ),
    "ep240414a.json": Optical(
        "169298433216610349",
        191.50700,
        -9.71914,
        ((0.1304, 21.5, "r"), (1.1, 22.6, "r"), (2.1, 22.3, "r"), (3.2, 22.0, "i")),
        (-2.1, 24.2),
        0.006,
    ),
}


def write_match(
    folder: Path, more: int = 12, names: Iterable[str] = COUNTERPARTS
) -> tuple[Path, list[str]]:
    """Write coincidences of known events, notices and packets.

    Parameters
    ----------
    folder : Path
    more : int
        Unrelated objects of each event with a large region.
    names : iterable of str
        Of `COUNTERPARTS`.

    Returns
    -------
    Path
        Folder with ``coincidences.parquet``, as of `fink_voevent match`.
    list of str
        Paths of the notices.
    """
    (folder / "notices").mkdir(parents=True)
    rows, paths = [], []
    for name in names:
        notice_files = _notices(folder / "notices", name)
        survey = "rubin" if name.startswith("ep") else "ztf"
        objects = [COUNTERPARTS[name]]
        if name.startswith("gw"):
            objects += unrelated(_region(notice_files[-1]), more)
        rows += pairs(notice_files[-1], objects, survey, folder)
        paths += [str(path) for path in notice_files]
    write_tables(folder, rows)
    return folder, paths


def write_tables(folder: Path, rows: list[dict]) -> None:
    """Write coincidences and their candidates, as `fink_voevent match` does."""
    for name, content in (("coincidences", rows), ("candidates", judged(rows))):
        table = pa.Table.from_pylist(content, nullable_schema(name))
        pq.write_table(table, folder / f"{name}.parquet")


def nullable_schema(name: str) -> pa.Schema:
    return pa.schema([field.with_nullable(True) for field in arrow_schema(name)])


def judged(rows: Iterable[dict]) -> list[dict]:
    """Candidates of coincidences; what is expected follows from their `p_chance`."""
    columns = [*arrow_schema("coincidences").names]
    journal = pa.Table.from_pylist(
        [{name: row.get(name) for name in columns} for row in rows],
        nullable_schema("coincidences"),
    )
    chances: dict[tuple[str, str], float] = {}
    for row in rows:
        if row["p_chance"] is not None:
            name = row["object_id"] or f"alert-{row['alert_id']}"
            key = (row["event_id"], name)
            chances[key] = min(row["p_chance"], chances.get(key, 1.0))
    found = from_coincidences(journal, 0, {}).to_pylist()
    for one in found:
        chance = chances.get((one["event_id"], one["object_id"]))
        if chance is not None:
            expected = -math.log1p(-chance) if chance < 1 else 1e9
            one |= {"expected_unrelated": expected, "p_chance": chance}
    return found


def write_crowded(folder: Path, count: int = 1000) -> tuple[Path, list[str]]:
    """Write an event with a map of a quarter of the sky, and many candidates.

    Returns
    -------
    Path, list of str
        As of `write_match`.
    """
    folder.mkdir(parents=True)
    notice = folder / "crowded.json"
    event = {
        "time": "2024-01-15T03:00:00Z",
        "far": 1e-9,
        "significant": True,
        "instruments": ["H1"],
        "group": "CBC",
        "search": "AllSky",
        "properties": {"HasNS": 0.1},
        "classification": {"BBH": 0.9, "Terrestrial": 0.1},
        "skymap": base64.b64encode(_wide_map()).decode(),
    }
    created = "2024-01-15T03:05:00Z"
    notice.write_bytes(
        lvk("INITIAL", event, superevent_id="S240115q", time_created=created)
    )
    objects = [
        replace(
            one, extragalactic=None, quality=0.9, status="new", prior_activity="new"
        )
        for one in unrelated(_region(notice), count)
    ]
    rows = pairs(notice, objects, "ztf", folder)
    write_tables(folder, rows)
    return folder, [str(notice)]


def _wide_map() -> bytes:
    """Map of order 6 with 90 % of the probability in a quarter of the sky."""
    order = 6
    lon, lat = healpix_to_lonlat(np.arange(12 << 2 * order), order)
    distance = sky_region.separation_deg(150.0, 20.0, lon.deg, lat.deg)
    density = np.exp(-((distance / 28.0) ** 2) / 2)
    density /= density.sum() * 4 * np.pi / density.size
    uniq = np.arange(density.size) + (4 << 2 * order)
    columns = [
        fits.Column("UNIQ", "K", array=uniq),
        fits.Column("PROBDENSITY", "D", unit="sr-1", array=density),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    table.header.update({"ORDERING": "NUNIQ", "DISTMEAN": 900.0, "DISTSTD": 250.0})
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(stream)
    return stream.getvalue()


def _notices(folder: Path, name: str) -> list[Path]:
    """Write the notices of an event, the current one last."""
    if name == "ep240414a.json":
        (folder / name).write_text(json.dumps(EP240414A))
        return [folder / name]
    source = DATATEST / ("truth" if name.endswith(".json") else "voevents") / name
    earlier = [DATATEST / "voevents" / "grb221009a_bat.xml"] if "grb" in name else []
    for path in (*earlier, source):
        (folder / path.name).write_bytes(path.read_bytes())
    return [folder / path.name for path in (*earlier, source)]


def _region(path: Path) -> Region:
    found = sky_region.from_row(normalise(path.read_bytes(), streams.load()))
    assert found is not None
    return found


def unrelated(region: Region, count: int, seed: int = 5) -> list[Optical]:
    """Return made-up objects in a region: most are of no interest."""
    rng = np.random.default_rng(seed)
    places = region.places()
    share = places.probability / places.probability.sum()
    chosen = rng.choice(len(places.ra), count, p=share)
    found = []
    for number, place in enumerate(chosen):
        first = float(rng.uniform(0.3, 6.0))
        magnitude, rate = float(rng.uniform(18.5, 20.4)), float(rng.normal(0.0, 0.1))
        days = [first + step for step in range(int(rng.integers(1, 4)))]
        found.append(
            Optical(
                f"ZTF17aaa{number:04d}",
                float(places.ra[place] + rng.normal(0, 0.05)) % 360.0,
                float(np.clip(places.dec[place] + rng.normal(0, 0.05), -90, 90)),
                tuple(
                    (d, magnitude + rate * (d - first), "rg"[number % 2]) for d in days
                ),
                (first - float(rng.uniform(0.5, 4.0)), 20.5),
                float(rng.uniform(0.7, 0.98)),
                ("new", "active", "unknown")[number % 3],
                (None, False, True)[number % 7 % 3],
                float(rng.uniform(0.3, 1.0)),
                "withdrawn" if number % 11 == 10 else "new",
                ("Unknown", "Star", "QSO")[number % 3],
            )
        )
    return found


def pairs(
    notice_path: Path, objects: Sequence[Optical], survey: str, folder: Path
) -> list[dict]:
    """Return the coincidences of an event, and write the packets of the alerts."""
    notice = normalise(notice_path.read_bytes(), streams.load())
    region = sky_region.from_row(notice)
    assert region is not None
    rows, packets = [], []
    file = folder / f"packets-{notice_path.stem}.parquet"
    for number, one in enumerate(objects):
        for index in range(len(one.measurements)):
            alert_id = 10_000 + 100 * number + index
            rows.append(_row(notice, region, one, index, alert_id, survey, file))
            packets.append(_packet(notice["time"], one, index, alert_id, survey))
    pq.write_table(pa.Table.from_pylist(packets), file)
    return rows


def _row(
    notice: dict,
    region: Region,
    one: Optical,
    index: int,
    alert_id: int,
    survey: str,
    file: Path,
) -> dict:
    event_time = notice["time"]
    days, magnitude, band = one.measurements[index]
    moment = event_time + timedelta(days=days)
    same = [m for m in one.measurements[:index] if m[2] == band]
    rate = None if not same else (magnitude - same[-1][1]) / (days - same[-1][0])
    first = days if one.prior_activity != "active" else min(days, -20.0)
    limit = None if one.limit is None or first < 0 else one.limit[0]
    pair = f"{notice['notice_id']} {alert_id} {survey}"
    return {
        "coincidence_id": str(uuid.uuid5(uuid.NAMESPACE_OID, pair)),
        "status": one.status,
        "event_id": notice["event_id"],
        "event_version": notice["version"],
        "event_issued": notice["issued"],
        "ivorn": notice["ivorn"],
        "notice_id": notice["notice_id"],
        "notice_sha256": "0" * 64,
        "related_event_ids": [],
        "stream": notice["stream"],
        "messenger": notice["messenger"],
        "tense": notice["tense"],
        "event_time": event_time,
        "event_ra": notice["ra"],
        "event_dec": notice["dec"],
        "event_error_r90": notice["error_r90"],
        "survey": survey,
        "night": f"{moment:%Y%m%d}",
        "alert_id": alert_id,
        "object_id": one.name,
        "alert_ra": one.ra,
        "alert_dec": one.dec,
        "alert_time": moment,
        "first_detection": event_time
        + timedelta(days=min(first, one.measurements[0][0])),
        "last_non_detection": None
        if limit is None
        else event_time + timedelta(days=limit),
        "magnitude": magnitude,
        "magnitude_rate": rate,
        "band": band,
        "quality": one.quality,
        "extragalactic": one.extragalactic,
        "positive": True,
        "detections": index + 1,
        "detection_span": days - one.measurements[0][0],
        "packet_file": file.absolute().as_uri(),
        "separation": None,
        "credible_level": float(region.level_at(one.ra, one.dec)),
        "density": 1.0,
        "delay": days,
        "prior_activity": one.prior_activity,
        "background_rate": 0.1,
        "p_chance": one.p_chance,
        "background_id": "example",
        "notice_received_at": datetime(2026, 1, 1, tzinfo=timezone.utc),
        "batch": 0,
        "software": "fink-voevent test",
    }


def _packet(
    event_time: datetime, one: Optical, index: int, alert_id: int, survey: str
) -> dict:
    earlier = one.measurements[: index + 1]
    stamps = dict(zip(("Science", "Template", "Difference"), _stamps(), strict=True))
    if survey == "rubin":
        return _rubin_packet(event_time, one, earlier, alert_id) | {
            f"cutout{name}": content for name, content in stamps.items()
        }
    measured = [_ztf_source(event_time, *m, one) for m in earlier]
    if one.limit is not None:
        for step in (0.0, 3.0, 6.0):
            source = _ztf_source(event_time, one.limit[0] - step, 0.0, "r", one)
            source |= {"magpsf": None, "sigmapsf": None, "diffmaglim": one.limit[1]}
            measured.insert(0, source)
    return {
        "candid": alert_id,
        "objectId": one.name,
        "candidate": measured[-1],
        "prv_candidates": measured[:-1],
        "cdsxmatch": one.simbad,
        "tns": "",
        "mangrove": [("lum_dist", "39.9"), ("HyperLEDA_name", "NGC4993")]
        if one.simbad == "Galaxy"
        else [("lum_dist", "None"), ("HyperLEDA_name", "None")],
        **{
            f"cutout{name}": {"fileName": "", "stampData": content}
            for name, content in stamps.items()
        },
    }


def _ztf_source(
    event_time: datetime, days: float, magnitude: float, band: str, one: Optical
) -> dict:
    unix_s = event_time.timestamp() + 86400.0 * days
    return {
        "jd": 2440587.5 + unix_s / 86400.0,
        "fid": {"g": 1, "r": 2, "i": 3}[band],
        "magpsf": magnitude,
        "sigmapsf": 0.06,
        "diffmaglim": 20.5,
        "isdiffpos": "t",
        "ra": one.ra,
        "dec": one.dec,
    }


def _rubin_packet(
    event_time: datetime, one: Optical, earlier: Sequence, alert_id: int
) -> dict:
    def source(days: float, magnitude: float, band: str) -> dict:
        unix_s = event_time.timestamp() + 86400.0 * days
        return {
            "midpointMjdTai": 40587.0 + (unix_s + 37.0) / 86400.0,
            "psfFlux": 10 ** ((31.4 - magnitude) / 2.5),
            "psfFluxErr": 100.0,
            "band": band,
            "ra": one.ra,
            "dec": one.dec,
        }

    forced = []
    if one.limit is not None:
        sigma = 10 ** ((31.4 - one.limit[1]) / 2.5) / 5.0
        forced = [
            source(one.limit[0] - step, 30.0, "r") | {"psfFluxErr": sigma}
            for step in (0.0, 4.0)
        ]
    return {
        "diaSourceId": alert_id,
        "diaSource": source(*earlier[-1]),
        "prvDiaSources": [source(*m) for m in earlier[:-1]],
        "prvDiaForcedSources": forced,
        "xm": {
            "simbad_otype": None,
            "legacydr8_zphot": 0.41,
            "legacydr8_e_zphot": 0.07,
        },
    }


@functools.cache
def _stamps() -> list[bytes]:
    """Made-up cutouts: a galaxy with and without a source, and the source."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:STAMP_SIDE, :STAMP_SIDE] - STAMP_SIDE // 2
    galaxy = 400.0 * np.exp(-np.hypot((x - 6) / 1.6, y + 3) / 5.0)
    source = 300.0 * np.exp(-(x**2 + y**2) / 6.0)
    noise = [rng.normal(0.0, 12.0, x.shape) for _ in range(3)]
    images = (galaxy + source + noise[0], galaxy + noise[1], source + noise[2])
    return [_fits(image.astype(np.float32)) for image in images]


def _fits(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    fits.PrimaryHDU(image).writeto(stream)
    return gzip.compress(stream.getvalue(), mtime=0)

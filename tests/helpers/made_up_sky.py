# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Artificial events and alerts, and the pairs that they make."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone

import astropy.units as u
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.coordinates import SkyCoord
from helpers.fits_maps import flat_map

from fink_voevent import udf
from fink_voevent.events import event_state, versions
from fink_voevent.events.notice import Rules
from fink_voevent.match import pairing
from fink_voevent.sky import localization, skymap
from fink_voevent.tables.schema import arrow_schema

T0 = datetime(2024, 1, 15, tzinfo=timezone.utc)
LEVEL = 0.95
OBSERVED = Rules(("observation",))  # real events, without a limit of their area


def event(number: int, ra: float, dec: float, error: float, **changes) -> dict:
    """Row of the table events, with a circular region.

    Parameters
    ----------
    number : int
        Number in the ids; it also sets the hour of the event.
    ra, dec : float
        deg.
    error : float
        90 % error radius, deg.
    **changes
        Columns with other values.
    """
    mixture = localization.fisher(error, 0.9)
    cells = localization.cover(ra, dec, mixture.radius_deg(0.99))
    row = {
        "ivorn": f"ivo://org.example/x#{number}",
        "notice_id": f"notice-{number:04d}",
        "sha256": f"{number:064x}",
        "event_id": f"event-{number}",
        "version": 1,
        "kind": "initial",
        "tense": "observation",
        "live": True,
        "issued": T0,
        "stream": "test",
        "messenger": "grb",
        "time": T0 + timedelta(hours=number % 7),
        "time_source": "isotime",
        "ra": ra,
        "dec": dec,
        "error_r90": error,
        "fisher": {
            "fraction": mixture.fraction,
            "core_kappa": mixture.core_kappa,
            "tail_kappa": mixture.tail_kappa,
        },
        "cells": [{"lo": lo, "hi": hi} for lo, hi in cells],
        "window_before": 0.0,
        "window_after": 7.0,
        "received_at": T0 + timedelta(minutes=number),
    }
    return row | changes


def version(number: int, **changes) -> dict:
    """Row of the table events: a notice of the event "one"."""
    return event(number, 10.0, 20.0, 5.0, event_id="one", **changes)


def alert(number: int, ra: float, dec: float, days: float) -> dict:
    """Alert as the oracle takes it, so many days after `T0`."""
    return {"alert_id": number, "ra": ra, "dec": dec, "jd": 2460324.5 + days}


def frame(spark, path, table: str, rows: list[dict]):
    """DataFrame of a table from rows; columns that a test does not give are null."""
    schema = pa.schema([f.with_nullable(True) for f in arrow_schema(table)])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return spark.read.parquet(str(path))


def thin(spark, path, alerts: list[dict]):
    """DataFrame of thin alerts, from alerts as the oracle takes them."""
    rows = [
        (a["alert_id"], *(float(a[k]) for k in ("ra", "dec", "jd"))) for a in alerts
    ]
    df = spark.createDataFrame(
        rows, "alert_id bigint, alert_ra double, alert_dec double, jd double"
    )
    place = udf.unit_vector("alert_ra", "alert_dec")
    df = df.selectExpr("*", "'ztf' survey", "'20240115' night", "'f' packet_file")
    df = df.withColumn("alert_time", udf.time_of_jd("jd"))
    df = df.withColumn("hpx29", udf.healpix_index("alert_ra", "alert_dec"))
    df = df.withColumns({"x": place.x, "y": place.y, "z": place.z})
    empty = frame(spark, path, "alerts", [])
    return empty.unionByName(df.drop("jd"), allowMissingColumns=True)


def random_sky(seed: int, regions: int, alerts: int):
    """Random events with circular regions, and alerts all over the sky and near them.

    Returns a list of rows of the table events, and a list of alerts as the oracle takes
    them.
    """
    rng = np.random.default_rng(seed)

    def places(n):
        return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))

    # From arcseconds to more than the whole sky; at poles and at right ascension 0.
    errors = 10 ** rng.uniform(-4, 2.2, regions)
    centres = [*zip(*places(regions), strict=True)]
    centres[:4] = [(0.0, 90.0), (77.0, -90.0), (0.0, 0.0), (359.999, 0.0)]
    events = [
        event(i, *c, float(e))
        for i, (c, e) in enumerate(zip(centres, errors, strict=True))
    ]
    found = [alert(i, *p, 0.0) for i, p in enumerate(zip(*places(alerts), strict=True))]
    for i, e in enumerate(events):  # an alert near each centre, within its error
        offset = e["error_r90"] * rng.uniform(0, 1.5)
        near = SkyCoord(e["ra"], e["dec"], unit="deg").directional_offset_by(
            rng.uniform(0, 360) * u.deg, min(offset, 180) * u.deg
        )
        found.append(alert(alerts + i, float(near.ra.deg), float(near.dec.deg), 0.0))
    for a in found:
        a["jd"] += rng.uniform(-1, 9)
    return events, found


def collect(df) -> list[dict]:
    return [r.asDict() for r in df.collect()]


def match(spark, tmp_path, events, alerts, order=0, level=LEVEL):
    """Match rows of the table events with alerts, and return the rows of the pairs."""
    notices = frame(spark, tmp_path / f"e{uuid.uuid4()}.parquet", "notices", events)
    current = versions.current_events(notices, OBSERVED)
    states = event_state.matchable(current.states)
    live = versions.rows_with_regions(current, states, notices, OBSERVED)
    chosen = event_state.order(states, order)
    df = thin(spark, tmp_path / f"a{uuid.uuid4()}.parquet", alerts)
    return collect(pairing.with_status(pairing.pairs(df, live, level, chosen), "new"))


def ellipse_event(number: int, ra: float, dec: float, shape: tuple) -> dict:
    """Event with a 90 % ellipse: two half-axes and a position angle, deg."""
    *axes, angle = shape
    region = localization.ellipse(tuple(axes), angle, 0.9)
    cells = localization.cover(ra, dec, region.radius_deg(0.99))
    return event(number, ra, dec, max(axes)) | {
        "ellipse": vars(region),
        "cells": [{"lo": lo, "hi": hi} for lo, hi in cells],
    }


def map_event(number: int, seed: int, order: int = 4, **changes) -> dict:
    """Event with a random sky map, of which some pixels have a finer order."""
    rng = np.random.default_rng(seed)
    values = rng.gamma(0.05, size=12 * 4**order).repeat(4)  # equal pixels are merged
    values[:64] = rng.gamma(0.05, size=64)
    read = skymap.read(flat_map(values, "NESTED"))
    columns = ("lo", "hi", "level", "density")
    pixels = zip(*[getattr(read, c).tolist() for c in columns], strict=True)
    return event(number, 0.0, 0.0, 1.0) | {
        "ra": None,
        "dec": None,
        "error_r90": None,
        "fisher": None,
        "cells": [{"lo": lo, "hi": hi} for lo, hi in read.ranges()],
        "pixels": [dict(zip(columns, p, strict=True)) for p in pixels],
        **changes,
    }

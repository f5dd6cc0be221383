# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Thin alerts, committed to the table alerts as match does it, without Spark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import lonlat_to_healpix
from helpers.delta_tables import rows_of

from fink_voevent.store.batches import BatchLog, Input
from fink_voevent.store.delta import Tables, staging_folder
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import with_batch

T0 = datetime(2026, 1, 1, tzinfo=timezone.utc)
NIGHT_S = 36_000  # length of a night


def alerts(
    places: Sequence[tuple[float, float]], day: int = 0, first_id: int = 0
) -> list[dict[str, Any]]:
    """Return thin alerts at places (ra, dec in deg), in the night that follows a day.

    Parameters
    ----------
    places : sequence of (float, float)
    day : int, optional
        Days after `T0`.
    first_id : int, optional
        `alert_id` of the first one.
    """
    start = T0 + timedelta(days=day)
    ra, dec = np.array(places, float).reshape(-1, 2).T
    index = lonlat_to_healpix(Longitude(ra, "deg"), Latitude(dec, "deg"), 29)
    return [
        {
            "survey": "ztf",
            "night": f"{start:%Y%m%d}",
            "alert_id": first_id + n,
            "object_id": f"ZTF{first_id + n}",
            "alert_ra": float(ra[n]),
            "alert_dec": float(dec[n]),
            "hpx29": int(index[n]),
            "alert_time": start + timedelta(seconds=n * NIGHT_S / max(len(ra), 1)),
            "magnitude": 18.0 + n % 3,
            "band": "gr"[n % 2],
        }
        for n in range(len(ra))
    ]


def commit_night(
    root: str, rows: Sequence[Mapping[str, Any]], *, done: bool = True
) -> int:
    """Commit alerts of one night as a batch of match; return its number.

    Parameters
    ----------
    root : str
    rows : sequence of mapping
    done : bool, optional
        Whether the batch is done.
    """
    tables, night = Tables(root), str(rows[0]["night"])
    log = BatchLog(tables, "match")
    batch = log.unfinished() or log.plan(Input(night=night, survey="ztf"))
    table = with_batch(rows_of("alerts", rows), "alerts", batch.number)
    staged = open_store(staging_folder(root, "match"))
    staged.subfolder(f"night={night}").write(
        "0.parquet",
        lambda stream: pq.write_table(table.drop_columns(["night"]), stream),
    )
    tables.append("alerts", staged, "match", batch.number)
    staged.remove()
    if done:
        log.finish(batch, {"night": night, "survey": "ztf", "alerts": len(rows)})
    return batch.number


def even_places(count: int, seed: int = 1) -> list[tuple[float, float]]:
    """Return places evenly over the sky (deg)."""
    rng = np.random.default_rng(seed)
    dec = np.degrees(np.arcsin(rng.uniform(-1, 1, count)))
    return list(zip(rng.uniform(0, 360, count).tolist(), dec.tolist(), strict=True))


def ids(found: pa.Table) -> list[int]:
    """Return the alerts of a result, sorted."""
    return sorted(found["alert_id"].to_pylist())

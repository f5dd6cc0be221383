# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Background rates: unrelated alerts per square degree and day, by sky cell.

The rates are measured on past nights. A snapshot of them is a small Parquet file that
never changes. Its name is a digest of its content, and each pair that is scored with it
records this name in `background_id`.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import udf
from fink_voevent.errors import InputError
from fink_voevent.filters.blocks import BRONZE_QUALITY
from fink_voevent.score.cells import CELL_DEG2, CELLS, ORDER
from fink_voevent.score.class_rates import FOLDER
from fink_voevent.store.filesystem import Store, open_store

# A cell with fewer alerts takes the mean rate of the smallest larger cell around it
# that has as many: the rate is then known to 20 %.
MIN_ALERTS = 25
CUTS = ("any", "bronze")  # selections of alerts, from wide to narrow


@dataclass(frozen=True)
class Snapshot:
    """Background rates of one survey.

    Parameters
    ----------
    survey : str
    name : str
        Identity: the survey, and a digest of the counts.
    nights : int
        Number of nights that were counted.
    rates : dict of str to ndarray, shape (CELLS,)
        By cut (`CUTS`): alerts per deg2 and day in each nested HEALPix cell of order
        `ORDER`; NaN if the survey has too few alerts there to measure a rate.
    """

    survey: str
    name: str
    nights: int
    rates: dict[str, np.ndarray]


def is_bronze(quality: str = "quality", extragalactic: str = "extragalactic") -> Column:
    """Whether an alert passes the cut that all bronze filters share.

    Parameters
    ----------
    quality, extragalactic : str, optional
        Names of the columns: see the table alerts. A null `quality` fails, a null
        `extragalactic` passes.

    Returns
    -------
    Column
        Boolean, never null.
    """
    is_real = F.coalesce(F.col(quality) >= BRONZE_QUALITY, F.lit(False))
    return is_real & F.coalesce(F.col(extragalactic), F.lit(True))


def narrowest_cut() -> Column:
    """Name the narrowest of `CUTS` that an alert passes.

    For rows with `quality` and `extragalactic`: thin alerts or coincidences.
    """
    return F.when(is_bronze(), "bronze").otherwise("any")


def measure(alerts: DataFrame, survey: str) -> Snapshot:
    """Count alerts, and compute their rates.

    Parameters
    ----------
    alerts : DataFrame
        Thin alerts of whole nights, with `night`, `hpx29`, `quality` and
        `extragalactic`.
    survey : str

    Raises
    ------
    InputError
        If there are no alerts.
    """
    nights = alerts.select("night").distinct().count()
    if not nights:
        raise InputError("there is no alert to count: give nights with --alerts")
    counted = (
        alerts.groupBy(udf.cell("hpx29", ORDER).alias("cell"))
        .agg(
            F.count(F.lit(1)).alias("any"),
            F.sum(is_bronze().cast("bigint")).alias("bronze"),
        )
        .collect()
    )
    counts = {cut: np.zeros(CELLS, dtype=np.int64) for cut in CUTS}
    for row in counted:
        for cut in CUTS:
            counts[cut][row["cell"]] = row[cut]
    return from_counts(counts, nights, survey)


def from_counts(counts: dict[str, np.ndarray], nights: int, survey: str) -> Snapshot:
    """Snapshot from counts of alerts.

    Parameters
    ----------
    counts : dict of str to ndarray, shape (CELLS,)
        By cut (`CUTS`): alerts in each nested HEALPix cell of order `ORDER`.
    nights : int
        Number of nights in which they were counted.
    survey : str
    """
    digest = hashlib.sha256(f"{survey} {nights}".encode())
    for cut in CUTS:
        digest.update(np.ascontiguousarray(counts[cut], dtype="<i8").tobytes())
    rates = {cut: smoothed(counts[cut]) / (CELL_DEG2 * nights) for cut in CUTS}
    return Snapshot(survey, f"{survey}-{digest.hexdigest()[:16]}", nights, rates)


def smoothed(counts: np.ndarray) -> np.ndarray:
    """Average counts over the smallest cell around each that has `MIN_ALERTS`.

    Parameters
    ----------
    counts : ndarray, shape (CELLS,)
        Alerts in each nested HEALPix cell of order `ORDER`.

    Returns
    -------
    ndarray, shape (CELLS,)
        Mean number of alerts in a cell; NaN if even the cell of order 0, a twelfth of
        the sky, has too few.
    """
    mean = np.full(len(counts), np.nan)
    for order in range(ORDER, -1, -1):
        size = 1 << 2 * (ORDER - order)
        total = counts.reshape(-1, size).sum(axis=1).repeat(size)
        use = np.isnan(mean) & (total >= MIN_ALERTS)
        mean[use] = total[use] / size
    return mean


def folder(root: str) -> Store:
    """Folder of the snapshots."""
    return open_store(root).subfolder(FOLDER)


def save(snapshot: Snapshot, store: Store) -> str:
    """Write a snapshot, and return the name of its file.

    Parameters
    ----------
    snapshot : Snapshot
    store : Store
        See `folder`.
    """
    table = pa.table({"cell": np.arange(CELLS), **snapshot.rates})
    facts = {"survey": snapshot.survey, "nights": str(snapshot.nights)}
    table = table.replace_schema_metadata(facts)
    name = f"{snapshot.name}.parquet"
    store.write(name, lambda stream: pq.write_table(table, stream))
    return name


def newest(store: Store, survey: str) -> Snapshot | None:
    """Read the snapshot of a survey that was written last; None if there is none.

    Parameters
    ----------
    store : Store
        See `folder`.
    survey : str
    """
    files = [f for f in store.files(".parquet") if f.base_name.startswith(survey)]
    if not files:
        return None
    name = max(files, key=lambda info: (info.mtime_ns, info.base_name)).base_name
    table = pq.read_table(io.BytesIO(store.read(name)))
    facts = table.schema.metadata
    rates = {cut: table[cut].to_numpy() for cut in CUTS}
    nights = int(facts[b"nights"])
    return Snapshot(survey, name.removesuffix(".parquet"), nights, rates)

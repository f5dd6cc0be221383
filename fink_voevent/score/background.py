# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""How many unrelated alerts a piece of sky gives: a rate by sky cell, of past nights.

A snapshot is a small Parquet file that never changes, named by what it holds; what is
scored with it says so.
"""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import udf
from fink_voevent.errors import InputError
from fink_voevent.filters.blocks import BRONZE_QUALITY
from fink_voevent.store.filesystem import Store, open_store

ORDER = 5  # 3.4 deg2 a cell
CELLS = 12 << 2 * ORDER
CELL_DEG2 = 4 * math.pi / CELLS * math.degrees(1) ** 2
# A cell that gave fewer alerts takes the rate of the larger cell around it that gave
# as many: the rate is then known to 20 %.
ENOUGH = 25
CUTS = ("any", "bronze")


@dataclass(frozen=True)
class Snapshot:
    """Rates of one survey.

    Parameters
    ----------
    survey : str
    name : str
        Identity: of the counts.
    nights : int
        That were counted.
    rates : dict of str to ndarray
        By cut: alerts per deg2 and day of each cell of `ORDER`, nested; NaN where the
        survey gave too few alerts to tell.
    """

    survey: str
    name: str
    nights: int
    rates: dict[str, np.ndarray]


def is_bronze(quality: str = "quality", extragalactic: str = "extragalactic") -> Column:
    """Tell whether an alert passes the cut that every bronze filter makes."""
    real = F.coalesce(F.col(quality) >= BRONZE_QUALITY, F.lit(False))
    return real & F.coalesce(F.col(extragalactic), F.lit(True))


def cut() -> Column:
    """Name the narrowest of `CUTS` that a thin alert or a coincidence passes."""
    return F.when(is_bronze(), "bronze").otherwise("any")


def measure(alerts: DataFrame, survey: str) -> Snapshot:
    """Count thin alerts of whole nights and make their rates.

    Raises
    ------
    InputError
        Where there is no alert.
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
    """Snapshot of counts in cells of `ORDER`, in so many nights."""
    digest = hashlib.sha256(f"{survey} {nights}".encode())
    for cut in CUTS:
        digest.update(np.ascontiguousarray(counts[cut], dtype="<i8").tobytes())
    rates = {cut: smoothed(counts[cut]) / (CELL_DEG2 * nights) for cut in CUTS}
    return Snapshot(survey, f"{survey}-{digest.hexdigest()[:16]}", nights, rates)


def smoothed(counts: np.ndarray) -> np.ndarray:
    """Average counts over the smallest cell around each that holds `ENOUGH`.

    NaN where not even a twelfth of the sky does.
    """
    mean = np.full(len(counts), np.nan)
    for order in range(ORDER, -1, -1):
        size = 1 << 2 * (ORDER - order)
        total = counts.reshape(-1, size).sum(axis=1).repeat(size)
        use = np.isnan(mean) & (total >= ENOUGH)
        mean[use] = total[use] / size
    return mean


def folder(root: str) -> Store:
    """Where snapshots are kept."""
    return open_store(root).at("background")


def save(snapshot: Snapshot, store: Store) -> str:
    """Write a snapshot, and return the name of its file."""
    table = pa.table({"cell": np.arange(CELLS), **snapshot.rates})
    facts = {"survey": snapshot.survey, "nights": str(snapshot.nights)}
    table = table.replace_schema_metadata(facts)
    name = f"{snapshot.name}.parquet"
    store.write(name, lambda stream: pq.write_table(table, stream))
    return name


def newest(store: Store, survey: str) -> Snapshot | None:
    """Snapshot of a survey that was written last; None where there is none."""
    files = [f for f in store.files(".parquet") if f.base_name.startswith(survey)]
    if not files:
        return None
    name = max(files, key=lambda info: (info.mtime_ns, info.base_name)).base_name
    table = pq.read_table(io.BytesIO(store.read(name)))
    facts = table.schema.metadata
    rates = {cut: table[cut].to_numpy() for cut in CUTS}
    nights = int(facts[b"nights"])
    return Snapshot(survey, name.removesuffix(".parquet"), nights, rates)

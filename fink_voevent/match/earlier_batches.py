# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Alerts and coincidences committed by earlier batches, of all nights."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import udf
from fink_voevent.config.settings import Settings
from fink_voevent.events.regions import SKY_ORDER
from fink_voevent.spark import dataframes
from fink_voevent.spark.codegen import stage_end
from fink_voevent.store.batches import FIRST
from fink_voevent.store.delta import Tables, is_as_written
from fink_voevent.store.table_statistics import TIME_MARGIN_US
from fink_voevent.tables.times import TimeRange


@dataclass(frozen=True)
class EarlierBatches:
    """All that was committed before a batch, of any night of the survey.

    Parameters
    ----------
    spark : SparkSession
    tables : Tables
    settings : Settings
    number : int
        Number of the batch: those before it are read.
    """

    spark: SparkSession
    tables: Tables
    settings: Settings
    number: int

    def alerts_in_nights(self, *nights: str) -> DataFrame:
        """Thin alerts of nights (YYYYMMDD): the columns of the table alerts."""
        files = self.tables.files("alerts")
        inside = files.filter(pc.field("partition.night").isin(nights))
        alerts = self._read("alerts", self._earlier(inside))
        return alerts.where(F.col("night").isin(*nights))

    def alerts_within(self, times: TimeRange | None, sky: int) -> DataFrame:
        """Thin alerts of all files that have an alert in a range of time.

        From files that are sorted by place, only alerts in `sky` are read and returned.

        Parameters
        ----------
        times : TimeRange or None
            None for no alerts.
        sky : int
            Cells as bits: see `summary.EventSummary`.

        Returns
        -------
        DataFrame
            The columns of the table alerts.
        """
        if times is None:
            return self._read("alerts", [])
        files = self.tables.files("alerts")
        first, last = (
            files[f"{end}.alert_time"].cast("int64") for end in ("min", "max")
        )
        inside = pc.and_(
            pc.less_equal(pc.subtract(first, TIME_MARGIN_US), times.last_us),
            pc.greater_equal(pc.add(last, TIME_MARGIN_US), times.first_us),
        )
        paths = self._earlier(files.filter(inside))
        alerts = self._read("alerts", paths)
        # Spark takes longer to compile this filter than to read a few unsorted files.
        if all(map(is_as_written, paths)):
            return alerts
        return alerts_in_sky(alerts, sky)

    def coincidences(self) -> DataFrame:
        """Rows of the table coincidences."""
        paths = self.tables.live_files("coincidences", FIRST, self.number - 1)
        return self._read("coincidences", paths)

    def _earlier(self, files: pa.Table) -> list[str]:
        """Paths of the files that can have rows of earlier batches."""
        paths: list[str] = files.filter(pc.field("min.batch") < self.number)[
            "path"
        ].to_pylist()
        return sorted(paths)

    def _read(self, table: str, files: Sequence[str]) -> DataFrame:
        """Rows of files of our survey that earlier batches have written."""
        rows = dataframes.read_files(
            self.spark, self.tables, table, files, FIRST, self.number - 1
        )
        return rows.where(F.col("survey") == self.settings.survey)


def alerts_in_sky(alerts: DataFrame, sky: int) -> DataFrame:
    """Select the alerts in a part of the sky.

    Parameters
    ----------
    alerts : DataFrame
        With `hpx29`.
    sky : int
        Cells as bits: see `summary.EventSummary`.

    Returns
    -------
    DataFrame
        The columns of `alerts`.
    """
    # The filter can be long: the rest of the query goes into another method.
    return stage_end(alerts.where(_in_sky(sky)))


def _in_sky(sky: int) -> Column:
    """Whether an alert lies in cells, as ranges of `hpx29`.

    From ranges Spark knows which parts of sorted files it need not read.
    """
    size = 1 << 2 * (udf.ORDER - SKY_ORDER)
    cells = [cell for cell in range(sky.bit_length()) if sky >> cell & 1]
    index = F.col("hpx29")
    inside = [(index >= cell * size) & (index < (cell + 1) * size) for cell in cells]
    return functools.reduce(operator.or_, inside, F.lit(False))  # noqa: FBT003


def alert_times(tables: Tables, number: int) -> TimeRange | None:
    """Range of `alert_time` of the alerts of a batch; None if it has none."""
    rows = tables.rows_of("alerts", ["alert_time"], number, number)
    times = rows["alert_time"].cast("int64")
    if not len(times):
        return None
    edges = pc.min_max(times)
    return TimeRange(edges["min"].as_py(), edges["max"].as_py())

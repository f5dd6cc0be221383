# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Methods that Spark fuses the operators of a stage into."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

LARGEST_METHOD = 8000  # bytes; HotSpot interprets what is larger, and is slower at it


def stage_end(df: DataFrame) -> DataFrame:
    """End the method here: what follows is fused into another.

    What is over `LARGEST_METHOD` is not fused at all. Partitions stay as they are.
    """
    return df.coalesce(1 << 16)

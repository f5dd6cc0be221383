# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Limits of the Java methods that Spark generates from a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Bytes of byte code. HotSpot does not compile a larger method, and Spark does not fuse
# operators into one.
LARGEST_METHOD = 8000


def stage_end(df: DataFrame) -> DataFrame:
    """End the generated method here: what follows goes into another one.

    Spark runs a query without fusing its operators if its method is larger than
    `LARGEST_METHOD`. The rows and partitions of `df` stay as they are.
    """
    return df.coalesce(1 << 16)

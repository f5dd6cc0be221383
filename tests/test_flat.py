# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent import flat

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("point", pa.struct([("x", pa.float64()), ("y", pa.float64())])),
        ("cells", pa.list_(pa.struct([("lo", pa.int64()), ("hi", pa.int64())]))),
        ("names", pa.list_(pa.string())),
    ]
)
LONGS = st.integers(-(2**62), 2**62)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": LONGS,
            "point": st.none()
            | st.fixed_dictionaries({"x": st.floats(0, 1), "y": st.none()}),
            "cells": st.none()
            | st.lists(st.fixed_dictionaries({"lo": LONGS, "hi": LONGS}), max_size=3),
            "names": st.none() | st.lists(st.text(max_size=3), max_size=2),
        }
    ),
    max_size=5,
)


@given(ROWS, st.integers(0, 3))
def test_flat_columns_hold_what_the_nested_ones_held(rows, skipped):
    batch = pa.RecordBatch.from_pylist(rows, schema=SCHEMA).slice(skipped)
    flattened = flat.flatten(batch).to_pylist()
    for row, found in zip(rows[skipped:], flattened, strict=True):
        point, cells = row["point"] or {}, row["cells"]
        assert found["point__x"] == point.get("x")
        assert found["cells__lo"] == (
            None if cells is None else [c["lo"] for c in cells]
        )
        assert found["names"] == row["names"]


@pytest.mark.parametrize("order", [1, -1])
def test_spark_nests_what_was_flattened(spark, tmp_path, order):
    rows = [
        {"id": 1, "point": {"x": 1.0, "y": None}, "cells": [{"lo": 1, "hi": 2}],
         "names": ["a"]},
        {"id": 2, "point": None, "cells": None, "names": None},
        {"id": 3, "point": {"x": 0.0, "y": 2.0}, "cells": [], "names": []},
    ][::order]  # fmt: skip
    batch = flat.flatten(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))
    pq.write_table(pa.Table.from_batches([batch]), tmp_path / "flat.parquet")
    df = flat.nest(spark.read.parquet(str(tmp_path / "flat.parquet")), SCHEMA)
    found = [r.asDict(recursive=True) for r in df.collect()]
    assert found == rows

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Which objects of past nights are counted, and what was covered."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.delta_tables import rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from fink_voevent.errors import InputError
from fink_voevent.score import class_counts
from fink_voevent.score.cells import CELLS, PARTS
from fink_voevent.store.delta import Tables
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import arrow_schema, with_batch

NIGHT = datetime(2026, 1, 1, 3, tzinfo=timezone.utc)
PART = 1 << 2 * (29 - 7)  # places in a part of a cell
NEW = {
    "survey": "ztf",
    "object_id": "A",
    "hpx29": 5 << 48,
    "quality": 0.9,
    "extragalactic": None,
    "positive": True,
    "detections": 1,
    "detection_span": 0.0,
}
TWICE = {"detections": 2, "detection_span": 0.02}
FLARE = {"active_nucleus": True, "flux_change": 0.5}


def alert(night: int = 0, hours: float = 0.0, limit_days: float | None = 2.0, **values):
    """Alert of an object that appears with it, unless `values` say otherwise."""
    time = NIGHT + timedelta(days=night, hours=hours)
    limit = None if limit_days is None else time - timedelta(days=limit_days)
    return {
        **NEW,
        "night": f"{time:%Y%m%d}",
        "alert_id": int(time.timestamp()),
        "alert_time": time,
        "first_detection": time,
        "last_non_detection": limit,
        **values,
    }


def as_table(rows: list[dict]) -> pa.Table:
    """Thin alerts; optional columns that no row has are missing."""
    names = dict.fromkeys(name for row in rows for name in row)
    times = ("alert_time", "first_detection", "last_non_detection")
    kinds = {name: pa.timestamp("us", tz="UTC") for name in times}
    return pa.table(
        {n: pa.array([r.get(n) for r in rows], kinds.get(n)) for n in names}
    ).cast(pa.schema([(n, _kind(n)) for n in names]))


def _kind(name: str) -> pa.DataType:
    declared = {"positive": pa.bool_(), "detections": pa.int64()}
    flags = ("stellar", "variable", "active_nucleus", "moving")
    declared |= dict.fromkeys(flags, pa.bool_())
    if name in declared:
        return declared[name]
    schema = arrow_schema("alerts")
    return schema.field(name).type if name in schema.names else pa.float64()


def numbers(*rows: dict) -> dict[str, int]:
    """Count the objects of alerts, by class, without the classes that have none."""
    objects = class_counts.count([as_table(list(rows))], "ztf").objects
    counted = {name: len(found.night) for name, found in objects.items()}
    return {name: n for name, n in counted.items() if n}


def test_a_new_object_is_counted_once_in_its_first_night():
    rows = [alert(0), alert(1, first_detection=NIGHT), alert(2, object_id="B")]
    found = class_counts.count([as_table(rows)], "ztf").objects["fresh_1"]
    assert found.night.tolist() == [0, 2]
    assert found.cell.tolist() == [5, 5]
    assert numbers(*rows) == {"fresh_1": 2}


def test_an_object_that_was_there_before_has_not_appeared():
    old = NIGHT - timedelta(days=3)
    assert numbers(alert(first_detection=old), alert(1, object_id="B")) == {
        "fresh_1": 1
    }
    # although a packet has forgotten the first detection
    assert numbers(alert(first_detection=old), alert(1)) == {}


@pytest.mark.parametrize(
    "values",
    [
        {"quality": 0.4},
        {"quality": None},
        {"positive": False},
        {"positive": None},
        {"stellar": True},
        {"variable": True},
        {"active_nucleus": True},
        {"moving": True},
        {"extragalactic": False},
    ],
)
def test_what_is_no_candidate_is_not_counted(values):
    assert numbers(alert(**values), alert(hours=1, object_id="B")) == {"fresh_1": 1}


def test_what_is_extragalactic_is_no_star():
    both = {"stellar": True, "variable": True, "extragalactic": True}
    assert numbers(alert(**both)) == {"fresh_1": 1}


def test_two_detections_count_apart_and_must_be_apart_in_time():
    assert numbers(alert(**TWICE)) == {"fresh_1": 1, "fresh_2": 1}
    assert numbers(alert(detections=2, detection_span=0.005)) == {"fresh_1": 1}
    later = alert(hours=1, first_detection=NIGHT, **TWICE)
    assert numbers(alert(), later) == {"fresh_1": 1, "fresh_2": 1}
    # its second detection shows that it moves
    assert numbers(alert(), {**later, "moving": True}) == {"fresh_1": 1}


@pytest.mark.parametrize("limit", [None, 31.0])
def test_without_a_limit_the_appearance_is_not_known(limit):
    found = numbers(alert(limit_days=limit, **TWICE))
    assert found == {"fresh_unknown_1": 1, "fresh_unknown_2": 1}
    # a limit in another packet of the object is enough
    both = numbers(alert(limit_days=limit), alert(hours=1, first_detection=NIGHT))
    assert both == {"fresh_1": 1}


def test_an_older_limit_counts_for_both_classes():
    """It is at most 7 days before some events, and more before others."""
    assert numbers(alert(limit_days=9.0)) == {"fresh_1": 1, "fresh_unknown_1": 1}
    assert numbers(alert(limit_days=4.9)) == {"fresh_1": 1}


def test_flares_are_extragalactic_and_brighter_of_any_age():
    old = NIGHT - timedelta(days=900)
    assert numbers(alert(first_detection=old, **FLARE)) == {"flaring": 1}
    for change in (0.0, -0.5, None):
        fainter = FLARE | {"flux_change": change}
        assert numbers(alert(first_detection=old, **fainter)) == {}
    for known in ({"extragalactic": True}, {"host_separation": 0.5 / 3600}):
        flare = {"flux_change": 0.5, "stellar": "host_separation" not in known, **known}
        assert numbers(alert(first_detection=old, **flare)) == {"flaring": 1}
    away = {"host_separation": 2 / 3600, "flux_change": 0.5}
    assert numbers(alert(first_detection=old, **away)) == {}


def test_a_flare_has_the_strength_of_its_brightest_good_alert():
    old = {"first_detection": NIGHT - timedelta(days=900)}
    rows = [
        alert(hours=n, **old, **(FLARE | {"flux_change": change}))
        for n, change in enumerate((0.2, 0.7, 0.4))
    ]
    bad = FLARE | {"flux_change": 3.0, "quality": 0.1}
    rows.append(alert(hours=4, **old, **bad))
    objects = class_counts.count([as_table(rows)], "ztf").objects
    assert objects["flaring"].flux_change.tolist() == [0.7]


def test_alerts_without_an_object_are_objects():
    rows = [alert(object_id=None), alert(hours=1, object_id=None)]
    assert numbers(*rows) == {"fresh_1": 2}


def test_a_cell_is_covered_where_there_is_any_alert():
    places = [0, 1, PART, 3 * PART, PARTS * PART]  # the last in the next cell
    rows = [
        alert(night, i / 60, hpx29=p, quality=0.0)
        for i, p in enumerate(places)
        for night in (0, 2)
    ]
    rows.append(alert(2, 1, hpx29=7 * PART, quality=None))
    counts = class_counts.count([as_table([r]) for r in rows], "ztf")
    assert counts.nights == ("20260101", "20260103")
    assert counts.covered[:, :3].tolist() == [[3, 1, 0], [4, 1, 0]]
    assert counts.covered.shape == (2, CELLS)
    assert counts.seen[:3].tolist() == [4, 1, 0]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 4),
            st.floats(0, 5),
            st.integers(0, 6),
            st.booleans(),
            st.booleans(),
        ),
        min_size=1,
        max_size=25,
    ),
    st.randoms(use_true_random=False),
)
def test_counts_do_not_depend_on_order_or_tables(drawn, random):
    rows = [
        alert(n, h, object_id=f"{o}", positive=p, **(TWICE if t else {}))
        for n, h, o, p, t in drawn
    ]
    together = class_counts.count([as_table(rows)], "ztf")
    shuffled = list(rows)
    random.shuffle(shuffled)
    apart = class_counts.count([as_table([r]) for r in shuffled], "ztf")
    for name in class_counts.CLASSES:
        first, second = together.objects[name], apart.objects[name]
        assert sorted(first.night) == sorted(second.night)
    ones, twos = (len(together.objects[f"fresh_{k}"].night) for k in (1, 2))
    assert twos <= ones <= 7
    assert np.array_equal(together.covered, apart.covered)


def test_nights_of_an_earlier_version_are_not_counted():
    """Their alerts do not say whether they are positive: no rate can be 0 for that."""
    earlier = [as_table([alert(n, positive=None)]) for n in range(3)]
    counts = class_counts.count([*earlier, as_table([alert(3)])], "ztf")
    assert counts.nights == ("20260104",)
    with pytest.raises(InputError, match="brighter than the reference"):
        class_counts.count(earlier, "ztf")


def test_no_alert_and_no_column_are_one_sentence():
    for tables in ([], [as_table([alert()]).slice(0, 0)]):
        with pytest.raises(InputError, match="no alert to count"):
            class_counts.count(tables, "ztf")
    with pytest.raises(InputError, match="lack quality"):
        class_counts.count([as_table([alert()]).drop_columns("quality")], "ztf")


@pytest.mark.parametrize("piece_rows", [0, 100])
def test_the_table_alerts_is_counted(tmp_path, monkeypatch, piece_rows):
    monkeypatch.setattr(class_counts, "PIECE_ROWS", piece_rows)
    tables = Tables(str(tmp_path))
    rows = [alert(0), alert(1, object_id="B"), alert(2, object_id="C")]
    rows.append({**alert(1, object_id="D"), "survey": "rubin"})
    staged = open_store(str(tmp_path / "staged"))
    for number, row in enumerate(rows):
        one = with_batch(rows_of("alerts", [row]).drop_columns("night"), "alerts", 3)
        folder = staged.subfolder(f"night={row['night']}")
        folder.create()
        path = f"{number}.parquet"
        folder.write(path, lambda stream, one=one: pq.write_table(one, stream))
    tables.append("alerts", staged, "match", 3)
    nights = ["20260101", "20260102"]
    counts = class_counts.count_table(tables, "ztf", nights, 3)
    assert counts.nights == tuple(nights)
    assert counts.seen[5] == 1
    with pytest.raises(InputError, match="no alert"):
        class_counts.count_table(tables, "ztf", nights, 2)

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A search finds what brute force finds, of all nights, archived or not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.coordinates import SkyCoord
from helpers import oracle
from helpers.archived_alerts import T0, alerts, commit_night, even_places, ids
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from mocpy import MOC

from fink_voevent.archive import search, update
from fink_voevent.archive.layout import folder_of, read_contents
from fink_voevent.archive.place import Place, circle, coverage, credible_region
from fink_voevent.errors import InputError
from fink_voevent.sky import localization
from fink_voevent.sky.localization import Ellipse, Fisher
from fink_voevent.sky.region import Region, RegionPixels
from fink_voevent.tables.times import TimeRange, microseconds

LATER = "20270101"
ALL = 10**6
# Where a search may go wrong: the poles, and both sides of ra 0.
CORNERS = [(0.0, 90.0), (123.0, -90.0), (0.0, 0.0), (359.9999, 0.0), (0.0001, 0.0)]


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    """Tables of three nights, the first two in the archive; and all alerts."""
    root = str(tmp_path_factory.mktemp("sky") / "voevent")
    rows = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(update, "MOST_ROWS", 80)
        patched.setattr(update, "ROW_GROUP", 16)
        for day in range(3):
            night = alerts(CORNERS + even_places(200, day), day, 10_000 * day)
            commit_night(root, night)
            rows += night
        list(update.update(root, LATER, "20260102"))
    return root, rows


def find(root: str, place: Place, times: TimeRange | None = None) -> list[int]:
    """All alerts that are found, which must be the same in both ways."""
    sought = search.prepare(root, place, times)
    found = search.first(sought, ALL)
    assert not found.unread
    parts = list(search.everything(sought))
    everything = sorted(i for part in parts for i in part["alert_id"].to_pylist())
    assert ids(found.rows) == everything
    assert found.total == len(everything)
    return everything


def places_of(rows: list[dict]) -> SkyCoord:
    ra, dec = ([row[c] for row in rows] for c in ("alert_ra", "alert_dec"))
    return SkyCoord(ra, dec, unit="deg")


@given(
    st.floats(0, 360),
    st.floats(-90, 90),
    st.one_of(st.floats(0, 3), st.floats(0, 180)),
)
@example(0.0, 90.0, 5.0)
@example(0.0, -90.0, 30.0)
@example(0.0, 0.0, 1.0)
@example(360.0, 0.0, 90.0)
@example(10.0, 10.0, 180.0)
@example(10.0, 10.0, 0.0)
@hypothesis_settings(deadline=None, max_examples=6)
def test_a_circle_has_the_alerts_within_its_radius(sky, ra, dec, radius):
    root, rows = sky
    separation = places_of(rows).separation(SkyCoord(ra, dec, unit="deg")).deg
    expected = [
        r["alert_id"] for r, s in zip(rows, separation, strict=True) if s <= radius
    ]
    assert find(root, circle(ra, dec, radius)) == sorted(expected)


@given(
    st.sampled_from([*CORNERS, (200.0, 45.0), (80.0, -30.0)]),
    st.floats(0.5, 18.0),
    st.floats(0.5, 18.0),
    st.floats(0, 180),
    st.floats(0.1, 0.99),
)
@hypothesis_settings(deadline=None, max_examples=4)
def test_circles_and_ellipses_of_events_are_those_of_the_match(
    sky, centre, major, minor, angle, level
):
    root, rows = sky
    places, middle = places_of(rows), SkyCoord(*centre, unit="deg")
    fisher = localization.fisher(max(major, minor), 0.9)
    chord = np.sin(places.separation(middle).rad / 2) ** 2
    levels = np.array([fisher.enclosed(one) for one in chord])
    region = Region(*centre, fisher=fisher)
    expected = [r["alert_id"] for r, v in zip(rows, levels, strict=True) if v <= level]
    assert find(root, credible_region(region, level)) == sorted(expected)
    shape = localization.ellipse((major, minor), angle, 0.9)
    if shape is not None:
        levels = oracle.ellipse_level(vars(shape), middle, places)
        expected = [
            r["alert_id"] for r, v in zip(rows, levels, strict=True) if v <= level
        ]
        region = Region(*centre, Fisher(1.0, 1.0, 1.0), Ellipse(**vars(shape)))
        assert find(root, credible_region(region, level)) == sorted(expected)


@given(st.integers(0, 2**32), st.floats(0.05, 0.99))
@hypothesis_settings(deadline=None, max_examples=4)
def test_a_sky_map_has_the_alerts_of_its_pixels(sky, seed, level):
    root, rows = sky
    rng = np.random.default_rng(seed)
    size = 1 << 2 * (29 - 4)
    number = np.sort(rng.choice(12 << 8, 200, replace=False))
    levels = rng.permutation(200) / 200
    pixels = RegionPixels(number * size, (number + 1) * size, levels, levels)
    of_cell = dict(zip(number.tolist(), levels.tolist(), strict=True))
    expected = [
        r["alert_id"] for r in rows if of_cell.get(r["hpx29"] // size, 2.0) <= level
    ]
    place = credible_region(Region(0.0, 0.0, pixels=pixels), level)
    assert find(root, place) == sorted(expected)


def test_a_moc_has_the_alerts_inside_and_the_newest_come_first(sky):
    root, rows = sky
    moc = MOC.from_string("1/0-3 2/100 3/700-720", "ascii")
    places = places_of(rows)
    inside = moc.contains_lonlat(places.ra, places.dec)
    expected = [r["alert_id"] for r, i in zip(rows, inside, strict=True) if i]
    place = coverage(moc)
    assert find(root, place) == sorted(expected)
    found = search.first(search.prepare(root, place, None), 7).rows
    newest = sorted(
        (r for r in rows if r["alert_id"] in set(expected)),
        key=lambda row: row["alert_time"],
    )[:-8:-1]
    assert found["alert_id"].to_pylist() == [r["alert_id"] for r in newest]


def test_both_ends_of_a_range_of_time_are_included(sky):
    root, rows = sky
    first, last = rows[100]["alert_time"], rows[350]["alert_time"]
    times = TimeRange(microseconds(first), microseconds(last))
    expected = [r["alert_id"] for r in rows if first <= r["alert_time"] <= last]
    assert find(root, circle(0, 0, 180), times) == sorted(expected)
    nothing = TimeRange(*[microseconds(T0 - timedelta(days=9))] * 2)
    assert find(root, circle(0, 0, 180), nothing) == []


def test_the_first_alerts_are_the_innermost_with_all_columns(sky):
    root, rows = sky
    found = search.first(search.prepare(root, circle(40.0, 10.0, 60.0), None), 12)
    separation = places_of(rows).separation(SkyCoord(40.0, 10.0, unit="deg")).deg
    order = np.argsort(separation)[:12]
    assert found.rows["alert_id"].to_pylist() == [rows[n]["alert_id"] for n in order]
    assert found.total == (separation <= 60).sum()
    for row, n in zip(found.rows.to_pylist(), order, strict=True):
        assert abs(row["separation"] - separation[n]) < 1e-9
        for name, value in rows[n].items():
            assert row[name] == value


def test_an_empty_result_has_its_columns(sky):
    root, _ = sky
    found = search.first(search.prepare(root, circle(3.0, 3.0, 1e-6), None), 5)
    assert (found.total, found.rows.num_rows) == (0, 0)
    assert found.rows.column_names == [*search.COLUMNS, "separation"]


def test_only_parts_that_can_have_an_alert_are_read(sky, monkeypatch):
    root, _ = sky
    read = []
    original = search._inside
    monkeypatch.setattr(search, "_inside", lambda *a: read.append(a[1]) or original(*a))
    assert find(root, circle(123.0, -90.0, 0.001))
    assert 0 < len(read) < 20


def test_nights_that_are_not_in_the_archive_are_counted_and_found(sky):
    root, _ = sky
    sought = search.prepare(root, circle(0, 90, 0.001), None)
    assert sought.nights == 1
    assert ids(search.first(sought, ALL).rows) == [0, 10_000, 20_000]


@pytest.fixture
def small(tmp_path):
    root = str(tmp_path / "voevent")
    for day in range(2):
        commit_night(root, alerts(CORNERS, day, 10 * day))
    return root


EVERYWHERE = circle(0.0, 0.0, 180.0)


def test_without_an_archive_the_table_is_searched(small):
    assert find(small, EVERYWHERE) == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]


def test_without_alerts_there_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="no alerts in .*: name the folder"):
        search.prepare(str(tmp_path / "voevent"), EVERYWHERE, None)


def test_alerts_that_were_added_to_an_archived_night_are_found_once(small):
    list(update.update(small, LATER))
    commit_night(small, alerts([(50.0, 50.0)], 0, 5))
    assert find(small, EVERYWHERE) == [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14]


def test_a_batch_that_is_not_done_does_not_count(small):
    commit_night(small, alerts([(50.0, 50.0)], 1, 15), done=False)
    assert find(small, EVERYWHERE) == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]


def test_a_search_beside_an_update_finds_each_alert_once(small, monkeypatch):
    """Also from files that an update has written and not recorded yet."""
    list(update.update(small, LATER, "20260101"))
    place = circle(0.0, 0.0, 180.0)
    before = search.prepare(small, place, None)
    seen = []

    def searching(folder, contents):
        seen.append(find(small, place))
        seen.append(ids(search.first(before, ALL).rows))
        raise OSError("the update ends here")

    with monkeypatch.context() as patched:
        patched.setattr(update, "write_contents", searching)
        with pytest.raises(OSError, match="ends here"):
            list(update.update(small, LATER))
    assert seen == [[0, 1, 2, 3, 4, 10, 11, 12, 13, 14]] * 2
    list(update.update(small, LATER))
    assert ids(search.first(before, ALL).rows) == seen[0]
    assert find(small, place) == seen[0]


@pytest.mark.parametrize("damage", [b"", b"PAR1" + 100 * b"x" + b"PAR1"])
def test_a_damaged_file_is_named_and_left_out(small, damage):
    list(update.update(small, LATER, "20260101"))
    contents = read_contents(folder_of(small))
    pixel = next(iter(contents.pixels))
    path = Path(small, "archive", pixel.folder, "2026.parquet")
    lost = sorted(i for i in find(small, EVERYWHERE) if i in _ids_of(path))
    path.write_bytes(damage)
    found = search.first(search.prepare(small, EVERYWHERE, None), ALL)
    assert [file.path for file in found.unread] == [str(path)]
    assert found.unread[0].reason
    assert ids(found.rows) == sorted({*range(5), *range(10, 15)} - set(lost))
    parts = list(search.everything(search.prepare(small, EVERYWHERE, None)))
    assert [p for p in parts if isinstance(p, search.Unread)] == list(found.unread)


def test_a_file_that_is_gone_is_named(small):
    list(update.update(small, LATER))
    path = next(Path(small, "archive").rglob("2026.parquet"))
    path.unlink()
    found = search.first(search.prepare(small, EVERYWHERE, None), ALL)
    assert [file.path for file in found.unread] == [str(path)]


def _ids_of(path: Path) -> set[int]:
    return set(pq.ParquetFile(path).read(["alert_id"])["alert_id"].to_pylist())


@pytest.mark.parametrize(
    "place", [(0, 91, 1), (0, 0, -1), (0, 0, 181), (float("nan"), 0, 1), (0, 0, np.nan)]
)
def test_a_circle_that_is_not_on_the_sky_is_refused(place):
    with pytest.raises(InputError, match="a circle is RA,DEC,RADIUS in degrees"):
        circle(*place)

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Pairs against brute force on random skies; versions and statuses by known cases."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone

import astropy.units as u
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.coordinates import SkyCoord
from oracle import assert_equal, pairs
from test_skymap import flat

from fink_voevent import digest, localization, match, skymap, udf, versions
from fink_voevent.notice import NAMESPACE
from fink_voevent.schema import arrow_schema, names

T0 = datetime(2024, 1, 15, tzinfo=timezone.utc)
LEVEL = 0.95


def event(number: int, ra: float, dec: float, error: float, **changes) -> dict:
    """Row of events with a 90 % error radius."""
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


def alert(number: int, ra: float, dec: float, days: float) -> dict:
    """Facts of an alert, as the oracle takes them."""
    return {"alert_id": number, "ra": ra, "dec": dec, "jd": 2460324.5 + days}


def frame(spark, path, table: str, rows: list[dict]):
    """DataFrame of rows; columns that a test does not give are null."""
    schema = pa.schema([f.with_nullable(True) for f in arrow_schema(table)])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return spark.read.parquet(str(path))


def thin(spark, path, alerts: list[dict]):
    """Thin alerts of facts, their index, vector and time by our own functions."""
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
    rng = np.random.default_rng(seed)

    def places(n):
        return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))

    # arcseconds to beyond the horizon; poles and the wrap of right ascension
    errors = 10 ** rng.uniform(-4, 2.2, regions)
    centres = [*zip(*places(regions), strict=True)]
    centres[:4] = [(0.0, 90.0), (77.0, -90.0), (0.0, 0.0), (359.999, 0.0)]
    events = [
        event(i, *c, float(e))
        for i, (c, e) in enumerate(zip(centres, errors, strict=True))
    ]
    found = [alert(i, *p, 0.0) for i, p in enumerate(zip(*places(alerts), strict=True))]
    for i, e in enumerate(events):  # alerts near each centre, on its scale
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


def run(spark, tmp_path, events, alerts, order=0, level=LEVEL):
    live = versions.matchable(
        versions.latest(
            frame(spark, tmp_path / f"e{uuid.uuid4()}.parquet", "events", events),
            ("observation",),
        )
    )
    chosen = digest.order(digest.of(live), order)
    df = thin(spark, tmp_path / f"a{uuid.uuid4()}.parquet", alerts)
    return collect(match.with_status(match.pairs(df, live, level, chosen), "new"))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pairs_on_a_random_sky_are_those_of_brute_force(spark, tmp_path, seed):
    events, alerts = random_sky(seed, 60, 400)
    expected = pairs(events, alerts, LEVEL)
    assert len(expected) > 100
    assert_equal(run(spark, tmp_path, events, alerts), expected)


@pytest.mark.parametrize("order", [3, 4, 5, 6, 7, 8])
def test_the_result_is_the_same_at_any_cell_order(spark, tmp_path, order):
    events, alerts = random_sky(7, 25, 150)
    found = run(spark, tmp_path, events, alerts, order)
    assert_equal(found, pairs(events, alerts, LEVEL))


def test_a_higher_level_selects_more_and_never_other_pairs(spark, tmp_path):
    events, alerts = random_sky(11, 30, 300)
    keys = [
        {
            (r["event_id"], r["alert_id"])
            for r in run(spark, tmp_path, events, alerts, 0, p)
        }
        for p in (0.5, 0.9, 0.99)
    ]
    assert keys[0] < keys[1] < keys[2]


def test_nothing_to_match_is_no_pair(spark, tmp_path):
    events, alerts = random_sky(5, 5, 5)
    assert run(spark, tmp_path, [], alerts) == []
    assert run(spark, tmp_path, events, []) == []


def ellipse_event(number: int, ra: float, dec: float, shape: tuple) -> dict:
    """Event with a 90 % ellipse: half-axes and position angle, degrees."""
    *axes, angle = shape
    made = localization.ellipse(tuple(axes), angle, 0.9)
    cells = localization.cover(ra, dec, made.radius_deg(0.99))
    return event(number, ra, dec, max(axes)) | {
        "ellipse": vars(made),
        "cells": [{"lo": lo, "hi": hi} for lo, hi in cells],
    }


def test_ellipses_are_met_as_brute_force_says(spark, tmp_path):
    """Poles, the wrap of right ascension, both orders of the axes, any angle."""
    places = [(0.0, 90.0), (359.9, 0.0), (120.0, -89.0), (200.0, 35.0), (80.0, -20.0)]
    shapes = [(12.0, 3.0, 30.0), (2.0, 9.0, 0.0), (8.0, 1.0, 200.0), (15.0, 5.0, -75.0)]
    events = [
        ellipse_event(i, *place, shapes[i % len(shapes)])
        for i, place in enumerate(places)
    ]
    alerts = []
    rng = np.random.default_rng(23)
    for row in events:
        centre = SkyCoord(row["ra"], row["dec"], unit="deg")
        near = centre.directional_offset_by(
            rng.uniform(0, 360, 60) * u.deg, rng.uniform(0, 20, 60) * u.deg
        )
        for place in near:
            number = len(alerts)
            alerts.append(alert(number, float(place.ra.deg), float(place.dec.deg), 1.0))
    expected = pairs(events, alerts, LEVEL)
    circles = [e | {"ellipse": None} for e in events]
    assert 50 < len(expected) < len(pairs(circles, alerts, LEVEL))
    assert_equal(run(spark, tmp_path, events, alerts), expected)


def map_event(number: int, seed: int, order: int = 4, **changes) -> dict:
    """Event with a random sky map; a few pixels of other orders among the rest."""
    rng = np.random.default_rng(seed)
    values = rng.gamma(0.05, size=12 * 4**order).repeat(4)  # lower orders by joining
    values[:64] = rng.gamma(0.05, size=64)
    read = skymap.read(flat(values, "NESTED"))
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


@pytest.mark.parametrize("order", [0, 2, 4, 5, 6, 8])
def test_sky_maps_are_met_by_their_exact_pixel_at_any_cell_order(
    spark, tmp_path, order
):
    circles, alerts = random_sky(13, 10, 400)
    events = [*circles, map_event(100, 1), map_event(101, 2, order=2)]
    expected = pairs(events, alerts, LEVEL)
    assert sum(key[0] in ("event-100", "event-101") for key in expected) > 20
    assert_equal(run(spark, tmp_path, events, alerts, order), expected)


def test_a_notice_with_a_circle_and_a_map_is_met_by_the_map(spark, tmp_path):
    circle = {k: event(7, 45.0, 10.0, 0.5)[k] for k in ("ra", "dec", "fisher")}
    one = map_event(7, 3) | circle
    _, alerts = random_sky(17, 4, 300)
    found = run(spark, tmp_path, [one], alerts)
    assert len(found) > 3
    assert_equal(found, pairs([one], alerts, LEVEL))
    assert all(row["density"] > 0 for row in found)


def test_a_notice_without_position_keeps_the_region_told_before(spark, tmp_path):
    """As updates of CHIME, which tell a better dispersion measure alone."""
    better = version(2, version=2) | dict.fromkeys(("cells", "ra", "dec", "fisher"))
    (found,) = run(spark, tmp_path, [version(1), better], [alert(1, 10.0, 20.0, 1.0)])
    assert found["notice_id"] == "notice-0002"
    assert found["separation"] == 0.0


@pytest.mark.parametrize(
    "unusable",
    [{"cells": None}, {"time": None}, {"kind": "retraction"}, {"live": False},
     {"tense": "test"}, {"tense": "injection"}, {"tense": "utility"}],
    ids=str,
)  # fmt: skip
def test_what_must_not_meet_alerts_meets_none(spark, tmp_path, unusable):
    usable = event(1, 10.0, 20.0, 5.0)
    alerts = [alert(1, 10.0, 20.0, 1.0)]
    assert len(run(spark, tmp_path, [usable], alerts)) == 1
    assert run(spark, tmp_path, [usable | unusable], alerts) == []


@pytest.mark.parametrize(
    ("days", "inside"), [(-1.0001, 0), (-0.9999, 1), (0.0, 1), (6.9999, 1), (7.0001, 0)]
)
def test_the_window_includes_its_edges_and_nothing_beyond(
    spark, tmp_path, days, inside
):
    one = event(0, 10.0, 20.0, 5.0, window_before=1.0)
    assert len(run(spark, tmp_path, [one], [alert(1, 10.0, 20.0, days)])) == inside


def test_ids_are_version_5_uuids_of_what_they_identify(spark, tmp_path):
    (found,) = run(
        spark, tmp_path, [event(3, 1.0, 2.0, 5.0)], [alert(9, 1.0, 2.0, 1.0)]
    )
    oracle = uuid.uuid5(NAMESPACE, "coincidence notice-0003 ztf 9")
    assert found["coincidence_id"] == str(oracle)


# ---------------------------------------------------------------- versions
def latest_ids(spark, tmp_path, events) -> dict[str, str]:
    df = frame(spark, tmp_path / "v.parquet", "events", events)
    rows = collect(versions.latest(df, ("observation",)))
    return {r["event_id"]: r["notice_id"] for r in rows}


def version(number: int, **changes) -> dict:
    return event(number, 10.0, 20.0, 5.0, event_id="one", **changes)


@pytest.mark.parametrize("turned", [False, True])
def test_the_latest_notice_is_by_its_own_version_not_by_arrival(
    spark, tmp_path, turned
):
    events = [version(1, version=3), version(2, version=1), version(3, version=2)]
    rows = events[::-1] if turned else events
    assert latest_ids(spark, tmp_path, rows) == {"one": "notice-0001"}


def test_of_equal_versions_the_later_issue_is_the_latest(spark, tmp_path):
    later = T0 + timedelta(hours=1)
    events = [version(1, issued=later), version(2), version(3, issued=None)]
    assert latest_ids(spark, tmp_path, events) == {"one": "notice-0001"}


def test_a_follow_up_takes_the_time_of_the_trigger(spark, tmp_path):
    seen = T0 + timedelta(hours=5)
    follow_up = version(2, version=9, time=seen, time_source="observation")
    df = frame(spark, tmp_path / "f.parquet", "events", [version(0), follow_up])
    (row,) = collect(versions.latest(df, ("observation",)))
    assert row["notice_id"] == "notice-0002"
    assert row["event_time"].replace(tzinfo=timezone.utc) == T0


def test_an_undated_retraction_is_the_last_of_its_version(spark, tmp_path):
    gone = version(3, version=1, kind="retraction", issued=None, tense="utility")
    assert latest_ids(spark, tmp_path, [version(1), gone, version(2)]) == {
        "one": "notice-0003"
    }


def test_notices_that_each_cite_only_the_last_are_one_event(spark, tmp_path):
    """Retracted is what was first told, though only its update is cited."""
    ivorn = "ivo://org.example/x#{}".format
    chain = [
        event(1, 10.0, 20.0, 5.0, event_id=ivorn(1)),
        event(2, 10.0, 20.0, 5.0, event_id=ivorn(1), kind="update", version=2),
        event(3, 10.0, 20.0, 5.0, event_id=ivorn(2), kind="update", version=3),
        event(4, 10.0, 20.0, 5.0, event_id=ivorn(3), kind="retraction", version=4),
        event(5, 10.0, 20.0, 5.0, event_id=ivorn(6)),  # these two cite each other
        event(6, 10.0, 20.0, 5.0, event_id=ivorn(5)),
    ]
    found = latest_ids(spark, tmp_path, chain[::-1])
    assert found.pop(ivorn(1)) == "notice-0004"
    assert sorted(found.values()) == ["notice-0005", "notice-0006"]


def test_a_test_that_bears_the_name_of_a_notice_moves_no_event(spark, tmp_path):
    ivorn = "ivo://org.example/x#{}".format
    first = event(1, 10.0, 20.0, 5.0, event_id=ivorn(1))
    update = event(2, 10.0, 20.0, 5.0, event_id=ivorn(1), kind="update", version=2)
    test = event(3, 1.0, 2.0, 5.0, event_id=ivorn(9), tense="test", ivorn=ivorn(1))
    found = latest_ids(spark, tmp_path, [first, update, test])
    assert found == {ivorn(1): "notice-0002"}


def test_events_of_one_time_and_overlapping_regions_are_related(spark, tmp_path):
    """A burst seen by two instruments; others are too late, elsewhere or retracted."""
    same = {"time": T0}
    events = [
        event(1, 10.0, 20.0, 5.0, **same),
        event(2, 12.0, 20.0, 0.05, time=T0 + timedelta(seconds=60)),
        event(3, 12.0, 20.0, 0.05, time=T0 + timedelta(seconds=-60, microseconds=-1)),
        event(4, 190.0, -20.0, 5.0, **same),
        event(5, 10.0, 20.0, 5.0, kind="retraction", **same),
        event(6, 10.0, 20.0, 5.0, cells=None, **same),
    ]
    df = frame(spark, tmp_path / "r.parquet", "events", events)
    rows = collect(versions.latest(df, ("observation",)))
    related = {r["event_id"]: r["related_event_ids"] for r in rows}
    assert related == {
        "event-1": ["event-2"],
        "event-2": ["event-1"],
        "event-3": [],
        "event-4": [],
        "event-5": None,
        "event-6": [],
    }


# ---------------------------------------------------------------- statuses
@pytest.fixture
def statuses(spark, tmp_path):
    """Return what a new version makes of pairs told before: {alert_id: status}."""

    def tell(told: list[dict], after: list[dict], alerts: list[dict]) -> dict:
        def kept(df):
            """Cut the plan that made the rows: long plans take long to compile."""
            path = str(tmp_path / str(uuid.uuid4()))
            df.write.parquet(path)
            return spark.read.parquet(path)

        df = kept(thin(spark, tmp_path / "alerts.parquet", alerts))
        lives = [
            kept(
                versions.latest(
                    frame(spark, tmp_path / f"{i}.parquet", "events", events),
                    ("observation",),
                )
            )
            for i, events in enumerate((told, told + after))
        ]
        old, new = (
            kept(match.pairs(df, versions.matchable(live), LEVEL, 5, batch))
            for batch, live in enumerate(lives)
        )
        first = kept(match.with_status(old, "new"))
        before, now = map(digest.of, lives)
        changed = kept(versions.only(lives[1], digest.changed(now, before)))
        again = new.join(changed.select("event_id"), "event_id", "left_semi")
        second = kept(versions.revised(again, versions.view(first), changed, 1))
        # what a row says of its notice is of the one that made it
        said = ("event_id", "notice_id", "notice_sha256", "ivorn", "notice_received_at")
        notices = {tuple(r[c] for c in said) for r in collect(lives[1].select(*said))}
        assert {tuple(r[c] for c in said) for r in collect(second)} <= notices
        held = collect(versions.view(first.unionByName(second)))
        return tuple(
            {r["alert_id"]: r["status"] for r in rows}
            for rows in (collect(second), held)
        )

    return tell


ALERTS = [
    alert(1, 10.0, 20.0, 1.0),
    alert(2, 10.0, 25.0, 1.0),
    alert(3, 10.0, 32.0, 1.0),
]


def test_a_new_position_updates_withdraws_and_adds(statuses):
    first = version(1)  # holds 1 and 2
    moved = version(2, version=2) | {
        k: v
        for k, v in event(2, 10.0, 29.0, 5.0).items()
        if k in ("ra", "dec", "cells")
    }
    told, held = statuses([first], [moved], ALERTS)
    assert told == {1: "withdrawn", 2: "update", 3: "new"}
    assert held == told


def test_a_retraction_takes_back_all_that_was_told(statuses):
    gone = version(2, version=2, kind="retraction", cells=None, tense="utility")
    told, _ = statuses([version(1)], [gone], ALERTS)
    assert told == {1: "retracted", 2: "retracted"}


def test_a_retraction_that_is_a_test_takes_nothing_back(statuses):
    gone = version(2, version=2, kind="retraction", cells=None, tense="test")
    told, held = statuses([version(1)], [gone], ALERTS)
    assert told == {}
    assert held == {1: "new", 2: "new"}


def test_a_late_older_version_changes_nothing(statuses):
    told, held = statuses([version(2, version=2)], [version(1, version=1)], ALERTS)
    assert told == {}
    assert held == {1: "new", 2: "new"}


def test_a_late_trigger_time_matches_the_event_again(statuses):
    """The follow-up came first, hours after the burst, the burst's own notice later."""
    seen = T0 + timedelta(days=1, hours=12)
    follow_up = version(2, version=2, time=seen, time_source="observation")
    told, _ = statuses([follow_up], [version(7, version=1)], ALERTS)
    assert told == {1: "new", 2: "new"}


def test_a_retracted_event_can_be_raised_again(statuses):
    gone = version(2, version=2, kind="retraction", cells=None)
    again = version(3, version=3)
    told, held = statuses([version(1), gone], [again], ALERTS)
    assert told == {1: "new", 2: "new"}
    assert held == told


def test_every_column_of_coincidences_is_given(spark, tmp_path):
    (row,) = run(spark, tmp_path, [event(1, 1.0, 2.0, 5.0)], [alert(1, 1.0, 2.0, 1.0)])
    assert list(row) == names("coincidences")
    assert row["p_chance"] is None
    assert row["density"] > 0


def test_another_instrument_that_sees_the_event_updates_what_was_told(statuses):
    other = event(7, 12.0, 20.0, 0.05, time=T0)
    told, held = statuses([version(7)], [other], ALERTS)
    assert told == {1: "update", 2: "update"}
    assert held == told


def test_a_late_notice_that_brings_the_region_matches_the_event(statuses):
    """The update without a position came first, the detection that has one later."""
    update = version(7, version=2) | dict.fromkeys(("cells", "ra", "dec", "fisher"))
    told, held = statuses([update], [version(1)], ALERTS)
    assert told == {1: "new", 2: "new"}
    assert held == told

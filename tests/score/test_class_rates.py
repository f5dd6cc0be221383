# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Rates by class: what is measured, their limits, files, and a region's lists."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cdshealpix.nested import healpix_to_lonlat
from helpers.chance_events import LEVEL, Circle
from helpers.uneven_sky import cell_centres
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from fink_voevent.score import cells, class_rates, ranks
from fink_voevent.score.cells import CELL_DEG2, CELLS, PARTS
from fink_voevent.score.class_counts import CLASSES, Counts, Found
from fink_voevent.score.class_rates import ClassList, ClassRate
from fink_voevent.sky.localization import DEG2_PER_SR, area_deg2
from fink_voevent.store.filesystem import open_store

TO_CELL = 2 * (29 - cells.ORDER)


def some_counts(
    rng: np.random.Generator, nights: int, rate: np.ndarray, seen: np.ndarray
) -> Counts:
    """Poisson counts of every class; all cells that are seen are seen every night."""
    covered = np.tile(np.where(seen, PARTS, 0), (nights, 1))

    def draw(factor: float) -> Found:
        number = rng.poisson(factor * rate * CELL_DEG2 * (covered > 0))
        night, cell = (
            where.repeat(number.ravel())
            for where in np.indices(number.shape).reshape(2, -1)
        )
        n = len(night)
        distance = np.where(rng.random(n) < 0.5, rng.uniform(20, 300, n), np.nan)
        change = np.abs(rng.normal(0, 0.2, n))
        of_host = (distance, 0.1 * distance)
        return Found(night, cell << TO_CELL, np.zeros(n), *of_host, change)

    names = tuple(f"202601{night + 1:02d}" for night in range(nights))
    objects = {name: draw(0.4 if name.endswith("_2") else 1.0) for name in CLASSES}
    return Counts("ztf", names, covered, covered.max(axis=0), objects)


def uneven() -> np.ndarray:
    """Rate (deg-2 d-1) that falls from the ecliptic and has a dense quarter."""
    lon, lat = cell_centres()
    latitude = np.abs(cells.ecliptic_latitude(lon, lat))
    return 0.02 + 0.1 * np.exp(-latitude / 10) + 0.05 * (np.arange(CELLS) < CELLS / 12)


# ------------------------------------------------------------------------- smoothing
def test_the_ecliptic_latitude_of_known_places():
    found = cells.ecliptic_latitude(
        np.array([0.0, 90.0, 270.0, 180.0]), np.array([0.0, 23.4392911, 66.5607089, 0])
    )
    assert found == pytest.approx([0, 0, 90, 0], abs=1e-5)


def test_a_smoothed_rate_follows_the_sky_and_keeps_the_number():
    truth = uneven()
    exposure = np.full(CELLS, 12 * CELL_DEG2)
    counts = np.random.default_rng(1).poisson(truth * exposure)
    found = cells.smoothed_rate(counts, exposure)
    assert (found * exposure).sum() == pytest.approx(counts.sum(), rel=0.02)
    error = np.abs(found / truth - 1)
    assert np.median(error) < 0.15
    assert np.quantile(error, 0.95) < 0.5
    # a rate of a single cell scatters by more
    single = np.abs(counts / exposure / truth - 1)
    assert np.median(error) < 0.4 * np.median(single)


@pytest.mark.parametrize(
    ("counts", "exposure", "expected"), [(0, 1.0, 0.0), (0, 0.0, np.nan)]
)
def test_nothing_counted_and_nothing_observed(counts, exposure, expected):
    found = cells.smoothed_rate(np.full(CELLS, counts), np.full(CELLS, exposure))
    assert np.array_equal(found, np.full(CELLS, expected), equal_nan=True)


# ------------------------------------------------------------------------- the limits
@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_the_upper_limit_is_that_of_poisson(counts):
    exact = chi2.ppf(0.9, 2 * (counts + 1)) / 2
    assert class_rates.upper_limit(counts) == pytest.approx(exact, rel=0.02)


def test_few_nights_or_objects_give_an_upper_limit_that_is_marked():
    rng, seen = np.random.default_rng(2), np.ones(CELLS, bool)
    true = np.full(CELLS, 0.02)
    for nights in (1, 5, 9):
        snapshot = class_rates.measure(some_counts(rng, nights, true, seen))
        assert snapshot.is_upper_limit
        for name in ("fresh_1", "flaring"):
            rate = snapshot.classes[name]
            assert rate.is_upper_limit
            expected = 0.02 * (nights if name == "flaring" else 1)
            assert np.mean(rate.rate > expected) > 0.9
            assert rate.rate.mean() < 2 * expected
    measured = class_rates.measure(some_counts(rng, 10, true, seen))
    assert not measured.is_upper_limit
    assert not measured.classes["fresh_1"].is_upper_limit
    assert measured.classes["fresh_1"].rate.mean() == pytest.approx(0.02, rel=0.05)
    # of nothing that was counted in 10 nights there is still a limit, above 0
    none = class_rates.measure(some_counts(rng, 10, 0 * true, seen))
    assert none.classes["fresh_1"].is_upper_limit
    expected = 2 * class_rates.upper_limit(0) / (10 * CELLS * CELL_DEG2)
    assert none.classes["fresh_1"].rate == pytest.approx(np.full(CELLS, expected))


@pytest.mark.parametrize("nights", [3, 7, 12])
def test_two_detections_are_never_ranked_lower_than_one(nights):
    counts = some_counts(
        np.random.default_rng(3), nights, uneven(), np.ones(CELLS, bool)
    )
    classes = class_rates.measure(counts).classes
    for name in ("fresh", "fresh_unknown"):
        one, two = classes[f"{name}_1"], classes[f"{name}_2"]
        assert (two.rate <= one.rate).all()
        assert two.dispersion <= one.dispersion
        if nights <= class_rates.SECOND_NIGHTS:
            assert (two.rate == one.rate).all()


def test_counts_that_scatter_more_than_poisson_inflate_the_numbers():
    rng, seen = np.random.default_rng(4), np.ones(CELLS, bool)
    true = np.full(CELLS, 0.05)
    calm = class_rates.measure(some_counts(rng, 12, true, seen))
    assert calm.classes["fresh_1"].dispersion == 1
    nights = [some_counts(rng, 1, f * true, seen) for f in rng.gamma(2, 0.5, 12)]
    joined = {
        name: Found(
            np.concatenate([n.objects[name].night + i for i, n in enumerate(nights)]),
            *(
                np.concatenate([getattr(n.objects[name], column) for n in nights])
                for column in (
                    "hpx29",
                    "first_detection",
                    "host_distance",
                    "host_error",
                    "flux_change",
                )
            ),
        )
        for name in CLASSES
    }
    counts = some_counts(rng, 12, true, seen)
    rough = class_rates.measure(replace(counts, objects=joined))
    # variance over mean in 54 deg2: 1 + mean / shape
    assert rough.classes["fresh_1"].dispersion == pytest.approx(1 + 2.7 / 2, rel=0.6)
    region = Circle(10.0, 20.0, 3.0, 0.0).region
    ranked = class_rates.class_list(rough, "fresh_1", region, LEVEL)
    plain = ranked.integral[-1] * 7
    assert ranked.total(7.0) == pytest.approx(plain * ranked.rate.dispersion)


# -------------------------------------------------------------------------- the file
def test_a_snapshot_has_the_name_of_its_counts_and_is_read_back(tmp_path):
    store = open_store(str(tmp_path)).subfolder("background")
    assert class_rates.newest(store, "ztf") is None
    counts = some_counts(
        np.random.default_rng(5), 11, uneven(), np.arange(CELLS) % 3 > 0
    )
    snapshot = class_rates.measure(counts)
    assert snapshot.name == class_rates.measure(counts).name
    class_rates.save(snapshot, store)
    found = class_rates.newest(store, "ztf")
    assert (found.name, found.nights) == (snapshot.name, 11)
    assert (found.first_night, found.last_night) == ("20260101", "20260111")
    assert np.array_equal(found.coverage, snapshot.coverage)
    for name in CLASSES:
        one, two = vars(snapshot.classes[name]), vars(found.classes[name])
        for column in one:
            assert np.array_equal(one[column], two[column], equal_nan=True), column
    assert len(found.classes["fresh_1"].host_distance) == class_rates.HOSTS
    assert class_rates.newest(store, "rubin") is None
    (tmp_path / "background" / "classes-ztf-zzz.parquet").write_bytes(b"PAR1 torn")
    pq.write_table(
        pa.table({"any": [1]}), tmp_path / "background" / "classes-ztf-zzzz.parquet"
    )
    assert class_rates.newest(store, "ztf").name == found.name  # these are left out
    fewer = class_rates.measure(
        replace(counts, nights=counts.nights[:-1] + ("20260201",))
    )
    assert fewer.name != snapshot.name


# ------------------------------------------------------------------------- the lists
def flat(coverage: float, nights: int = 12) -> class_rates.ClassSnapshot:
    """Snapshot of an even sky, of which the southern part is not seen."""
    lon, lat = healpix_to_lonlat(np.arange(CELLS), cells.ORDER)
    counts = some_counts(
        np.random.default_rng(6), nights, np.full(CELLS, 0.02), np.ones(CELLS, bool)
    )
    even = class_rates.measure(counts)
    part = np.where(lat.deg > -30, coverage, 0.0)
    classes = {
        name: replace(of, rate=np.full(CELLS, 0.02))
        for name, of in even.classes.items()
    }
    return replace(even, coverage=part, seen=1.0 * (part > 0), classes=classes)


@pytest.mark.parametrize("radius", [0.05, 1.0, 6.0])
def test_a_list_expects_rate_times_coverage_times_area(radius):
    event = Circle(120.0, 30.0, radius, 0.0)
    ranked = class_rates.class_list(flat(0.5), "fresh_1", event.region, LEVEL)
    area = area_deg2(event.fisher.radius_deg(LEVEL))
    assert ranked.total(7.0) == pytest.approx(0.02 * 0.5 * area * 7)
    flares = class_rates.class_list(flat(0.5), "flaring", event.region, LEVEL)
    assert flares.flares(12.0) == pytest.approx(0.02 * area)
    half = event.fisher.radius_deg(0.475)
    expected = area_deg2(half) / area
    assert ranked.place_share(0.475) == pytest.approx(expected, rel=1e-3)


def test_a_list_of_a_sky_map_is_exact_at_its_pixels():
    size = 1 << 2 * (29 - 6)
    pixels = [
        {"lo": i * size, "hi": (i + 1) * size, "level": level, "density": 1.0}
        for i, level in [(4096, 0.0), (4099, 0.6), (4097, 0.3), (4098, 0.97)]
    ]
    region = {"pixels": pixels, "ellipse": None, "fisher": None}
    ranked = class_rates.class_list(flat(1.0), "fresh_1", region, LEVEL)
    found = ranked.place_share([0.0, 0.3, 0.6])
    assert found == pytest.approx([1 / 3, 2 / 3, 1.0])
    area = size * 4 * np.pi / (12 << 58) * DEG2_PER_SR
    assert ranked.total(14.0) == pytest.approx(0.02 * 3 * area * 14)


@pytest.mark.parametrize(("nights", "part"), [(3, 0.5), (12, 0.5 / 13)])
def test_a_place_that_was_not_observed_is_expected_to_be_now_and_then(nights, part):
    event = Circle(120.0, -70.0, 1.0, 0.0)
    ranked = class_rates.class_list(flat(0.5, nights), "fresh_1", event.region, LEVEL)
    area = area_deg2(event.fisher.radius_deg(LEVEL))
    assert ranked.total(7.0) == pytest.approx(0.02 * part * area * 7)


@pytest.mark.parametrize(("again", "growth"), [(0, 1.0), (1, 0.0)])
def test_a_longer_window_has_more_flares_if_new_nights_had(again, growth):
    """Flares that are new in each night, or all seen in the first one."""
    rng, seen = np.random.default_rng(10), np.ones(CELLS, bool)
    counts = some_counts(rng, 12, np.full(CELLS, 0.02), seen)
    flares = counts.objects["flaring"]
    night = np.zeros_like(flares.night) if again else flares.night
    objects = counts.objects | {"flaring": replace(flares, night=night)}
    snapshot = class_rates.measure(replace(counts, objects=objects))
    region = Circle(120.0, 30.0, 3.0, 0.0).region
    ranked = class_rates.class_list(snapshot, "flaring", region, LEVEL)
    assert ranked.rate.growth == pytest.approx(growth, abs=0.05)
    assert ranked.flares(12.0) == ranked.integral[-1]
    assert ranked.flares(48.0) == pytest.approx(
        ranked.flares(12.0) * 4**ranked.rate.growth
    )


def test_the_distance_share_is_of_counted_hosts_or_of_hosts_spread_evenly():
    even = flat(0.5)
    few = replace(
        even.classes["fresh_1"], host_distance=np.full(9, 90.0), host_error=np.ones(9)
    )
    region = Circle(120.0, 30.0, 3.0, 0.0).region
    sky = (100.0, 20.0, 1e-5)
    own = np.array([100.0, 300.0, 20.0, np.nan]), np.full(4, 10.0)
    for rate in (even.classes["fresh_1"], few):
        snapshot = replace(even, classes=even.classes | {"fresh_1": rate})
        ranked = class_rates.class_list(snapshot, "fresh_1", region, LEVEL)
        found = ranked.distance_share(*own, *sky)
        unrelated = rate.host_distance, rate.host_error
        if rate is few:
            spread = ranks.volume_distances(class_rates.HORIZON_MPC)
            unrelated = spread, np.full(len(spread), np.nan)
        expected = ranks.distance_share(*own, *sky, *unrelated)
        assert np.array_equal(found, expected, equal_nan=True)
        assert found[0] < min(found[1:3])
        assert np.isnan(found[3])


@settings(deadline=None)
@given(second=st.floats(1e-3, 1), flaring=st.sampled_from([0.0, 0.8]))
def test_the_budget_gives_one_unrelated_silver_an_event(second, flaring):
    """By the numbers of objects, of which those with two detections count twice."""
    shares = class_rates.budget(second, flaring)
    assert all(0 < share <= 1 for share in shares.values())
    one, two = shares["fresh_1"], shares["fresh_2"]
    # silver with one detection up to P = one / N1, with two up to two / N2 = p2
    p1, p2 = one, two / max(second, 1e-300)
    total = p1 + second * max(0.0, p2 - p1) + shares.get("flaring", 0.0)
    assert total == pytest.approx(1.0)


def test_the_budget_over_time_gives_one_unrelated_silver_an_event():
    """Objects that are seen first with one and then with two detections."""
    rng, second = np.random.default_rng(8), 0.4
    shares = class_rates.budget(second)
    silver = 0
    for _ in range(1500):
        count = rng.poisson(30.0)
        x, y = rng.random((2, count))
        twice = rng.random(count) < second
        first = ranks.expected_unrelated(
            ranks.charged(30.0, shares["fresh_1"]), x, y, np.nan
        )
        then = ranks.expected_unrelated(
            ranks.charged(30.0 * second, shares["fresh_2"]), x, y, np.nan
        )
        assert (then[twice] <= first[twice]).all()
        silver += ((first <= 1) | (twice & (then <= 1))).sum()
    assert silver / 1500 == pytest.approx(1.0, abs=4 / np.sqrt(1500))


def test_it_says_from_when_silver_can_fire():
    assert "after the first complete night" in class_rates.readiness(None, "ztf")
    rng, seen = np.random.default_rng(9), np.ones(CELLS, bool)
    few, many = (
        class_rates.measure(some_counts(rng, n, np.full(CELLS, 0.02), seen))
        for n in (1, 12)
    )
    text = class_rates.readiness(few, "ztf")
    assert "upper limits" in text
    assert "1 night of ztf up to 20260101" in text
    assert "from 10 nights on" in text
    assert "measured in 12 nights" in class_rates.readiness(many, "ztf")


def test_the_strength_of_a_flare_is_a_rank_among_those_that_were_counted():
    strengths = np.arange(1, 100) / 100
    rate = ClassRate(np.ones(CELLS), 99, False, 1.0, np.zeros(0), np.zeros(0))
    few = ClassList(np.ones(1), np.ones(1), rate, 30)
    assert np.isnan(few.strength_share(np.array([0.5]))).all()
    counted = replace(rate, flux_change=strengths)
    ranked = ClassList(np.ones(1), np.ones(1), counted, 30)
    found = ranked.strength_share(np.array([0.0, 0.01, 0.5, 0.99, 3.0, np.nan]))
    assert found[:5] == pytest.approx([1.0, 1.0, 0.51, 0.02, 0.01])
    assert np.isnan(found[5])
    # uniform for flares that are unrelated
    rng = np.random.default_rng(5)
    counted = replace(rate, flux_change=np.sort(np.abs(rng.normal(0, 0.2, 499))))
    ranked = ClassList(np.ones(1), np.ones(1), counted, 30)
    share = ranked.strength_share(np.abs(rng.normal(0, 0.2, 20_000)))
    assert np.quantile(share, [0.1, 0.5, 0.9]) == pytest.approx(
        [0.1, 0.5, 0.9], abs=0.04
    )


def test_a_snapshot_keeps_the_strengths_of_flares_evenly(tmp_path):
    counts = some_counts(
        np.random.default_rng(6), 12, np.full(CELLS, 0.5), np.ones(CELLS, bool)
    )
    snapshot = class_rates.measure(counts)
    kept = snapshot.classes["flaring"].flux_change
    counted = counts.objects["flaring"].flux_change
    assert len(kept) == class_rates.FLARES < len(counted)
    assert (kept[0], kept[-1]) == (counted.min(), counted.max())
    assert np.median(kept) == pytest.approx(np.median(counted), rel=0.02)
    store = open_store(str(tmp_path))
    class_rates.save(snapshot, store)
    read = class_rates.newest(store, snapshot.survey)
    assert (read.classes["flaring"].flux_change == kept).all()

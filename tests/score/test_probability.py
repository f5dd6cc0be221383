# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Background rates, their integrals, and the calibration of chance probabilities."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from cdshealpix.nested import healpix_to_lonlat
from helpers.made_up_sky import LEVEL, OBSERVED, T0, event, frame, map_event
from helpers.oracle import ellipse_level
from helpers.sizes import nightly
from helpers.uneven_sky import as_thin, cell_centres, scatter_alerts, uneven_rate
from pyspark.sql import functions as F  # noqa: N812
from scipy.stats import kstest

from fink_voevent.errors import InputError
from fink_voevent.events import versions
from fink_voevent.match import pairing
from fink_voevent.score import background, integrals, probability
from fink_voevent.score.background import CELL_DEG2, CELLS, MIN_ALERTS
from fink_voevent.sky import localization
from fink_voevent.store.filesystem import open_store

LEVELS = np.linspace(0, LEVEL, probability.STEPS + 1)


# ------------------------------------------------------------------------ the rate
def test_counts_are_averaged_over_larger_cells_until_they_suffice():
    counts = np.zeros(CELLS, dtype=np.int64)
    counts[0] = MIN_ALERTS  # the only alerts in its large cell
    counts[1024:1028] = [10, 20, 0, 0]  # enough together
    mean = background.smoothed(counts)
    assert mean[0] == MIN_ALERTS
    assert mean[1] == MIN_ALERTS / 4
    assert mean[1024:1028].tolist() == [7.5] * 4
    assert np.isnan(mean[5000])
    quarter = mean[1024:2048].reshape(-1, 4)
    assert (quarter == quarter[:, :1]).all()


def test_a_snapshot_has_the_name_of_its_counts_and_is_read_back(tmp_path):
    store = open_store(str(tmp_path)).subfolder("background")
    assert background.newest(store, "ztf") is None
    counts = {cut: np.full(CELLS, 100) for cut in background.CUTS}
    snapshot = background.from_counts(counts, 10, "ztf")
    background.save(snapshot, store)
    found = background.newest(store, "ztf")
    assert found.name == snapshot.name == background.from_counts(counts, 10, "ztf").name
    assert found.nights == 10
    assert found.rates["bronze"] == pytest.approx(np.full(CELLS, 10 / CELL_DEG2))
    assert background.newest(store, "rubin") is None
    assert background.from_counts(counts, 9, "ztf").name != snapshot.name


def test_alerts_are_counted_by_cell_and_cut(spark, tmp_path):
    rows = [
        {"hpx29": 5 << 48, "night": n, "quality": q, "extragalactic": e}
        for n in ("20240114", "20240115")
        for q, e in [(0.9, None), (0.5, True), (0.4, None), (None, None), (0.9, False)]
        for _ in range(MIN_ALERTS)
    ]
    alerts = frame(spark, tmp_path / "a.parquet", "alerts", rows)
    snapshot = background.measure(alerts, "ztf")
    assert snapshot.nights == 2
    assert snapshot.rates["any"][5] == pytest.approx(5 * MIN_ALERTS / CELL_DEG2)
    assert snapshot.rates["bronze"][5] == pytest.approx(2 * MIN_ALERTS / CELL_DEG2)
    with pytest.raises(InputError, match="no alert"):
        background.measure(alerts.where("false"), "ztf")


# --------------------------------------------------------------------- the integral
@pytest.mark.parametrize("radius", [0.01, 1.0, 8.0, 60.0])
def test_the_integral_over_a_circle_of_an_even_sky_is_its_area(radius):
    mixture = localization.fisher(radius, 0.9)
    curve = integrals.integrate_circle(
        (200.0, -70.0), mixture, np.full(CELLS, 2.0), LEVELS
    )
    areas = [localization.area_deg2(mixture.radius_deg(p)) if p else 0 for p in LEVELS]
    assert curve == pytest.approx(2.0 * np.array(areas), rel=1e-9)


@pytest.mark.parametrize("centre", [(10.0, 20.0), (359.0, -85.0)])
def test_the_integral_over_a_circle_of_an_uneven_sky(centre):
    mixture = localization.fisher(15.0, 0.9)
    curve = integrals.integrate_circle(
        centre, mixture, uneven_rate(*cell_centres()), LEVELS
    )
    lon, lat = healpix_to_lonlat(np.arange(12 * 4**8), 8)
    east, north = np.radians(centre)
    cosine = np.sin(lat.rad) * np.sin(north)
    cosine += np.cos(lat.rad) * np.cos(north) * np.cos(lon.rad - east)
    distance = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    rate = uneven_rate(lon.deg, lat.deg) * CELL_DEG2 / 64
    for step in (16, 32, 64):
        inside = distance <= mixture.radius_deg(LEVELS[step])
        assert curve[step] == pytest.approx(rate[inside].sum(), rel=0.01)


def test_the_integral_over_an_ellipse(spark):
    """It is the area for an even rate, and the sum over pixels for an uneven one."""
    shape, centre = localization.ellipse((15.0, 4.0), 40.0, 0.9), (310.0, 25.0)
    even = integrals.integrate_ellipse(centre, shape, np.full(CELLS, 2.0), LEVELS)
    areas = [shape.area_deg2(p) for p in LEVELS]
    assert even == pytest.approx(2.0 * np.array(areas), rel=1e-9)
    lon, lat = healpix_to_lonlat(np.arange(12 * 4**8), 8)
    sky = SkyCoord(lon, lat)
    level = ellipse_level(vars(shape), SkyCoord(*centre, unit="deg"), sky)
    rate = uneven_rate(lon.deg, lat.deg) * CELL_DEG2 / 64
    curve = integrals.integrate_ellipse(
        centre, shape, uneven_rate(*cell_centres()), LEVELS
    )
    for step in (16, 32, 64):
        inside = rate[level <= LEVELS[step]].sum()
        assert curve[step] == pytest.approx(inside, rel=0.02)


def test_the_integral_over_a_map_is_the_sum_over_its_pixels():
    pixels = map_event(1, 5, order=3)["pixels"]
    rates = uneven_rate(*cell_centres())
    curve = integrals.integrate_map(pixels, rates, LEVELS)
    cell = 4 ** (29 - background.ORDER)
    for step in (0, 10, 64):
        total = 0.0
        for p in pixels:
            if p["level"] <= LEVELS[step]:
                first, last = p["lo"] // cell, (p["hi"] - 1) // cell
                share = min(1.0, (p["hi"] - p["lo"]) / cell)
                total += rates[first : last + 1].sum() * share * CELL_DEG2
        assert curve[step] == pytest.approx(total, rel=1e-9)


# ------------------------------------------------------------------ the probability
def test_the_formula_and_its_limiting_cases(spark):
    cases = [(10.0, 0.1, 0.1), (5.0, 1.0, 1.0), (5.0, 0.0, 0.3), (0.0, 0.5, 0.5)]
    df = spark.createDataFrame(cases, "n double, x double, y double")
    found = [
        r[0]
        for r in df.select(
            probability.chance(F.col("n"), F.col("x"), F.col("y"))
        ).collect()
    ]
    expected = [1 - math.exp(-10 * 0.01 * (1 - math.log(0.01))), 1 - math.exp(-5), 0, 0]
    assert found == pytest.approx(expected, abs=1e-12)


def test_the_share_of_the_window_that_is_nearer(spark):
    cases = [(0.0, 1.0, 7.0), (-0.5, 1.0, 7.0), (3.0, 1.0, 7.0), (7.0, 1.0, 7.0)]
    df = spark.createDataFrame(cases, "d double, b double, a double")
    share = probability.window_share(F.col("d"), F.col("b"), F.col("a"))
    assert [r[0] for r in df.select(share).collect()] == [0.0, 1 / 8, 4 / 8, 1.0]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, *nightly(2, 3)])
def test_the_smallest_p_chance_of_an_event_is_uniform_for_unrelated_alerts(
    spark, tmp_path, seed
):
    """For 2,000 events among scattered alerts, with the rate of other nights."""
    rng = np.random.default_rng(seed)
    events = []
    for number in range(2000):
        ra, dec = rng.uniform(0, 360), math.degrees(math.asin(rng.uniform(-1, 1)))
        radius = 10 ** rng.uniform(0.3, 0.8)
        time = T0 + timedelta(days=rng.uniform(0.5, 7.5))
        window = {"window_before": 0.5, "window_after": 2.5}
        events.append(event(number, ra, dec, radius, time=time, **window))
    counts = rng.poisson(uneven_rate(*cell_centres()) * CELL_DEG2 * 30)
    snapshot = background.from_counts({"any": counts, "bronze": counts}, 30, "ztf")
    scorer = probability.Scorer(snapshot, LEVEL)
    live = versions.matchable(
        versions.latest(
            frame(spark, tmp_path / "e.parquet", "notices", events), OBSERVED
        )
    ).persist()
    alerts = as_thin(spark, tmp_path / "a.parquet", scatter_alerts(rng, 10.0))
    pairs = scorer.score(pairing.pairs(alerts, live, LEVEL, 5), live)
    rows = pairing.with_status(pairs, "new").select("event_id", "p_chance").toPandas()
    groups = rows.groupby("event_id")["p_chance"]
    found = {e: (best, n) for e, best, n in groups.agg(["min", "size"]).itertuples()}
    expected = {
        e["event_id"]: 3.0 * scorer.integrals(_region(e))["any"][-1] for e in events
    }
    measured, predicted = sum(n for _, n in found.values()), sum(expected.values())
    assert abs(measured - predicted) < 4 * math.sqrt(predicted) + 0.01 * predicted
    best = [
        found[e][0]
        if e in found
        else rng.uniform(-math.expm1(-n), 1)  # without an alert: above any p_chance
        for e, n in expected.items()
    ]
    assert kstest(best, "uniform").pvalue > 0.01
    live.unpersist()


def _region(row: dict) -> dict:
    return {
        "event_ra": row["ra"],
        "event_dec": row["dec"],
        "fisher": row["fisher"],
        "ellipse": None,
        "pixels": None,
    }


def test_pairs_are_scored_with_the_rate_at_their_place_and_of_their_cut(
    spark, tmp_path
):
    counts = {"any": np.full(CELLS, 4000), "bronze": np.full(CELLS, 400)}
    for count in counts.values():
        count[:1024] = 0  # the rate is unknown in a twelfth of the sky
    snapshot = background.from_counts(counts, 10, "ztf")
    place = [v[200] for v in cell_centres()]  # in that part
    known = [event(1, 200.0, 50.0, 2.0), map_event(2, 9, order=2)]
    events = [*known, event(3, *place, 2.0)]
    rng = np.random.default_rng(5)
    alerts = scatter_alerts(rng, 1.0)
    alerts["ra"][:3], alerts["dec"][:3] = (
        [200.0, 200.5, place[0]],
        [50.0, 50.5, place[1]],
    )
    thin = as_thin(spark, tmp_path / "a.parquet", alerts)
    thin = thin.withColumn("quality", F.expr("IF(alert_id = 1, 0.9D, 0.1D)"))
    df = frame(spark, tmp_path / "e.parquet", "notices", events)
    live = versions.matchable(versions.latest(df, OBSERVED))
    scorer = probability.Scorer(snapshot, LEVEL)
    rows = scorer.score(pairing.pairs(thin, live, LEVEL, 5), live).collect()
    by_event = {}
    for row in rows:
        by_event.setdefault(row.event_id, {})[row.alert_id] = row
    assert by_event["event-1"][0].background_rate == pytest.approx(400 / CELL_DEG2)
    assert by_event["event-1"][1].background_rate == pytest.approx(40 / CELL_DEG2)
    assert by_event["event-1"][1].background_id == snapshot.name
    assert by_event["event-1"][0].p_chance < by_event["event-1"][1].p_chance
    assert {r.p_chance for r in by_event["event-3"].values()} == {None}
    assert {r.background_id for r in by_event["event-3"].values()} == {None}
    with_map = by_event["event-2"].values()
    assert with_map
    assert all(r.p_chance is None or 0 <= r.p_chance <= 1 for r in with_map)

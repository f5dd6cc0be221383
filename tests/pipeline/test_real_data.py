# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Real notices and real alerts, if they are beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from helpers.oracle import assert_equal, level_at, pairs, pairs_in_time
from helpers.pipeline import finish
from helpers.programs import broadcaster, listener, wait_for
from helpers.sizes import nightly

from fink_voevent.alerts.thin_alerts import thin
from fink_voevent.ingest import stage as ingest_stage
from fink_voevent.match import stage as match_stage
from fink_voevent.notices.normalisation import normalise
from fink_voevent.offline import matching
from fink_voevent.ops.status import Observer
from fink_voevent.route import packet_table
from fink_voevent.route import stage as route_stage
from fink_voevent.spark import dataframes
from fink_voevent.store.batches import FIRST, BatchLog
from fink_voevent.store.delta import Tables

WIDE = (20000.0, 20000.0)
SKY = 41253.0  # deg2: no cap


@pytest.fixture(scope="session")
def documents(real) -> list[bytes]:
    return [p.read_bytes() for p in sorted((real / "voevents").iterdir())]


@pytest.fixture(scope="session")
def notices(documents, registry) -> list[dict]:
    return [normalise(raw, registry) for raw in documents]


@pytest.fixture(scope="session")
def alerts(real) -> list[dict]:
    table = ds.dataset(real / "ztf" / "science_20240115").to_table(
        columns={
            "alert_id": ds.field("candid"),
            "ra": ds.field("candidate", "ra"),
            "dec": ds.field("candidate", "dec"),
            "jd": ds.field("candidate", "jd"),
        }
    )
    return table.to_pylist()


@pytest.mark.parametrize(
    ("window", "order", "cap_deg2"),
    [
        *[(None, 0, SKY), (WIDE, 0, 5000.0)],
        *nightly((WIDE, 0, SKY), (WIDE, 4, SKY), (WIDE, 5, SKY)),
        *nightly((WIDE, 6, SKY), (WIDE, 7, SKY), (WIDE, 0, 50.0)),
    ],
)
def test_pairs_of_a_real_night_and_real_notices_are_those_of_brute_force(
    spark, settings, real, notices, alerts, tmp_path, window, order, cap_deg2
):
    chosen = settings.model_copy(
        update={
            "cap_deg2": cap_deg2,
            "window": ",".join(map(str, window)) if window else "",
            "cell_order": order,
        }
    )
    night, sources = real / "ztf" / "science_20240115", [str(real / "voevents")]
    matching.match_night(spark, chosen, str(night), sources, tmp_path / "out")
    found = pq.read_table(tmp_path / "out" / "coincidences.parquet").to_pylist()
    level = chosen.credible_level
    expected = pairs(
        notices, alerts, lambda event: min(level, level_at(event, cap_deg2)), window
    )
    assert window is None or cap_deg2 < SKY or len(expected) >= 2500
    expected |= pairs_in_time(notices, alerts, cap_deg2 / SKY, window)
    assert_equal(found, expected)


@pytest.mark.parametrize("files", [("initial",), ("update",), ("update", "initial")])
def test_pairs_of_a_real_night_and_a_real_sky_map_are_those_of_brute_force(
    spark, settings, real, registry, alerts, tmp_path, files
):
    """S230518h: the later notice is current in either order."""
    paths = [real / "lvk" / f"S230518h-{name}.json" for name in files]
    chosen = settings.model_copy(
        update={"window": ",".join(map(str, WIDE)), "credible_level": 0.99}
    )
    night = str(real / "ztf" / "science_20240115")
    out = tmp_path / "out"
    matching.match_night(spark, chosen, night, [str(p) for p in paths], out)
    found = pq.read_table(out / "coincidences.parquet").to_pylist()
    rows = [normalise(p.read_bytes(), registry) for p in paths]
    expected = pairs(rows, alerts, 0.99, WIDE)
    assert len(expected) > 10
    assert_equal(found, expected)


@pytest.mark.slow
def test_all_real_notices_over_vtp_land_and_become_events_once(
    spark, settings, real, documents, notices, tmp_path
):
    """Sent twice over a real connection, all arrive, with the same bytes."""
    folder = real / "voevents"
    with broadcaster(folder, folder) as (port, comet):
        with listener(port, tmp_path):
            assert comet.stdout.readline() == f"acknowledged {2 * len(documents)}\n"
            landing = tmp_path / "data" / "voevent" / "landing"
            wait_for(
                lambda: (
                    sum(pq.read_metadata(f).num_rows for f in _files(landing))
                    == 2 * len(documents)
                )
            )
    raws = [r for f in _files(landing) for r in pq.read_table(f)["raw"].to_pylist()]
    assert raws == documents + documents
    finish(ingest_stage.start(spark, settings))
    tables = Tables(settings.root)
    last = BatchLog(tables, ingest_stage.STAGE).last_done()
    events = dataframes.read(spark, tables, "events", FIRST, last)
    ours = sorted(r.notice_id for r in events.select("notice_id").collect())
    assert ours == sorted(n["notice_id"] for n in notices)
    status = Observer(settings.root).status()
    assert (status.received, status.events) == (2 * len(documents), len(documents))


def _files(folder):
    return sorted(folder.rglob("[!.]*.parquet"))


def test_thin_alerts_of_real_alerts_are_complete(spark, real):
    """They have all values that matching needs, for each survey and schema version."""
    for survey, folder, count in (
        ("ztf", "ztf/science_20240115", 849),
        ("ztf", "ztf/regular", 133),
        ("rubin", "rubin/rubin_test_data_10_0.parquet", 27),
    ):
        rows = thin(spark.read.parquet(str(real / folder)), survey).collect()
        assert len(rows) == count
        for row in rows:
            assert row.first_detection <= row.alert_time
            assert row.object_id
            assert row.quality is None or 0 <= row.quality <= 1
            limit = row.last_non_detection
            assert limit is None or limit < row.first_detection


@pytest.mark.slow
def test_real_alerts_reach_topics_as_packets_that_fink_client_reads(
    spark, settings, real, documents
):
    """Windows are wide, so that dozens pass; sending all again changes nothing."""
    from helpers.pipeline import Pipeline

    chosen = settings.model_copy(update={"window": "20000,20000", "night": "20240115"})
    pipeline = Pipeline.__new__(Pipeline)
    pipeline.spark, pipeline.settings = spark, chosen
    source = str(real / "ztf" / "science_20240115")
    science = f"{chosen.data_prefix}/science/20240115"
    spark.read.parquet(source).write.parquet(science)
    _land(chosen, documents)
    _run(spark, chosen, science)
    before = (pipeline.journal().count(), _bytes(chosen))
    packets = [p for rows in pipeline.topics().values() for p in rows]
    assert len(packets) > 50
    alerts = {r.candid: r for r in spark.read.parquet(source).collect()}
    for packet in packets:
        alert = alerts[packet["candid"]].asDict(recursive=True)
        assert packet["candidate"] == alert["candidate"]
        assert packet["prv_candidates"] == alert["prv_candidates"]
        assert set(alert) <= set(packet)
    _land(chosen, documents)
    _run(spark, chosen, science)
    assert (pipeline.journal().count(), _bytes(chosen)) == before


def _bytes(settings) -> dict[str, bytes]:
    files = Path(settings.root, "topics").rglob("*.avro")
    return {str(f): f.read_bytes() for f in files}


def _land(settings, documents) -> None:
    from fink_voevent.listen import landing
    from fink_voevent.listen.spool import Received, Spool
    from fink_voevent.store.filesystem import open_store

    spool = Spool(settings.spool, settings.root)
    spool.append([Received(raw, "file", "real") for raw in documents])
    landing.drain(spool, open_store(settings.root).subfolder("landing"))
    spool.close()


def _run(spark, settings, science: str) -> None:
    schema = spark.read.parquet(science).schema
    for start in (
        lambda: ingest_stage.start(spark, settings),
        lambda: match_stage.start(spark, settings, settings.night, science, schema),
        lambda: route_stage.start(spark, settings),
    ):
        finish(start())


def test_no_leaf_of_our_struct_has_the_name_of_a_leaf_of_fink(spark, real):
    """Filters of Fink find columns by the name of the leaf."""
    from fink_utils.spark.utils import return_flatten_names
    from pyspark.sql import functions as F  # noqa: N812

    from fink_voevent.spark.dataframes import spark_schema

    pairs = spark.createDataFrame([], spark_schema("routed"))
    ours = pairs.select(packet_table.coincidence_struct(F.lit(False)).alias("c")).schema
    leaves = set(ours["c"].dataType.names)
    for folder in ("ztf/science_20240115", "ztf/regular", "rubin"):
        df = spark.read.option("recursiveFileLookup", "true").parquet(
            str(real / folder)
        )
        names = return_flatten_names(df, "", [])
        assert not leaves & {name.split(".")[-1] for name in names}

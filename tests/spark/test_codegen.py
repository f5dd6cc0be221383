# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""All that is done with each alert and each pair is code that Spark fuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.made_up_sky import LEVEL, OBSERVED, alert, event, frame, map_event, thin

from fink_voevent.alerts import thin_alerts
from fink_voevent.events import regions, versions
from fink_voevent.match import pairing, revisions
from fink_voevent.score import background, probability
from fink_voevent.score.background import CELLS
from fink_voevent.spark import dataframes
from fink_voevent.spark.codegen import LARGEST_METHOD
from fink_voevent.store.delta import Tables
from fink_voevent.tables.coincidences import PAIR_EVENT_COLUMNS

ORDER = 5
NIGHT = "20240115"


@pytest.fixture
def live(spark, tmp_path):
    rows = [event(1, 10.0, 10.0, 3.0), map_event(2, 5), event(3, 20.0, 0.0, 0.1)]
    df = frame(spark, tmp_path / "events.parquet", "notices", rows)
    kept = versions.matchable(versions.latest(df, OBSERVED)).persist()
    yield kept
    kept.unpersist()


@pytest.fixture
def found(spark, tmp_path, live):
    """Pairs of stored alerts with regions that are kept, as in a batch."""
    facts = [alert(1, 10.1, 10.1, 1.0)]
    alerts = thin(spark, tmp_path / "empty.parquet", facts)
    alerts.write.parquet(str(tmp_path / "stored"))
    among = regions.region_tables(live, PAIR_EVENT_COLUMNS, ORDER, LEVEL).persist()
    yield pairing.match_regions(spark.read.parquet(str(tmp_path / "stored")), among)
    among.unpersist()


def scored(found, live):
    counts = {cut: np.full(CELLS, 100) for cut in background.CUTS}
    snapshot = background.from_counts(counts, 10, "ztf")
    return probability.Scorer(snapshot, LEVEL).score(found, live)


def compiled(spark) -> int:
    """How many pieces of code Spark has compiled in this process."""
    metrics = spark._jvm.org.apache.spark.metrics.source.CodegenMetrics
    return metrics.METRIC_COMPILATION_TIME().getCount()


def do_batch(spark, tables: Tables, live, batch: int) -> None:
    """Match an alert and those of earlier batches, as the stage does."""
    new = thin(spark, Path(tables.root, f"{batch}"), [alert(batch, 10.1, 10.1, 1.0)])
    dataframes.append(tables, "alerts", new, "match", batch)
    among = regions.region_tables(live, PAIR_EVENT_COLUMNS, ORDER, LEVEL)
    alerts = dataframes.read(spark, tables, "alerts", batch, batch)
    earlier = dataframes.read(spark, tables, "alerts", 0, batch - 1)
    again = revisions.revise(
        pairing.match_regions(earlier, among, batch),
        revisions.view(dataframes.read(spark, tables, "coincidences", 0, batch - 1)),
        live,
        batch,
    )
    pairs = pairing.match_regions(alerts, among, batch)
    found = pairing.with_status(pairs, "new").unionByName(again)
    dataframes.append(tables, "coincidences", found, "match", batch)


def path_of_the_alerts(df) -> list[str]:
    """Operators from the alerts' files to the result, without what is broadcast."""
    plan = df._jdf.queryExecution().executedPlan().toString()
    lines = [re.sub(r"^[ :+-]*", "", line) for line in plan.splitlines()]
    depth = [
        len(line) - len(rest)
        for line, rest in zip(plan.splitlines(), lines, strict=True)
    ]
    path = [(depth[0], lines[0])]
    for level, line in zip(depth[1:], lines[1:], strict=True):
        if level == path[-1][0] + 3 and not line.startswith("BroadcastExchange"):
            path.append((level, line))
        if line.startswith("FileScan"):
            break
    return [line for _, line in path]


def method_sizes(spark, df) -> list[int]:
    """Bytes of the largest method of each stage."""
    debug = getattr(spark._jvm.org.apache.spark.sql.execution.debug, "package$")
    plan = df._jdf.queryExecution().executedPlan()
    code = getattr(debug, "MODULE$").codegenString(plan)
    return [int(size) for size in re.findall(r"maxMethodCodeSize:(\d+)", code)]


def test_a_batch_needs_no_code_that_the_one_before_did_not_need(spark, tmp_path, live):
    tables = Tables(str(tmp_path))
    added = []
    for batch in range(5):  # the first reads tables without rows
        before = compiled(spark)
        do_batch(spark, tables, live, batch)
        added.append(compiled(spark) - before)
    assert added[0] > 0
    # Spark may forget code of tests before, and compile it again once
    assert min(added[2:]) == 0
    rows = tables.rows_of("coincidences", ["alert_id", "batch"], 0, 9).to_pylist()
    found = {(row["alert_id"], row["batch"]) for row in rows}
    assert found == {(a, b) for b in range(5) for a in range(b + 1)}


@pytest.mark.parametrize("made", [lambda f, _: f, scored], ids=["pairs", "scored"])
def test_no_generated_method_is_too_large(spark, found, live, made):
    sizes = method_sizes(spark, pairing.with_status(made(found, live), "new"))
    assert sizes
    assert max(sizes) <= LARGEST_METHOD


@pytest.mark.parametrize("made", [lambda f, _: f, scored], ids=["pairs", "scored"])
def test_spark_fuses_each_operator_over_alerts(found, live, made):
    path = path_of_the_alerts(made(found, live))
    assert path[-1].startswith("FileScan parquet [survey")
    alone = [line[:100] for line in path[:-1] if not line.startswith("*(")]
    assert [line for line in alone if not line.startswith("Coalesce")] == []


@pytest.mark.parametrize(("survey", "through_arrays"), [("ztf", 3), ("rubin", 2)])
def test_spark_fuses_the_code_that_makes_thin_alerts(
    spark, datatest, survey, through_arrays
):
    folder = datatest / {"ztf": "alerts", "rubin": "rubin"}[survey]
    made = thin_alerts.thin(spark.read.parquet(str(folder)), survey, NIGHT)
    assert max(method_sizes(spark, made)) <= LARGEST_METHOD
    path = path_of_the_alerts(made)
    # what goes through the history's arrays, alone
    alone = [line for line in path[:-1] if not line.startswith(("*(", "Coalesce"))]
    assert len(alone) == through_arrays
    assert all("filter(" not in line for line in path if line.startswith("*("))


def test_only_the_fields_of_a_history_that_are_used_are_read(spark, tmp_path):
    """Real packets have forty columns for each earlier detection."""
    now = "jd double, fid int, magpsf float, isdiffpos string"
    past = f"{now}, diffmaglim float, rb float"
    schema = (
        f"candid bigint, objectId string, candidate struct<{now}, ra double, dec double"
        f">, prv_candidates array<struct<{past}>>"
    )
    spark.createDataFrame([], schema).write.parquet(str(tmp_path / "alerts"))
    made = thin_alerts.thin(spark.read.parquet(str(tmp_path / "alerts")), "ztf", NIGHT)
    scan = made._jdf.queryExecution().executedPlan().collectLeaves().head()
    (read,) = [
        field["type"]["elementType"]["fields"]
        for field in json.loads(scan.requiredSchema().json())["fields"]
        if field["name"] == "prv_candidates"
    ]
    used = {"jd", "fid", "magpsf", "isdiffpos", "diffmaglim"}
    assert {field["name"] for field in read} == used

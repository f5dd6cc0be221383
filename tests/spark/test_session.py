# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A cluster's executors, which have no copy of our package, run what we ship them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from fink_voevent.spark.session import retries_tasks

SCRIPT = """
from fink_voevent.config.load import load
from fink_voevent.spark.session import build, retries_tasks

def files(rows):
    import fink_voevent.notices.streams

    yield fink_voevent.notices.streams.__file__

values = {"spark_master": "local-cluster[1,1,1024]", "driver_memory": "1g"}
spark = build(load({}, values).settings, "test")
assert retries_tasks(spark)
print(*set(spark.range(1).rdd.mapPartitions(files).collect()))
spark.stop()
"""


def on_a_cluster(tmp_path, *command: str) -> subprocess.CompletedProcess:
    """Run a command; Spark's cluster of one executor keeps its files in the test's."""
    return subprocess.run(
        [sys.executable, *command],
        env={
            **os.environ,
            "SPARK_WORKER_DIR": str(tmp_path / "work"),
            "VOEVENT_SPARK_MASTER": "local-cluster[1,1,1024]",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_executors_run_the_package_that_was_shipped(tmp_path):
    done = on_a_cluster(tmp_path, "-c", SCRIPT)
    assert done.returncode == 0, done.stderr
    assert "fink_voevent.zip/fink_voevent/notices/streams.py" in done.stdout


def test_one_machine_does_no_task_again(spark):
    assert not retries_tasks(spark)


def test_names_of_packages_are_looked_up_once(spark):
    jvm = spark.sparkContext._jvm  # noqa: SLF001 - where pyspark looks them up
    first = jvm.org.apache.spark.sql.catalyst.expressions
    assert jvm.org.apache.spark.sql.catalyst.expressions is first
    assert jvm.org.apache.spark.sql.expressions.Window._fqn.endswith(".Window")
    assert first.ArrayTransform._fqn.endswith(".ArrayTransform")


@pytest.mark.cluster
def test_a_night_is_matched_on_a_cluster_as_on_one_machine(tmp_path, datatest):
    done = on_a_cluster(
        tmp_path,
        *("-m", "fink_voevent", "match", "--format", "csv", "--out", "out"),
        *("--alerts", str(datatest / "alerts")),
        *("--notices", str(datatest / "voevents")),
    )
    assert done.returncode == 0, done.stderr
    expected = (datatest / "expected" / "coincidences.csv").read_text()
    found = (tmp_path / "out" / "coincidences.csv").read_text()
    assert len(found.splitlines()) == len(expected.splitlines())

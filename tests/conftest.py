# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Fixtures: one Spark session for all (pytest-spark), folders, real data if there."""

from __future__ import annotations

import csv
import os
import shutil
import sys
from pathlib import Path

import hypothesis
import pytest

# No example fails because the machine is busy.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")
# Workers must run the Python that has our package, whatever the path says.
os.environ["PYSPARK_PYTHON"] = sys.executable
os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
for name in [n for n in os.environ if n.startswith("VOEVENT_")]:
    del os.environ[name]
# The code that Spark generates runs for seconds here, so that the quick compiler saves
# time. Its own default of 48 MB for compiled code is full after some tests, and then
# everything is compiled again.
QUICK = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m"
os.environ.setdefault("JDK_JAVA_OPTIONS", QUICK)
os.environ["VOEVENT_WARMUP_NOTICES"] = "0"  # but for the test of the warm-up

# so that a failing assert in these says what differs
pytest.register_assert_rewrite("helpers.oracle", "helpers.pipeline")

from helpers.kafka_broker import Broker  # noqa: E402
from helpers.pipeline import Pipeline, settings_in  # noqa: E402

from fink_voevent.config.settings import Settings  # noqa: E402
from fink_voevent.notices import streams  # noqa: E402
from fink_voevent.spark.session import remember_names  # noqa: E402

ROOT = Path(__file__).parent.parent
DATATEST = ROOT / "datatest"
REAL = ROOT.parent / "shared" / "real"


NO_REAL_DATA = "real data are not beside this checkout"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Make the tests of a module that use Spark a group.

    pytest-xdist gives the next group to the worker that is free. Each worker has one
    Spark session.
    """
    if "spark" in getattr(item, "fixturenames", ()):
        name = "-".join(item.path.relative_to(ROOT).with_suffix("").parts[1:])
        item.add_marker(pytest.mark.xdist_group(name))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the tests with Spark; of these and of the others, with the slow ones.

    So no worker begins a long test while the other has nothing left to do.
    """
    items.sort(
        key=lambda item: (
            item.get_closest_marker("xdist_group") is None,
            item.get_closest_marker("slow") is None,
            "pipeline" not in item.path.parts,
        )
    )


def pytest_terminal_summary(terminalreporter) -> None:
    """Say how many tests of real data did not run."""
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum(NO_REAL_DATA in str(report.longrepr) for report in skipped)
    if count:
        line = f"{count} tests of real data did not run: {REAL} is missing"
        terminalreporter.section(line, yellow=True)


@pytest.fixture(scope="session")
def datatest() -> Path:
    return DATATEST


@pytest.fixture(scope="session")
def real() -> Path:
    """Folder of real data beside the checkout; tests that use it need it."""
    if not REAL.is_dir():
        pytest.skip(NO_REAL_DATA)
    return REAL


@pytest.fixture(scope="session")
def registry() -> streams.Registry:
    return streams.load()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture(scope="session")
def spark(spark_session):
    spark_session.sparkContext.setLogLevel("ERROR")
    remember_names(spark_session)
    return spark_session


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """Real Kafka, one for all tests."""
    made = Broker(tmp_path_factory.mktemp("kafka"))
    yield made
    made.stop()


@pytest.fixture
def pipeline(spark, settings, datatest):
    made = Pipeline(spark, settings, datatest)
    yield made
    made.spool.close()


@pytest.fixture(scope="session")
def processed(spark, datatest, tmp_path_factory):
    """All of datatest, processed by the stages in one run, for tests that only read."""
    folder = tmp_path_factory.mktemp("processed")
    stages = Pipeline(spark, settings_in(folder), datatest)
    stages.alerts("early", "late")
    stages.notices()
    stages.run()
    yield stages
    stages.spool.close()


@pytest.fixture(scope="session")
def matched_once(spark, datatest, tmp_path_factory):
    """Alerts and a notice that are matched, and not sent, for tests that only read."""
    stages = Pipeline(spark, settings_in(tmp_path_factory.mktemp("matched")), datatest)
    stages.alerts("early", "late")
    stages.notices("grb221009a_bat")
    stages.match()
    yield stages
    stages.spool.close()


@pytest.fixture
def matched(matched_once, settings, tmp_path):
    """Stages over a copy of these tables; a test may change the science alerts."""
    kept, science = tmp_path / "kept", matched_once.science
    shutil.copytree(science, kept)
    stages = matched_once.copied(settings)
    yield stages
    stages.spool.close()
    shutil.rmtree(science, ignore_errors=True)
    shutil.copytree(kept, science)


@pytest.fixture(scope="session")
def expected(datatest) -> list[dict]:
    with (datatest / "expected" / "coincidences.csv").open(encoding="utf-8") as text:
        return list(csv.DictReader(text))


@pytest.fixture
def prefix(request) -> str:
    """First part of the names of topics of this test alone."""
    return f"{request.node.name.split('[')[0][:40]}_"

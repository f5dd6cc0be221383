# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The Spark session of our own processes: made here, and nowhere else."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import re
import shutil
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fink_voevent.config.settings import Settings
from fink_voevent.errors import InputError, StorageError
from fink_voevent.spark.codegen import LARGEST_METHOD
from fink_voevent.spark.scratch import Scratch
from fink_voevent.spark.stores import share_options, spark_properties

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOG = logging.getLogger(__name__)
OPTIONS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # times as `tables` declares them, which every reader of Parquet understands
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    # our tables and batches are small: more partitions only cost time
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.adaptive.enabled": "false",
    # our readers name each file: no job to list them
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "128",
    # cached rows are packets or sky maps: a few at a time in memory
    "spark.sql.inMemoryColumnarStorage.batchSize": "128",
    "spark.sql.codegen.hugeMethodLimit": str(LARGEST_METHOD),
    # nobody looks at the plans, and writing each in full takes time
    "spark.sql.ui.explainMode": "simple",
    # keep the code generated for three stages, instead of generating it each batch
    "spark.sql.codegen.cache.maxEntries": "4000",
    # Hadoop's own name of S3 is s3a
    "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
    # a stream never reads its old batches again
    "spark.sql.streaming.minBatchesToRetain": "20",
}

# Other collectors let the garbage of the batches grow the heap to its limit.
COLLECTOR = "-XX:+UseSerialGC"
_NAMES = ("functions", "Column", "PythonUtils", "SparkSession", "SparkSession$")
_PACKAGES = (
    "java.util",
    "org.apache.spark.sql.catalyst.expressions",  # of functions of elements of arrays
    "org.apache.spark.sql.execution.python",  # of functions in Python
    "org.apache.spark.sql.expressions",  # of windows
    "org.apache.spark.sql.streaming",
)


def check_java() -> None:
    """Raise InputError, with the package to install, if Java is missing."""
    home = os.environ.get("JAVA_HOME", "")
    if not (shutil.which("java") or (home and Path(home, "bin", "java").exists())):
        raise InputError(
            "Java is missing and Spark needs it: install Java 17 (Debian and Ubuntu:"
            " apt-get install openjdk-17-jre-headless), or set JAVA_HOME"
        )


@contextlib.contextmanager
def spark_session(
    settings: Settings, name: str, log: Path | None = None
) -> Iterator[SparkSession]:
    """Spark session for the body of a ``with`` statement.

    It is stopped at the end, unless it was active before: then whoever started it still
    needs it. Parameters and errors are those of `build`.
    """
    check_java()
    from pyspark.sql import SparkSession

    is_ours = SparkSession.getActiveSession() is None
    spark = build(settings, name, log)
    try:
        yield spark
    finally:
        if is_ours:
            spark.stop()


def build(settings: Settings, name: str, log: Path | None = None) -> SparkSession:
    """Make the session of one of our commands, or return the active one.

    Workers run the Python that runs this, because another may not have our package;
    unless PYSPARK_PYTHON names one, as spark-submit does for ``spark.pyspark.python``.

    Parameters
    ----------
    settings : Settings
        `spark_master` and `driver_memory` are used.
    name : str
        Name of the application.
    log : Path, optional
        File to which Spark's own output is appended; without it that output is
        dropped, as our own messages say what users need. At log level DEBUG it is
        shown instead.

    Raises
    ------
    InputError
        If Java is missing.
    StorageError
        If `log` cannot be written.
    """
    check_java()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName(name)
    master = settings.spark_master or _submitted_master()
    builder = builder.master(master)
    if master.startswith("local"):
        properties = resources.files(__package__) / "log4j2.properties"
        builder = (
            builder.config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config(
                "spark.driver.extraJavaOptions",
                f"-Dlog4j2.configurationFile={properties} {COLLECTOR}",
            )
        )
    for key, value in {**OPTIONS, **spark_properties()}.items():
        builder = builder.config(key, value)
    builder = builder.config("spark.driver.memory", settings.driver_memory)
    if _LOG.isEnabledFor(logging.DEBUG):
        spark = builder.getOrCreate()
    else:
        with _stderr_to(log or Path(os.devnull)):
            spark = builder.getOrCreate()
    if is_submitted():  # its console is ours: Spark logs a line for each batch there
        spark.sparkContext.setLogLevel("WARN")
    share_options(spark.sparkContext)
    _ship_package(spark)
    remember_names(spark)
    return spark


def is_submitted() -> bool:
    """Whether spark-submit has started the JVM, and not we."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def remember_names(spark: SparkSession) -> None:
    """Cache the JVM names that pyspark looks up at each operation on a column.

    The JVM finds these names by searching each of Spark's jars, which takes a fifth
    of the time of a small batch: also each part of the name of a package, which may
    be that of a class.
    """
    jvm: Any = spark.sparkContext._jvm  # noqa: SLF001 - where pyspark looks them up
    for name in _NAMES:
        setattr(jvm, name, getattr(jvm, name))
    for package in _PACKAGES:
        place = jvm
        for name in package.split("."):
            setattr(place, name, getattr(place, name))
            place = getattr(place, name)
    for name in ("col", "lit"):
        setattr(jvm.functions, name, getattr(jvm.functions, name))


def retries_tasks(spark: SparkSession) -> bool:
    """Whether Spark runs a task again that failed or whose executor was lost."""
    master = str(spark.sparkContext.master)
    return re.fullmatch(r"local(\[[^,]*\])?", master) is None


def _ship_package(spark: SparkSession) -> None:
    """Send our package to executors on other machines, which may not have it."""
    context = spark.sparkContext
    if re.fullmatch(r"local(\[.*\])?", str(context.master)):
        return
    package = Path(__file__).parents[1]
    scratch = Scratch()  # executors fetch the package from here
    atexit.register(scratch.remove)
    archive = str(scratch.path / package.name)
    context.addPyFile(shutil.make_archive(archive, "zip", package.parent, package.name))


def _submitted_master() -> str:
    """Master that ``spark-submit`` was given, which ours would override."""
    from pyspark import SparkConf, SparkContext

    if is_submitted():  # its JVM knows
        SparkContext._ensure_initialized()  # noqa: SLF001 - as SparkContext itself does
    return str(SparkConf().get("spark.master", "local[*]"))


@contextlib.contextmanager
def _stderr_to(path: Path) -> Iterator[None]:
    """Redirect the stderr of processes that start in the body, Spark's, to a file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        target = path.open("ab")
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from None
    stderr = os.dup(2)
    try:
        with target:
            os.dup2(target.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Options of HDFS and S3: from Spark to our own clients and its workers, and back.

Spark gives its workers no environment of ours. They open stores too, and find the
options in the same variable as the driver does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fink_voevent.config.store_options import of_spark
from fink_voevent.store.options import VARIABLE, for_spark, store_options

if TYPE_CHECKING:
    from pyspark import SparkContext

# What says where the NameNodes of a nameservice are. None of it has a default.
_NAMESERVICES = (
    r"dfs\.(nameservices|ha\.namenodes\..*|namenode\.rpc-address\..*"
    r"|client\.failover\.proxy\.provider\..*)"
)


def spark_properties() -> dict[str, str]:
    """Return the properties by which Spark opens the store as we do."""
    return for_spark(store_options(os.environ))


def adopt_submitted_options() -> None:
    """Take over the options of stores that spark-submit was given.

    Only a program that spark-submit has started calls this.
    """
    from pyspark import SparkConf, SparkContext

    SparkContext._ensure_initialized()  # noqa: SLF001 - as SparkContext itself does
    given = of_spark(dict(SparkConf().getAll()))
    _set(_merged(given))


def share_options(context: SparkContext) -> None:
    """Give the options of stores to this process and to the workers of Spark.

    Those of the nameservices are among them: a worker may have no HADOOP_CONF_DIR.
    """
    java = context._jsc.hadoopConfiguration()  # noqa: SLF001 - no other way
    found = dict(java.getValByRegex(_NAMESERVICES))
    given = of_spark(dict(context.getConf().getAll()))
    merged = _merged({**found, **given})
    _set(merged)
    if merged:
        context.environment[VARIABLE] = os.environ[VARIABLE]


def _merged(given: Mapping[str, str]) -> dict[str, str]:
    return {**given, **store_options(os.environ)}


def _set(options: Mapping[str, str]) -> None:
    if options:
        os.environ[VARIABLE] = json.dumps(dict(options))

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A minimal checkout of fink-broker, and services started as its ``bin/fink`` does.

``bin/fink`` passes the same options to ``spark-submit`` for every service, in this
order and unquoted, so that an empty value is not passed at all.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyspark

CONF = """# configuration of Fink
SPARK_MASTER=local[2]
ONLINE_DATA_PREFIX={data}
AGG_DATA_PREFIX={data}/archive
FINK_TRIGGER_UPDATE=1
LOG_LEVEL=INFO
"""
LAUNCH = """set -e
service=$1; conf=$2
source $conf
exec {spark_submit} --master $SPARK_MASTER \\
  --driver-memory $DRIVER_MEMORY --conf spark.cores.max=$SPARK_CORE_MAX \\
  $FINK_HOME/bin/{survey}/$service.py -producer {survey} -servers $KAFKA_IPPORT \\
  -night $NIGHT -schema $FINK_ALERT_SCHEMA -startingoffsets_stream earliest \\
  -max_offsets_per_trigger 5000 -online_data_prefix $ONLINE_DATA_PREFIX \\
  -agg_data_prefix $AGG_DATA_PREFIX -tinterval $FINK_TRIGGER_UPDATE \\
  -mmconfigpath no-config -fink_fat_output $FINK_FAT_OUTPUT \\
  -hostless_folder $HOSTLESS_FOLDER -out_schema_folder /tmp -science_db_name $DB \\
  -science_db_catalogs $CATALOGS -tns_folder $TNS -log_level $LOG_LEVEL $EXIT_AFTER
"""


def checkout(home: Path, data: Path, survey: str = "ztf") -> Path:
    """Make a checkout, and return the path of its configuration."""
    for folder in ("bin", "conf"):
        (home / folder / survey).mkdir(parents=True)
    (home / "bin" / "fink").write_text("#!/bin/bash\n")
    conf = home / "conf" / survey / "fink.conf.prod"
    conf.write_text(CONF.format(data=data))
    return conf


def start(home: Path, service: str, log: Path, survey: str = "ztf", **environment: str):
    """Start a service as ``bin/fink start`` does, in the foreground of a shell."""
    conf = home / "conf" / survey / "fink.conf.prod"
    spark_submit = Path(sys.executable).parent / "spark-submit"
    text = LAUNCH.format(spark_submit=spark_submit, survey=survey)
    with log.open("wb") as out:
        return subprocess.Popen(
            ["bash", "-c", text, "fink", service, str(conf)],
            env={
                **os.environ,
                "FINK_HOME": str(home),
                "PYSPARK_PYTHON": sys.executable,
                "PYSPARK_DRIVER_PYTHON": sys.executable,
                **environment,
            },
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def clone(checkout: Path, home: Path) -> None:
    """Clone a checkout of fink-broker, so that the original is not changed."""
    command = ["git", "clone", "--quiet", str(checkout), str(home)]
    subprocess.run(command, check=True)


def changes(home: Path) -> str:
    """Return the files of a checkout that have changed, as git lists them."""
    command = ["git", "-C", str(home), "status", "--short"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def conf(home: Path, data: Path, survey: str) -> Path:
    """Make a configuration for one machine, and return its path.

    It is that of the checkout for development, without the jars of HBase, which our
    services do not need. The list of jars must not be empty, because ``bin/fink``
    passes it unquoted; therefore it has one of Spark's jars.
    """
    jar = next((Path(pyspark.__file__).parent / "jars").glob("spark-core*.jar"))
    original = home / "conf" / survey / "fink.conf.dev"
    changed = data.parent / f"fink.conf.{survey}"
    package = f"org.apache.spark:spark-avro_2.12:{pyspark.__version__}"
    changed.write_text(
        original.read_text()
        + f"""
SPARK_MASTER="local[2]"
FINK_PACKAGES={package}
FINK_JARS={jar}
EXTRA_SPARK_CONFIG="--conf spark.jars.ivy={data.parent}/ivy"
ONLINE_DATA_PREFIX={data}
AGG_DATA_PREFIX={data}/archive
"""
    )
    return changed


def launch(
    home: Path, service: str, log: Path, survey: str, night: str, spool: Path
) -> subprocess.Popen:
    """Start a service by the checkout's own ``bin/fink``."""
    programs = Path(sys.executable).parent
    command = [str(home / "bin" / "fink"), "start", service, "-s", survey]
    command += ["-c", str(log.parent / f"fink.conf.{survey}"), "-night", night]
    command += ["-exit_after", "300", "-driver-memory", "1g"]
    path = f"{home / 'bin'}:{programs}:{os.environ['PATH']}"
    variables = {"FINK_HOME": str(home), "PATH": path, "PYSPARK_PYTHON": sys.executable}
    variables |= {"VOEVENT_SPOOL": str(spool), "PYTHONPATH": str(home)}
    with log.open("wb") as out:
        return subprocess.Popen(
            command,
            env={**os.environ, **variables},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

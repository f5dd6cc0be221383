# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A checkout as fink-broker lays it out, and what its ``bin/fink`` passes.

Written from what ``bin/fink`` was seen to pass to ``spark-submit``: one list of options
for every service, in this order, unquoted, so that an empty value is not there at all.
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
    """Make a checkout; return its configuration."""
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
    """Clone a checkout of fink-broker, so that what is tried in it is left behind."""
    command = ["git", "clone", "--quiet", str(checkout), str(home)]
    subprocess.run(command, check=True)


def changes(home: Path) -> str:
    """Ask git what has changed in a checkout."""
    command = ["git", "-C", str(home), "status", "--short"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def conf(home: Path, data: Path, survey: str) -> Path:
    """Make a configuration for one machine, of the checkout's own for development.

    Without the jars of HBase, which none of our services needs. `bin/fink` passes the
    list of jars unquoted, so that it must not be empty: one of Spark's own.
    """
    jar = next((Path(pyspark.__file__).parent / "jars").glob("spark-core*.jar"))
    own = home / "conf" / survey / "fink.conf.dev"
    made = data.parent / f"fink.conf.{survey}"
    package = f"org.apache.spark:spark-avro_2.12:{pyspark.__version__}"
    made.write_text(
        own.read_text()
        + f"""
SPARK_MASTER="local[2]"
FINK_PACKAGES={package}
FINK_JARS={jar}
EXTRA_SPARK_CONFIG="--conf spark.jars.ivy={data.parent}/ivy"
ONLINE_DATA_PREFIX={data}
AGG_DATA_PREFIX={data}/archive
"""
    )
    return made


def launch(
    home: Path, service: str, log: Path, survey: str, night: str, spool: Path
) -> subprocess.Popen:
    """Start a service by the checkout's own ``bin/fink``."""
    own = Path(sys.executable).parent
    command = [str(home / "bin" / "fink"), "start", service, "-s", survey]
    command += ["-c", str(log.parent / f"fink.conf.{survey}"), "-night", night]
    command += ["-exit_after", "300", "-driver-memory", "1g"]
    path = f"{home / 'bin'}:{own}:{os.environ['PATH']}"
    ours = {"FINK_HOME": str(home), "PATH": path, "PYSPARK_PYTHON": sys.executable}
    ours |= {"VOEVENT_SPOOL": str(spool), "PYTHONPATH": str(home)}
    with log.open("wb") as out:
        return subprocess.Popen(
            command,
            env={**os.environ, **ours},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

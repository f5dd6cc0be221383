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

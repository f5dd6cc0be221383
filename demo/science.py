# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A Spark file sink for ``science/<night>``, in place of Fink's raw2science.

``python science.py INCOMING SCIENCE CHECKPOINT`` streams the Parquet files that are put
into INCOMING to the folder SCIENCE, with its ``_spark_metadata``, until it is stopped.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fink_voevent.config.load import load
from fink_voevent.spark.session import build


def main(incoming: str, science: str, checkpoint: str) -> None:
    """Stream new files to the sink every second."""
    settings = load({}, {"spark_master": "local[1]", "driver_memory": "1g"}).settings
    spark = build(settings, "raw2science of the demo")
    schema = spark.read.parquet(str(next(Path(incoming).glob("*.parquet")))).schema
    query = (
        spark.readStream.schema(schema)
        .parquet(incoming)
        .writeStream.format("parquet")
        .option("path", science)
        .option("checkpointLocation", checkpoint)
        .trigger(processingTime="1 second")
        .start()
    )
    query.awaitTermination()


if __name__ == "__main__":
    main(*sys.argv[1:])

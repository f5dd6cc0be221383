# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for Fink's raw2science: a real Spark file sink for ``science/<night>``.

``python science.py INCOMING SCIENCE CHECKPOINT``: Parquet files put into INCOMING
become rows of SCIENCE, with its ``_spark_metadata``, until the process is ended.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fink_voevent.config.load import load
from fink_voevent.spark.session import build


def main(incoming: str, science: str, checkpoint: str) -> None:
    """Stream files to the sink, every second."""
    settings = load({}, {"spark_master": "local[1]", "driver_memory": "1g"}).settings
    spark = build(settings, "raw2science stand-in")
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

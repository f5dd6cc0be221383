# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Coincidences go through Fink filters to topics: Kafka, or Avro files."""

from fink_voevent.service import main

if __name__ == "__main__":
    main("voevent_route", __doc__, __file__)

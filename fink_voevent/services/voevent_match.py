# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Alerts of the night are met with events, in time and on the sky: coincidences."""

from fink_voevent.service import main

if __name__ == "__main__":
    main("voevent_match", __doc__, __file__)

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Coincidences and alerts of interest go out as VOEvents over VTP."""

from fink_voevent.service import main

if __name__ == "__main__":
    main("voevent_publish", __doc__, __file__)

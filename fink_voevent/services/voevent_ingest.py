# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Notices that landed become events: one row a notice version.

What cannot be read is kept in quarantine, with the reason.
"""

from fink_voevent.service import main

if __name__ == "__main__":
    main("voevent_ingest", __doc__, __file__)

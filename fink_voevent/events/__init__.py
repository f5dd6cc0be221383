# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Which notice of an event is current, and its region as a table to join with."""

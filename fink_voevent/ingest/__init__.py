# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The stage ``voevent_ingest``: documents become rows of events or of quarantine."""

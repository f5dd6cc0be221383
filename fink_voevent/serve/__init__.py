# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Pages of events and a JSON API over HTTP: live, and read-only."""

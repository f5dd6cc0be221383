# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The stage route: Fink filters select coincidences, whose packets go to topics."""

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Matching and trials on data at rest: past nights, and notices from files."""

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Fink filters on coincidences: each folder ``filter_NAME`` is a topic.

``filter.py`` holds the function ``NAME``: arguments named as columns of the packet
(``docs/tables.md``, coincidences), pandas Series to Series of bool, and `DESCRIPTION`.
"""

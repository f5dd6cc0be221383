# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Fink filters that select coincidences: each folder ``filter_NAME`` gives a topic.

``filter_NAME/filter.py`` defines the function ``NAME`` and the string `DESCRIPTION`.
The arguments of the function are named as columns of the packet: those of the table
coincidences (``docs/tables.md``) and those of Fink's alert. Fink reads these names from
the signature. The function takes pandas Series of equal length and returns a Series of
bool of the same length, without nulls. `blocks` has the rules that filters share.
"""

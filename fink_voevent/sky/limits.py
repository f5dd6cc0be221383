# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Bounds of a sky map. Anybody can send one: what exceeds a bound is not read."""

from __future__ import annotations

ORDER = 29  # of the finest HEALPix cells, in which regions are given
# Bytes of the file, uncompressed. A flat map of LVK of nside 1024 has four columns of
# float64: 403 MB. They pass in pieces; only the columns that are used are kept.
FILE_BYTES = 2**29
# Headers and tables. Maps of LVK have headers of one to three blocks and five columns.
HEADER_BLOCKS = 64  # of 2880 bytes, in one header: 2,304 cards
HDUS = 8  # that are searched for the first table
COLUMNS = 64
ROW_BYTES = 2**27  # a flat map of nside 1024 in one row has 101 MB
# Flat maps: nside 1024, which is LVK's and twice IceCube's. The most difficult map of
# that size takes 1.4 GB and 10 s; one of nside 2048 would take 5.4 GB and 49 s.
FLAT_ORDER = 10
# Multi-order and partial maps: a combined map of LVK has 786,432 rows, a map of nside
# 512 that is written as a multi-order map has 3,145,728. It takes 0.5 GB and 2 s.
SPARSE_PIXELS = 2**22
# Pixels of the 99 % region. If there are more, pixels are merged.
REGION_PIXELS = 200_000
# Total probability. Maps of LVK add up to 1 within 1e-8, in single precision maps do
# within 1e-5. The rest of the tolerance is for maps that leave out small values.
LEAST_TOTAL, LARGEST_TOTAL = 0.9, 1.1

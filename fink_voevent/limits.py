# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The bounds of everything that arrives: what exceeds one is refused, with the reason.

Anybody can send a document over VTP, and VTP has no authentication. The bounds are far
above what publishers send: of 1,069 real notices, the longest text has 260 characters,
the most Params are 81 and the most citations 5.
"""

from __future__ import annotations

# A document of any format.
DOCUMENT_BYTES = 16 * 2**20
# Of an ivorn, also of a cited one, of an event id, of the name of a Group or Param.
IDENTIFIER_CHARS = 1000
TEXT_CHARS = 65_536  # of any other text
# An issue time may lie so much later (s) than the reception: clocks differ.
AHEAD_S = 300.0
NUMBER_CHARS = 400  # of a text that is read as a number: 1e308 has 309 digits
TIME_CHARS = 64  # of a text that is read as a time
URL_CHARS = 2000  # of the address of a sky map
REASON_CHARS = 500  # of the reason why a document is refused
PARAMS = 10_000
CITATIONS = 1000
LOCATIONS = 100
CORNERS = 100  # of an error box
NESTING = 16  # of Groups of a VOEvent, and of objects and lists of JSON
ELEMENTS = 100_000  # of an XML document

# A sky map, within a notice or fetched.
# Bytes of the file, uncompressed. A flat map of LVK of nside 1024 has four columns of
# float64: 403 MB. They pass in pieces; only the columns that are used are kept.
MAP_FILE_BYTES = 2**29
# Maps of LVK have headers of one to three blocks and five columns.
MAP_HEADER_BLOCKS = 64  # of 2880 bytes, in one header: 2,304 cards
MAP_HDUS = 8  # that are searched for the first table
MAP_COLUMNS = 64
MAP_ROW_BYTES = 2**27  # a flat map of nside 1024 in one row has 101 MB
# Flat maps: nside 1024, which is LVK's and twice IceCube's. The most difficult map of
# that size takes 1.4 GB; one of nside 2048 would take 5.4 GB.
MAP_FLAT_ORDER = 10
# Multi-order and partial maps: a combined map of LVK has 786,432 rows, a map of nside
# 512 that is written as a multi-order map has 3,145,728. It takes 0.5 GB and 2 s.
MAP_SPARSE_PIXELS = 2**22
# Pixels of the 99 % region. If there are more, pixels are merged.
MAP_REGION_PIXELS = 200_000
# Total probability. Maps of LVK add up to 1 within 1e-8. The rest of the tolerance is
# for maps in single precision and for maps that leave out small values.
MAP_LEAST_TOTAL, MAP_LARGEST_TOTAL = 0.9, 1.1

# The process that reads documents: see `ingest.reader`.
CPU_S = 5.0  # processor time for one document
MEMORY_BYTES = 1536 * 2**20  # for one document, above what the idle process uses
SILENT_S = 120.0  # without using any processor time, after which it is stuck

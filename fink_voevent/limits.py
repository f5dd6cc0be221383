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
IDENTIFIER_CHARS = 1000  # of an ivorn, of an event id, of the name of a Group or Param
TEXT_CHARS = 65_536  # of any other text
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

# The process that reads documents: see `ingest.reader`.
CPU_S = 5.0  # processor time for one document
MEMORY_BYTES = 2**30  # for one document, above what the idle process uses
SILENT_S = 120.0  # without using any processor time, after which it is stuck

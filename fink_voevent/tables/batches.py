# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Columns of the batches of the stages, and the column that each stored row has."""

from __future__ import annotations

import pyarrow as pa

from fink_voevent.tables.column import LONG, TEXT, TIME, Column

BATCH = Column(
    "batch",
    LONG,
    "",
    "",
    "number of the batch that wrote the row: it counts once the table batches says that"
    " the batch is done",
)
BATCHES = (
    Column(
        "stage",
        TEXT,
        "",
        "",
        "ingest, maps (sky maps that were fetched), match, thin (alerts of an old night"
        " are removed, but for those of coincidences) or route",
    ),
    Column("batch", LONG, "", "", "number of the batch, counted by stage"),
    Column(
        "state",
        TEXT,
        "",
        "",
        "planned (the row has the input of the batch) or done (all that the batch wrote"
        " is in its tables)",
    ),
    Column("at", TIME, "UTC", "", "when the row was written"),
    Column("survey", TEXT, "", "the stage has no survey", "ztf or rubin"),
    Column("night", TEXT, "YYYYMMDD", "the stage has no nights", "night of the batch"),
    Column(
        "files",
        pa.list_(TEXT),
        "",
        "done",
        "files of landing or of science alerts that the batch reads",
    ),
    Column(
        "until",
        pa.list_(pa.struct([("stage", TEXT), ("batch", LONG)])),
        "",
        "done",
        "last batch of each other stage whose rows the batch reads",
    ),
    Column("facts", TEXT, "JSON", "planned", "what the batch did: counts"),
)

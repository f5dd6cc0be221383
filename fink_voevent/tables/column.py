# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The declaration of a column, and the types of columns."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
TEXT, LONG, REAL, FLAG, BYTES = (
    pa.string(),
    pa.int64(),
    pa.float64(),
    pa.bool_(),
    pa.binary(),
)
CELLS = pa.list_(pa.struct([("lo", LONG), ("hi", LONG)]))
PIXELS = pa.list_(
    pa.struct([("lo", LONG), ("hi", LONG), ("level", REAL), ("density", REAL)])
)
PIXEL_DISTANCES = pa.list_(
    pa.struct([("distmu", REAL), ("distsigma", REAL), ("distnorm", REAL)])
)
CITES = pa.list_(pa.struct([("ivorn", TEXT), ("cite", TEXT)]))
PARAMS = pa.list_(
    pa.struct(
        [
            ("group", TEXT),
            ("name", TEXT),
            ("value", TEXT),
            ("unit", TEXT),
            ("ucd", TEXT),
        ]
    )
)
SIGNIFICANCE = pa.struct([("name", TEXT), ("value", REAL)])
DISTANCE = pa.struct([("mean", REAL), ("std", REAL)])
FISHER = pa.struct([("fraction", REAL), ("core_kappa", REAL), ("tail_kappa", REAL)])
ELLIPSE = pa.struct([("major_kappa", REAL), ("minor_kappa", REAL), ("angle", REAL)])


@dataclass(frozen=True)
class Column:
    """One column: its name, Arrow type, unit, null rule and meaning.

    `null` is the empty string if the column is never null.
    """

    name: str
    type: pa.DataType
    unit: str
    null: str
    meaning: str

    @property
    def field(self) -> pa.Field:
        """The Arrow field, nullable as the null rule says."""
        return pa.field(self.name, self.type, nullable=bool(self.null))

    @property
    def comment(self) -> str:
        """Meaning, unit and null rule in one text."""
        unit = f"; {self.unit}" if self.unit else ""
        null = f"; null: {self.null}" if self.null else ""
        return f"{self.meaning}{unit}{null}"

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What of the tables is read to find the current events, and by which rules."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fink_voevent.config.settings import Settings, parse_window
from fink_voevent.events.notice import NOTICE_COLUMNS, Rules
from fink_voevent.events.trusted import COPY_COLUMNS, TRUST_COLUMNS
from fink_voevent.store.delta import Tables
from fink_voevent.tables.coincidences import EVENT_COLUMNS

# Columns of the table events that `CurrentEvents` needs.
SCALARS = tuple(
    dict.fromkeys((*NOTICE_COLUMNS, *EVENT_COLUMNS.values(), "classification"))
)


def tenses(settings: Settings) -> tuple[str, ...]:
    """Tenses of the notices that are matched."""
    extra = ("test", "injection") if settings.allow_tests else ()
    return ("observation", *extra)


def rules_of(settings: Settings) -> Rules:
    """Which notices are used, and how their events are matched, from the settings."""
    return Rules(
        tenses(settings),
        parse_window(settings.window),
        settings.cap_deg2,
        settings.credible_level,
    )


def copies_and_trust(
    tables: Tables, first: int, last: int
) -> tuple[pa.Table, pa.Table]:
    """Read who has sent which notices, and whose notices count.

    Parameters
    ----------
    tables : Tables
    first, last : int
        Batches of ingest, both included.

    Returns
    -------
    pyarrow.Table, pyarrow.Table
        Rows of the tables copies and trust, as `CurrentEvents.add` takes them.
    """
    copies = tables.rows_of("copies", list(COPY_COLUMNS), first, last)
    return copies, tables.rows_of("trust", list(TRUST_COLUMNS), first, last)


def cell_arrays(rows: pa.Table) -> dict[str, npt.NDArray[np.int64]]:
    """Cells of rows of the table regions, by `region_id`: shape (n, 2)."""
    return {
        row["region_id"]: np.array(
            [(cell["lo"], cell["hi"]) for cell in row["cells"]], np.int64
        )
        for row in rows.to_pylist()
    }

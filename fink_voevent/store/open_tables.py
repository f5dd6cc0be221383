# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Open the Delta tables of a root with the options of its store."""

from __future__ import annotations

import os

from deltalake import DeltaTable

from fink_voevent.store.addresses import parse_location, table_uri
from fink_voevent.store.options import for_delta, store_options


def open_table(root: str, name: str) -> DeltaTable:
    """Return a table that exists, in its newest version."""
    return DeltaTable(table_uri(root, name), storage_options=delta_options(root))


def is_table(root: str, name: str) -> bool:
    """Whether a table exists."""
    return DeltaTable.is_deltatable(table_uri(root, name), delta_options(root))


def delta_options(root: str) -> dict[str, str]:
    """Return the options with which delta-rs opens the tables of a root."""
    scheme = parse_location(root).scheme
    if scheme in ("", "file"):
        return {}
    return for_delta(scheme, store_options(os.environ))

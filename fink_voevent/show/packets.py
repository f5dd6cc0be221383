# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The alert packets of coincidences, read from Fink's files without Spark."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from fink_voevent.alerts.surveys import packet_key
from fink_voevent.errors import StorageError
from fink_voevent.store.filesystem import open_store

_LOG = logging.getLogger(__name__)
AT_ONCE = 256  # packets in memory, with their cutouts
# Columns of packets that a page shows, of either survey, as far as they are there.
COLUMNS = (
    *("objectId", "candid", "candidate", "prv_candidates", "cdsxmatch", "tns"),
    *("mangrove", "diaSourceId", "diaSource", "prvDiaSources", "prvDiaForcedSources"),
    *("xm", "cutoutScience", "cutoutTemplate", "cutoutDifference"),
)


def read_packets(rows: Iterable[Mapping[str, Any]]) -> dict[int, dict[str, Any]]:
    """Read the packets of coincidences, as far as their files still exist.

    Parameters
    ----------
    rows : iterable of mapping
        Rows of the table coincidences: `survey`, `alert_id` and `packet_file`.

    Returns
    -------
    dict of int to dict
        Packet by `alert_id`. Fink removes the files of a night when it has archived
        them, so there may be none.
    """
    wanted: dict[tuple[str, str], set[int]] = defaultdict(set)
    for row in rows:
        wanted[row["packet_file"], packet_key(row["survey"])].add(row["alert_id"])
    packets: dict[int, dict[str, Any]] = {}
    for (file, key), alert_ids in sorted(wanted.items()):
        packets |= _read(file, key, alert_ids)
    return packets


def _read(file: str, key: str, alert_ids: set[int]) -> dict[int, dict[str, Any]]:
    folder, _, name = unquote(file).rpartition("/")
    try:
        store = open_store(folder)
        if not store.exists(name):
            return {}
        there = set(store.footer(name).schema.to_arrow_schema().names)
        source = ds.dataset(f"{store.path}/{name}", filesystem=store.filesystem)
        found = source.to_table(
            [c for c in COLUMNS if c in there],
            filter=pc.field(key).isin(sorted(alert_ids)),
            batch_size=AT_ONCE,
        )
    except (OSError, StorageError, pa.ArrowException) as error:
        _LOG.warning("no packets from %s: %s", file, " ".join(str(error).split()))
        return {}
    return {row[key]: row for row in found.to_pylist()}

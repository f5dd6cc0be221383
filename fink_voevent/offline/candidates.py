# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Candidates of coincidences at rest, and the filters that they pass."""

from __future__ import annotations

import importlib
import inspect
import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from fink_voevent.filters.discover import Filter
from fink_voevent.score import candidates
from fink_voevent.score.candidates import KEYS
from fink_voevent.score.reports import REPORTED_ALERT
from fink_voevent.tables.routed import CANDIDATE_COLUMNS, REPORT_COLUMN

_LOG = logging.getLogger(__name__)
TOPICS = "topics"


def with_topics(
    found: pa.Table, coincidences: pa.Table, filters: Sequence[Filter]
) -> pa.Table:
    """Add the names of the filters that an alert of each candidate passes.

    A filter that needs columns of Fink's alerts, or that fails, is logged and left out.

    Parameters
    ----------
    found : pyarrow.Table
        Candidates, each once.
    coincidences : pyarrow.Table
        Rows of the table coincidences from which they were computed.
    filters : sequence of Filter

    Returns
    -------
    pyarrow.Table
        `found` with `topics`, sorted names of filters, as the last column.
    """
    packets, code = _packets(found, coincidences)
    names: list[list[str]] = [[] for _ in range(found.num_rows)]
    for one in sorted(filters, key=lambda each: each.name):
        for number in np.unique(code[_selected(one, packets)]):
            names[number].append(one.name)
    return found.append_column(TOPICS, pa.array(names, pa.list_(pa.string())))


def _packets(
    found: pa.Table, coincidences: pa.Table
) -> tuple[pd.DataFrame, np.ndarray]:
    """Columns of coincidences and of their candidates, and the candidate of each row.

    Those in time only, which have no candidate, are left out.
    """
    keys = [*KEYS[:2], "_name"]
    named = coincidences.append_column("_name", candidates.object_names(coincidences))
    rows = named.filter(pc.field("credible_level").is_valid()).to_pandas()
    columns = {name: found[source] for name, source in CANDIDATE_COLUMNS.items()}
    # no id of an alert is 0; a column with nulls would lose digits in pandas
    columns["_reported"] = pc.fill_null(found[REPORTED_ALERT], 0)
    own = pa.table(
        {**dict(zip(keys, (found[k] for k in KEYS), strict=True)), **columns}
    )
    joined = rows.merge(own.to_pandas().reset_index(names="_code"), on=keys)
    joined[REPORT_COLUMN] = joined["alert_id"] == joined["_reported"]
    return joined, joined["_code"].to_numpy()


def _selected(one: Filter, packets: pd.DataFrame) -> np.ndarray:
    """Whether a filter selects each packet."""
    module, _, name = one.path.rpartition(".")
    nothing = np.zeros(len(packets), bool)
    try:
        function = getattr(importlib.import_module(module), name)
        wanted = list(inspect.signature(function).parameters)
        missing = [column for column in wanted if column not in packets]
        if missing:
            _LOG.info(
                "filter %s is not applied to candidates: it needs %s of Fink's alerts",
                *(one.name, ", ".join(missing)),
            )
            return nothing
        selected = pd.Series(function(*(packets[column] for column in wanted)))
        return selected.astype("boolean").fillna(value=False).to_numpy(bool)
    except Exception as error:  # noqa: BLE001 - a user's code; it is logged
        _LOG.error("filter %s failed: %s: %s", one.name, type(error).__name__, error)
        return nothing


def without_lists(found: pa.Table) -> pa.Table:
    """Candidates with lists as texts, their values separated by spaces, for CSV."""
    for position, field in enumerate(found.schema):
        if pa.types.is_list(field.type):
            texts = found[field.name].cast(pa.list_(pa.string()))
            joined = pc.binary_join(texts, " ")
            found = found.set_column(position, field.name, joined)
    return found

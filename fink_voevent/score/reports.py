# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Which alert reports a candidate to the topics silver and gold.

A person can look at each candidate of these topics once, not at each of its alerts. So
one alert reports a candidate when it reaches a tier, and again when its tier, its class
or its nature is another. What follows of this alert, such as its withdrawal, goes to
the same topics. If the alert is withdrawn and the candidate is not, another alert
reports it.

Without Spark: Arrow tables.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from fink_voevent.filters import blocks
from fink_voevent.score.candidates import KEYS, VALID, object_names

SILVER, GOLD = "silver", "gold"
REPORTED_ALERT, REPORTED_AS = "reported_alert_id", "reported_as"
# Columns of the table candidates that `with_reports` needs of earlier rows.
STATE_COLUMNS = (*KEYS, REPORTED_ALERT, REPORTED_AS)

_Key = tuple[str, str, str]


def tiers(candidates: pa.Table) -> list[str]:
    """Name the tier of each candidate, by the rules of the filters.

    Parameters
    ----------
    candidates : pyarrow.Table
        Rows of the table candidates.

    Returns
    -------
    list of str
        ``gold``, ``silver``, or empty: neither of them, or it is no longer valid.
        Events of low significance are not left out: the filters do that.
    """
    found = [""] * candidates.num_rows
    expected = candidates["expected_unrelated"]
    is_possible = pc.less_equal(expected, blocks.SILVER_EXPECTED)
    is_possible = pc.and_kleene(is_possible, _is_in(candidates["status"], VALID))
    rows = pc.indices_nonzero(pc.fill_null(is_possible, fill_value=False)).to_numpy()
    if not len(rows):
        return found
    part = candidates.take(pa.array(rows))
    frame = pd.DataFrame(
        {
            "messenger": part["messenger"].to_pandas(),
            "event_significant": None,
            "quality": part["quality"].to_pandas(),
            "candidate_nature": part["nature"].to_pandas(),
            "candidate_class": part["class"].to_pandas(),
            "expected_unrelated": part["expected_unrelated"].to_pandas(),
            "candidate_span": part["detection_span"].to_pandas(),
            "fast_rise": part["fast_rise"].to_pandas(),
        }
    )
    for name in (*blocks.MESSENGERS, blocks.OTHER):
        for tier, rule in ((SILVER, blocks.silver), (GOLD, blocks.gold)):
            passed = rule(name, **blocks.of(rule, frame)).to_numpy(bool)
            for row in rows[passed]:
                found[row] = tier
    return found


def with_reports(
    candidates: pa.Table, journal: pa.Table, batch: int, earlier: pa.Table | None = None
) -> pa.Table:
    """Fill in `reported_alert_id` and `reported_as`.

    Parameters
    ----------
    candidates : pyarrow.Table
        Rows of the table candidates of a batch, each candidate once, with
        `expected_unrelated`.
    journal : pyarrow.Table
        Rows of the table coincidences from which they were computed.
    batch : int
        Only a coincidence of this batch can report a candidate: it needs a packet.
    earlier : pyarrow.Table, optional
        `STATE_COLUMNS` of the last rows of these candidates before the batch.

    Returns
    -------
    pyarrow.Table
        `candidates` with both columns. The alert is one of the batch, with a quality of
        `blocks.BRONZE_QUALITY` or more: the one that was reported before, if it is
        among them, otherwise the latest. If there is none, the columns are those of the
        earlier row while its alert is valid; and the next batch that has one reports.
        A candidate without a tier has none, and is reported again if it returns.
    """
    alert_ids: list[int | None] = [None] * candidates.num_rows
    states = [""] * candidates.num_rows
    of_candidate = tiers(candidates)
    rows = [number for number, tier in enumerate(of_candidate) if tier]
    if rows:
        columns = [*KEYS, "class", "nature", "alert_ids"]
        judged = dict(
            zip(rows, candidates.select(columns).take(rows).to_pylist(), strict=True)
        )
        packets = _packets(journal, batch, candidates.take(rows))
        before = _states(earlier)
        for number, one in judged.items():
            key = _key(one)
            reported, state = before.get(key, (None, ""))
            if reported not in one["alert_ids"]:
                reported, state = None, ""
            now = f"{of_candidate[number]} {one['class']} {one['nature']}"
            if state != now and packets[key]:
                latest = max(packets[key])[1]
                is_again = any(alert == reported for _, alert in packets[key])
                reported, state = reported if is_again else latest, now
            alert_ids[number], states[number] = reported, state
    for name, values in ((REPORTED_ALERT, alert_ids), (REPORTED_AS, states)):
        position = candidates.schema.get_field_index(name)
        field = candidates.schema.field(name)
        candidates = candidates.set_column(
            position, field, pa.array(values, field.type)
        )
    return candidates


def _states(earlier: pa.Table | None) -> dict[_Key, tuple[int | None, str]]:
    if earlier is None:
        return {}
    return {
        _key(row): (row[REPORTED_ALERT], row[REPORTED_AS] or "")
        for row in earlier.select(STATE_COLUMNS).to_pylist()
    }


def _packets(
    journal: pa.Table, batch: int, candidates: pa.Table
) -> dict[_Key, list[tuple[Any, int]]]:
    """Time and id of the alerts that can report each of some candidates."""
    names = object_names(journal).combine_chunks()
    is_usable = pc.and_(
        pc.equal(journal["batch"], batch), _is_in(journal["status"], VALID)
    )
    is_usable = pc.and_(is_usable, journal["credible_level"].is_valid())
    is_good = pc.greater_equal(journal["quality"], blocks.BRONZE_QUALITY)
    is_usable = pc.and_(is_usable, pc.fill_null(is_good, fill_value=False))
    wanted = candidates["object_id"].combine_chunks()
    is_usable = pc.and_(is_usable, pc.is_in(names, value_set=wanted))
    columns = ["event_id", "survey", "alert_id", "alert_time"]
    found = journal.select(columns).append_column("object_id", names)
    packets: dict[_Key, list[tuple[Any, int]]] = defaultdict(list)
    for row in found.filter(is_usable).to_pylist():
        packets[_key(row)].append((row["alert_time"], row["alert_id"]))
    return packets


def _key(row: dict[str, Any]) -> _Key:
    return row["event_id"], row["survey"], row["object_id"]


def _is_in(texts: pa.ChunkedArray, values: tuple[str, ...]) -> pa.ChunkedArray:
    return pc.is_in(texts, value_set=pa.array(values, pa.string()))

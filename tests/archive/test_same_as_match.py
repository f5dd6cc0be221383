# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A search of an event finds the alerts that the services have matched with it."""

from __future__ import annotations

from fink_voevent.archive import search, update
from fink_voevent.show.sought import find_target


def alerts_of(settings, event: str) -> set[int]:
    target = find_target(settings, event)
    sought = search.prepare(settings.root, target.place, target.window)
    rows = search.first(sought, 10**6).rows
    return set(rows["alert_id"].to_pylist())


def test_a_search_finds_the_pairs_of_each_event_from_the_table_and_the_archive(
    pipeline,
):
    pipeline.notices()
    for name in ("early", "late"):
        pipeline.alerts(name)
    pipeline.match()
    pairs: dict[str, set[int]] = {}
    for row in pipeline.current_pairs():
        pairs.setdefault(row["event_id"], set()).add(row["alert_id"])
    assert len(pairs) > 1
    settings = pipeline.settings
    for event, expected in pairs.items():
        assert alerts_of(settings, event) == expected
    assert list(update.update(settings.root, "20991231")) == [settings.night]
    for event, expected in pairs.items():
        assert alerts_of(settings, event) == expected

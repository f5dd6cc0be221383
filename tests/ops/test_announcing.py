# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pyarrow as pa
from deltalake import write_deltalake
from helpers.shown_tables import match, pair

from fink_voevent.ops import announcing
from fink_voevent.ops.announcing import announce, lines_of_batch
from fink_voevent.store.delta import Tables


def test_a_batch_is_a_line_for_each_object_the_most_surprising_first(tmp_path):
    root = str(tmp_path)
    match(
        root,
        pair("GRB", "far", credible_level=0.9),
        pair("GRB", "near", p_chance=0.002, credible_level=0.1),
        pair("GRB", "near", alert_id=5, p_chance=0.01),
        pair("GW", None, alert_id=77, messenger="gw", credible_level=None),
    )
    batch = match(root, pair("GRB", "far", status="withdrawn", batch=1))
    tables = Tables(root)
    assert lines_of_batch(tables, 0) == [
        "new: near with GRB (grb), at credible level 0.100, +0.125 d after the event,"
        " 2 alerts, by chance 0.002",
        "new: far with GRB (grb), at credible level 0.900, +0.125 d after the event",
        "new: 77 with GW (gw), +0.125 d after the event",
    ]
    (ended,) = lines_of_batch(tables, batch)
    assert ended.startswith("withdrawn: far with GRB")
    assert lines_of_batch(tables, 99) == []


def test_candidates_are_listed_if_there_is_a_table(tmp_path):
    root = str(tmp_path)
    match(root, pair("GRB", "x"))
    rows = [
        {
            "event_id": "GRB", "object_id": name, "survey": "ztf", "messenger": "grb",
            "class": "fresh", "status": "update", "credible_level": 0.5,
            "onset_from": 0.0, "onset_to": 0.25, "expected_unrelated": mu, "batch": 0,
        }
        for name, mu in (("a", 3.0), ("b", 0.02))
    ]  # fmt: skip
    write_deltalake(f"{root}/candidates", pa.Table.from_pylist(rows))
    first, second = lines_of_batch(Tables(root), 0)
    assert first == (
        "changed fresh: b with GRB (grb), at credible level 0.500, onset by +0.250 d,"
        " 0.02 unrelated expected"
    )
    assert second.startswith("changed fresh: a with GRB")


def test_many_lines_are_cut_and_an_error_stops_nothing(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(announcing, "MOST", 2)
    root = str(tmp_path)
    match(root, *[pair("GRB", f"object-{n}") for n in range(5)])
    lines = lines_of_batch(Tables(root), 0)
    assert len(lines) == 3
    assert lines[-1] == "3 more: fink_voevent coincidences lists all"
    for file in (tmp_path / "coincidences" / "_delta_log").glob("*.json"):
        file.write_bytes(b"")
    announce(Tables(root), 0)
    assert "cannot be listed" in caplog.text
    assert caplog.text.count("\n") == 1


def test_names_of_others_cannot_control_a_terminal(tmp_path):
    match(str(tmp_path), pair("GRB\x1b[2J\nnew: fake", "x"))
    (line,) = lines_of_batch(Tables(str(tmp_path)), 0)
    assert line.isprintable()

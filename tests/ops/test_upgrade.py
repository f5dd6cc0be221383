# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Tables of an earlier version are taken over whole, and nothing is sent again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.earlier_tables import LATER_COLUMNS, write_earlier
from helpers.pipeline import Pipeline

from fink_voevent.cli import main
from fink_voevent.errors import StorageError
from fink_voevent.ops import upgrade
from fink_voevent.ops.status import Observer
from fink_voevent.store.batches import BatchLog
from fink_voevent.store.delta import Tables
from fink_voevent.tables.schema import stored_schema

KEYS = {
    "events": "notice_id",
    "regions": "region_id",
    "quarantine": "sha256",
    "alerts": "alert_id",
    "coincidences": "coincidence_id",
    "routed": "coincidence_id",
}


@pytest.fixture
def earlier(spark, settings, datatest, pipeline):
    """Stages of today, and a root of an earlier version with what they have done."""
    pipeline.alerts("early")
    pipeline.notices("grb130702a_alert", "grb130702a_flt_pos", "grb221009a_bat")
    pipeline.land(b"no notice")
    pipeline.run()
    pipeline.alerts("late")
    pipeline.run()
    values = {
        "data_prefix": f"{settings.data_prefix}-earlier",
        "spool": f"{settings.spool}-earlier",
    }
    root = Path(values["data_prefix"], "voevent")
    write_earlier(Tables(settings.root), root)
    made = Pipeline(spark, settings.model_copy(update=values), datatest)
    made.alerts("early", "late")
    yield made
    made.spool.close()


def rows(root: str, name: str) -> list[dict]:
    names = [c for c in stored_schema(name).names if c not in LATER_COLUMNS]
    found = Tables(root).arrow(name, names)
    keys = [(KEYS[name], "ascending")]
    if "status" in found.column_names:
        keys.append(("status", "ascending"))
    return found.sort_by(keys).to_pylist()


def test_all_rows_are_taken_over_and_the_stages_go_on(pipeline, earlier):
    root, data_prefix = earlier.settings.root, earlier.settings.data_prefix
    with pytest.raises(StorageError, match="run `fink_voevent upgrade` once") as error:
        earlier.match()
    assert len(str(error.value).splitlines()) == 1
    done = CliRunner().invoke(main, ["upgrade", "--data-prefix", data_prefix])
    assert done.exit_code == 0, done.output
    assert "events 3" in done.output
    for name in KEYS:
        assert rows(root, name) == rows(pipeline.settings.root, name)
    before = Observer(root).status()
    today = Observer(pipeline.settings.root).status()
    counts = ("events", "quarantined", "alerts", "coincidences", "topics", "received")
    for count in counts[:-1]:
        assert getattr(before, count) == getattr(today, count)
    earlier.run()
    assert earlier.topics() == {}, "what was sent is not sent again"
    assert Observer(root).status().coincidences == before.coincidences
    for stages in (earlier, pipeline):
        stages.notices("grb130702a_gnd_pos", "grb221009a_xrt")
        stages.run()
    state = [
        [
            (r["event_id"], r["alert_id"], r["status"], r["coincidence_id"])
            for r in pairs
        ]
        for pairs in (earlier.current_pairs(), pipeline.current_pairs())
    ]
    assert state[0] == state[1]
    assert earlier.topics()
    again = CliRunner().invoke(main, ["upgrade", "--data-prefix", data_prefix])
    assert "nothing to do" in again.output


def test_an_interrupted_upgrade_is_completed_by_the_next(earlier, monkeypatch):
    append = Tables.append

    def fail_at_alerts(self, name, *rest):
        if name == "alerts":
            raise KeyboardInterrupt
        return append(self, name, *rest)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Tables, "append", fail_at_alerts)
        upgrade.upgrade(earlier.settings.root)
    with pytest.raises(StorageError, match="fink_voevent upgrade"):
        BatchLog(Tables(earlier.settings.root), "match").last_done()
    counts = upgrade.upgrade(earlier.settings.root)
    assert counts["events"] == 3
    assert (
        counts["alerts"]
        == Tables(earlier.settings.root).arrow("alerts", ["alert_id"]).num_rows
    )


def test_coincidences_that_were_not_sent_are_sent_after_the_upgrade(earlier):
    root = Path(earlier.settings.root)
    last = max((root / "ledger" / "route").iterdir(), key=lambda p: p.stat().st_mtime)
    unsent = json.loads(last.read_text())
    last.unlink()
    assert sum(unsent["facts"]["sent"].values())
    upgrade.upgrade(str(root))
    earlier.route()
    sent = {topic: len(packets) for topic, packets in earlier.topics().items()}
    assert sent == unsent["facts"]["sent"]

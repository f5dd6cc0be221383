# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Tables of an earlier version are taken over whole, and nothing is sent again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.earlier_tables import LATER_COLUMNS, write_earlier
from helpers.pipeline import Pipeline, settings_in

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


@pytest.fixture(scope="module")
def today(spark, datatest, tmp_path_factory):
    """Stages of today, with what they have done. One test goes on with them."""
    stages = Pipeline(spark, settings_in(tmp_path_factory.mktemp("today")), datatest)
    stages.alerts("early")
    stages.notices("grb130702a_alert", "grb130702a_flt_pos", "grb221009a_bat")
    stages.land(b"no notice")
    stages.run()
    stages.alerts("late")
    stages.run()
    yield stages
    stages.spool.close()


@pytest.fixture(scope="module")
def earlier_root(today, tmp_path_factory) -> Path:
    """Root of an earlier version with what the stages of today have done."""
    root = tmp_path_factory.mktemp("earlier") / "voevent"
    write_earlier(Tables(today.settings.root), root)
    return root


@pytest.fixture
def earlier(spark, settings, datatest, earlier_root):
    """Stages over a copy of the root of an earlier version."""
    shutil.copytree(earlier_root, settings.root)  # with the times of its manifests
    made = Pipeline(spark, settings, datatest)
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


def test_all_rows_are_taken_over_and_the_stages_go_on(today, earlier):
    root, data_prefix = earlier.settings.root, earlier.settings.data_prefix
    with pytest.raises(StorageError, match="run `fink_voevent upgrade` once") as error:
        earlier.match()
    assert len(str(error.value).splitlines()) == 1
    done = CliRunner().invoke(main, ["upgrade", "--data-prefix", data_prefix])
    assert done.exit_code == 0, done.output
    assert "events 3" in done.output
    for name in KEYS:
        assert rows(root, name) == rows(today.settings.root, name)
    before = Observer(root).status()
    now = Observer(today.settings.root).status()
    counts = ("events", "quarantined", "alerts", "coincidences", "topics", "received")
    for count in counts[:-1]:
        assert getattr(before, count) == getattr(now, count)
    earlier.run()
    assert earlier.topics() == {}, "what was sent is not sent again"
    assert Observer(root).status().coincidences == before.coincidences
    for stages in (earlier, today):
        stages.notices("grb130702a_gnd_pos", "grb221009a_xrt")
        stages.run()
    state = [
        [
            (r["event_id"], r["alert_id"], r["status"], r["coincidence_id"])
            for r in pairs
        ]
        for pairs in (earlier.current_pairs(), today.current_pairs())
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

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What a verdict is made from, as it is found in the tables."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from helpers.delta_tables import commit
from helpers.pipeline import settings_in
from helpers.shown_tables import documents, ingest

from fink_voevent.ops import health, verdict
from fink_voevent.ops.health import FIGURES, Examiner
from fink_voevent.publish import broadcast_report
from fink_voevent.publish.broadcast_report import BroadcastStatus
from fink_voevent.store.batches import Input

INGESTED = {"documents": 20, "events": 8, "quarantine": 12}
MATCHED = {"alerts": 5, "coincidences": 2, "live_notices": 1}


@pytest.fixture
def settings(tmp_path):
    return settings_in(tmp_path).model_copy(update={"min_free_mb": 0.0})


def found(settings):
    return Examiner(settings).health().found.evidence


def later(monkeypatch, hours: float) -> None:
    """Let the clock be ahead while the health is examined."""

    class Clock(datetime):
        @classmethod
        def now(cls, zone=None):
            return datetime.now(zone) + timedelta(hours=hours)

    monkeypatch.setattr(health, "datetime", Clock)


def test_without_tables_nothing_has_run_and_all_figures_are_there(settings):
    document = Examiner(settings).health().document()
    assert document["verdict"] == "down"
    assert [one["code"] for one in document["reasons"]] == ["never-run"]
    assert document["figures"] == dict.fromkeys(FIGURES)
    assert json.dumps(document)


def test_a_store_that_cannot_be_read_is_down_in_one_line(settings):
    hdfs = settings.model_copy(update={"data_prefix": "hdfs://127.0.0.1:1/x"})
    (reason,) = Examiner(hdfs).health().verdict.reasons
    assert (reason.code, reason.level) == ("store-unreadable", "down")
    assert len(reason.text) < 600
    assert "\n" not in reason.text


def test_a_stage_is_behind_while_it_has_not_read_what_counts_for_it(
    settings, monkeypatch
):
    root = settings.root
    commit(root, "ingest", INGESTED)
    later(monkeypatch, 1)
    assert found(settings).lags_s["match"] == pytest.approx(3600, abs=60)
    planned = Input(until={"ingest": 0}, survey="ztf")
    commit(root, "match", MATCHED, planned)
    lags_s = found(settings).lags_s
    assert lags_s["match"] == 0
    assert lags_s["route"] == pytest.approx(3600, abs=60)
    commit(root, "ingest", {"documents": 1, "events": 0, "quarantine": 1})
    assert found(settings).lags_s["match"] == 0  # no notice waits
    commit(root, "route", {"sent": {}}, Input(until={"match": 0}, survey="ztf"))
    assert found(settings).lags_s == {"ingest": 0, "match": 0, "route": 0}


def test_documents_of_the_last_hour_are_counted(settings, monkeypatch):
    commit(settings.root, "ingest", INGESTED)
    evidence = found(settings)
    assert (evidence.quarantined, evidence.documents) == (12, 20)
    later(monkeypatch, 1.01)
    assert found(settings).documents == 0


def test_a_batch_of_the_future_shows_that_the_clock_is_wrong(settings, monkeypatch):
    commit(settings.root, "ingest", INGESTED)
    assert "clock-wrong" not in codes(settings)
    later(monkeypatch, -2)
    assert "clock-wrong" in codes(settings)


def test_a_notice_that_was_received_before_it_was_issued_shows_it_too(
    settings, datatest, monkeypatch
):
    raw = documents(datatest, "grb221009a_bat")[0]
    received = datetime(2024, 1, 15, 3, tzinfo=timezone.utc)  # as of `landed`
    late = raw.replace(b"2022-10-09T14:12:00", b"2024-01-15T03:05:00")
    assert late != raw
    ingest(settings.root, late)
    now = datetime.now(timezone.utc)
    later(monkeypatch, (received - now) / timedelta(hours=1) + 0.5)
    assert found(settings).notice_ahead_s == 300
    later(monkeypatch, (received - now) / timedelta(hours=1) + 25)
    assert found(settings).notice_ahead_s == 0  # not of the last day


def codes(settings) -> set[str]:
    return {one.code for one in Examiner(settings).health().verdict.reasons}


def test_rates_are_known_once_there_is_a_file_of_the_survey(settings):
    commit(settings.root, "ingest", INGESTED)
    folder = Path(settings.root, "background")
    folder.mkdir()
    (folder / "rubin-1.parquet").write_bytes(b"")
    assert "rates-missing" in codes(settings)
    (folder / "classes-ztf-1.parquet").write_bytes(b"")
    assert "rates-missing" not in codes(settings)


def test_the_disks_are_those_of_the_tables_and_of_the_spool(settings):
    commit(settings.root, "ingest", INGESTED)
    wanted = settings.model_copy(update={"min_free_mb": 1e12})
    found_disks = {disk.what: disk for disk in found(wanted).disks}
    assert set(found_disks) == {"the tables", "the spool"}
    assert all(disk.free_mb > 0 for disk in found_disks.values())
    assert "disk-full" in codes(wanted)


def test_a_torn_table_is_a_reason_and_the_rest_is_examined(settings):
    commit(settings.root, "ingest", INGESTED)
    file = max(Path(settings.root, "batches", "_delta_log").glob("*.json"))
    file.write_bytes(b"")
    health_now = Examiner(settings).health()
    assert "file-damaged" in {one.code for one in health_now.verdict.reasons}
    assert health_now.verdict.verdict == verdict.DOWN


def test_what_we_publish_and_cannot_send_is_a_reason(settings):
    commit(settings.root, "ingest", INGESTED)
    folder = Path(settings.spool, "broadcast")
    folder.mkdir(parents=True)
    broadcast_report.write(folder, BroadcastStatus.nothing())  # of 1970: it has ended
    assert "publishing" in codes(settings)

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The three stages on the data of datatest, from landing to topics."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from helpers.pipeline import (
    Pipeline,
    assert_candidates,
    assert_same,
)

from fink_voevent.ops.status import Observer
from fink_voevent.store.batches import BatchLog
from fink_voevent.store.delta import Tables
from fink_voevent.tables.schema import PARTITIONS, stored_columns, stored_schema


def test_coincidences_are_those_of_brute_force(processed, expected):
    assert_same(processed.current_pairs(), expected)


def test_folders_may_have_spaces_and_special_characters_in_their_names(
    spark, settings, datatest
):
    odd = {"data_prefix": f"{settings.data_prefix}/a night, 100% +"}
    pipeline = Pipeline(spark, settings.model_copy(update=odd), datatest)
    pipeline.alerts("early", "late")
    pipeline.notices("grb221009a_bat")
    pipeline.run()
    pipeline.spool.close()
    packets = pipeline.topics()["fink_grb_bronze_ztf"]
    assert [p["coincidence"]["packet_missing"] for p in packets] == [False] * 2


def test_a_pair_is_found_once_whether_its_alert_or_its_notice_comes_first(
    pipeline, expected
):
    pipeline.alerts("early")
    pipeline.match()
    pipeline.notices("grb130702a_alert", "grb130702a_flt_pos", "grb221009a_bat")
    pipeline.match()
    pipeline.alerts("late")
    pipeline.notices()  # the others, and the first ones again
    pipeline.match()
    assert_same(pipeline.current_pairs(), expected)
    new = [r.asDict() for r in pipeline.journal().where("status = 'new'").collect()]
    keys = {(r["event_id"], r["alert_id"]) for r in new}
    assert len(keys) == len(new)


def test_sending_everything_again_changes_nothing(processed, settings):
    pipeline = processed.copied(settings)
    before = (pipeline.current_pairs(), pipeline.journal().count(), pipeline.topics())
    status = Observer(pipeline.settings.root).status()
    pipeline.notices()
    pipeline.run()
    assert (
        pipeline.current_pairs(),
        pipeline.journal().count(),
        pipeline.topics(),
    ) == before
    again = Observer(pipeline.settings.root).status()
    assert (again.events, again.coincidences) == (status.events, status.coincidences)
    assert again.received == 2 * status.received
    assert again.lag_s == 0
    pipeline.spool.close()


def test_ids_are_the_same_in_any_order_of_arrival(processed, pipeline):
    pipeline.notices("icecube170922a", "grb130702a_fin_pos", "grb221009a_xrt")
    pipeline.match()
    pipeline.alerts("late")
    pipeline.match()
    pipeline.notices()
    pipeline.match()
    pipeline.alerts("early")
    pipeline.match()
    ids = [r["coincidence_id"] for r in processed.current_pairs()]
    assert [r["coincidence_id"] for r in pipeline.current_pairs()] == ids


def test_packets_contain_the_alert_and_the_pair_and_fink_client_reads_them(processed):
    topics = processed.topics()
    assert set(topics) == {"fink_grb_bronze_ztf", "fink_neutrino_bronze_ztf"}
    (neutrino,) = [
        p for p in topics["fink_neutrino_bronze_ztf"] if p["objectId"] == "ZTF17aaatxsb"
    ]
    pair = neutrino["coincidence"]
    assert pair["event_id"] == "IceCube-130033-50579430"
    assert pair["event_time"] == "2017-09-22T20:54:30.430000Z"
    assert pair["status"] == "new"
    assert (pair["packet_missing"], pair["left_out"]) == (False, None)
    assert neutrino["triggerId"].endswith(
        f"_{neutrino['candid']}_new_{neutrino['coincidence']['batch']}"
    )
    assert neutrino["candidate"]["ra"] == pair["alert_ra"] == 77.3582
    stamp = neutrino["cutoutScience"]["stampData"]
    assert stamp == neutrino["candid"].to_bytes(8, "big")
    grb = {p["objectId"] for p in topics["fink_grb_bronze_ztf"]}
    assert {"ZTF13aaaabxl", "ZTF22aaaagrb"} <= grb
    assert not {"ZTF13aaaastar", "ZTF13aaabogus"} & grb


def test_notices_of_the_next_night_match_and_revise_alerts_of_the_last_night(
    pipeline, expected
):
    """A notice that is a day late, and a better one of an event already reported."""
    pipeline.alerts("early", "late")
    pipeline.notices("grb130702a_alert", "grb130702a_flt_pos")
    pipeline.match()
    first = {(r["event_id"], r["alert_id"]) for r in pipeline.current_pairs()}
    assert first
    pipeline.another_night("20221010")
    pipeline.notices()
    pipeline.match()
    assert_same(pipeline.current_pairs(), expected)
    rows = [(r.event_id, r.alert_id, r.status) for r in pipeline.journal().collect()]
    assert len(rows) == len(set(rows))
    assert {status for *_, status in rows} == {"new", "update"}
    before = pipeline.journal().count()
    pipeline.another_night("20221011")  # all notices are new to its checkpoint
    pipeline.match()
    assert pipeline.journal().count() == before


def test_a_batch_that_was_interrupted_is_done_with_its_input_and_no_other(
    pipeline, expected, monkeypatch
):
    """Of each stage, after each commit to a table, with more input meanwhile."""
    pipeline.alerts("early")
    pipeline.notices("grb130702a_alert", "grb221009a_bat")
    planned = {}
    append = Tables.append

    class KilledError(Exception):
        pass

    def killed(name):
        def append_and_end(self, table, *rest):
            written = append(self, table, *rest)
            if table == name:
                raise KilledError
            return written

        return append_and_end

    stages = {
        "ingest": ("documents", "events"),
        "match": ("alerts", "coincidences", "candidates"),
        "route": ("routed",),
    }
    for stage, tables in stages.items():
        run = pipeline.run if stage == "route" else pipeline.match
        for table in tables:
            with monkeypatch.context() as patch, pytest.raises(KilledError):
                patch.setattr(Tables, "append", killed(table))
                run()
            log = BatchLog(Tables(pipeline.settings.root), stage)
            batch = log.unfinished()
            assert planned.setdefault((stage, batch.number), batch) == batch
            if table == "documents":
                pipeline.notices("grb130702a_fin_pos")
            elif table == "alerts":
                pipeline.alerts("late")
    pipeline.notices()
    pipeline.run()
    assert_same(pipeline.current_pairs(), expected)
    assert_candidates(pipeline.candidates(), pipeline.current_pairs())
    statuses = pipeline.journal().groupBy("coincidence_id", "batch").count()
    assert not statuses.where("count > 1").count()


def test_a_test_notice_is_matched_if_tests_are_allowed(pipeline):
    pipeline.settings = pipeline.settings.model_copy(update={"allow_tests": True})
    pipeline.alerts("early", "late")
    pipeline.notices("gbm_test")
    pipeline.match()
    assert {r["event_id"] for r in pipeline.current_pairs()} == {"GBM-test-99999"}


def test_an_alert_that_is_gone_leaves_a_packet_that_says_so(matched):
    shutil.rmtree(matched.science)  # as Fink does after it has archived a night
    matched.route()
    packets = matched.topics()["fink_grb_bronze_ztf"]
    assert len(packets) == 2
    assert all(p["coincidence"]["packet_missing"] for p in packets)
    assert {p["objectId"] for p in packets} == {"ZTF22aaaagrb"}  # it still has the name


def test_an_alert_in_a_file_that_is_damaged_later_leaves_a_packet_that_says_so(
    matched, caplog
):
    for file in matched.science.glob("*.parquet"):
        (file.parent / f".{file.name}.crc").unlink()
        file.write_bytes(file.read_bytes()[:-8])
    matched.route()
    packets = matched.topics()["fink_grb_bronze_ztf"]
    assert [p["coincidence"]["packet_missing"] for p in packets] == [True] * 2
    assert "are sent without the alert" in caplog.text


def test_alerts_of_a_night_that_fink_has_removed_are_read_from_its_archive(matched):
    archive = Path(matched.settings.data_prefix, "archive")
    values = {"archive_prefix": str(archive)}
    matched.settings = matched.settings.model_copy(update=values)
    merged = archive / "science" / "year=2022" / "month=10" / "day=09"
    merged.mkdir(parents=True)
    for file in matched.science.glob("*.parquet"):
        shutil.move(file, merged / f"merged-{file.name}")
    shutil.rmtree(matched.science)
    matched.route()
    packets = matched.topics()["fink_grb_bronze_ztf"]
    assert {p["candidate"]["candid"] for p in packets} == {
        p["coincidence"]["alert_id"] for p in packets
    }
    assert not any(p["coincidence"]["packet_missing"] for p in packets)


def test_a_file_in_landing_that_is_not_parquet_stops_nothing(pipeline):
    landing = Path(pipeline.settings.root, "landing")
    landing.mkdir(parents=True)
    (landing / "torn.parquet").write_bytes(b"PAR1half")
    pipeline.alerts("early", "late")
    pipeline.notices("grb221009a_bat")
    pipeline.match()
    assert len(pipeline.current_pairs()) == 2


def test_tables_on_disk_have_the_declared_columns(processed):
    root = Path(processed.settings.root)
    for table in (
        *("documents", "events", "alerts", "coincidences", "candidates"),
        *("batches", "routed"),
    ):
        stored = pa.schema(DeltaTable(root / table).schema())
        assert stored.names == stored_schema(table).names
        comments = {f.name: f.metadata[b"comment"].decode() for f in stored}
        assert comments == {c.name: c.comment for c in stored_columns(table)}
        files = sorted((root / table).rglob("[!.]*.parquet"))
        assert files
        for file in files:
            found = {f.name: f.type for f in pq.read_schema(file)}
            declared = {f.name: f.type for f in stored_schema(table)}
            for name in PARTITIONS.get(table, ()):
                del declared[name]
            assert found.keys() == declared.keys()
            for name, kind in declared.items():
                if not pa.types.is_nested(kind):  # names of list items may differ
                    assert found[name] == kind, (table, name)

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The rates by class are those of the complete nights, and measured once for them."""

from __future__ import annotations

import logging
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from helpers.delta_tables import rows_of
from helpers.pipeline import settings_in
from sky_simulator import ZTF, Simulation

from fink_voevent.match import background_update
from fink_voevent.score import background, class_rates
from fink_voevent.store.batches import BatchLog, Input
from fink_voevent.store.delta import Tables
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import arrow_schema, with_batch


@pytest.fixture
def settings(tmp_path):
    return settings_in(tmp_path)


def add_nights(settings, tables: Tables, count: int, without: tuple = ()) -> None:
    """Commit nights as the stage match does, each as a batch."""
    for night in Simulation(ZTF, 1, ZTF.fields()[:4]).nights(count):
        log = BatchLog(tables, "match")
        name = night["night"][0].as_py()
        batch = log.plan(Input(night=name, survey="ztf"))
        names = arrow_schema("alerts").names
        present = [n for n in night.column_names if n in names and n not in without]
        rows = rows_of("alerts", night.select(present).to_pylist())
        whole = with_batch(rows.drop_columns("night"), "alerts", batch.number)
        staged = open_store(f"{settings.root}/staging/{name}")
        folder = staged.subfolder(f"night={name}")
        folder.create()
        folder.write("a.parquet", lambda stream, t=whole: pq.write_table(t, stream))
        tables.append("alerts", staged, "match", batch.number)
        log.finish(batch, {"night": name, "survey": "ztf"})


def test_rates_are_measured_after_each_complete_night(settings, caplog):
    caplog.set_level(logging.INFO)
    assert background_update.update(settings, "20260101") is None
    assert "no night of ztf has been counted" in caplog.text
    tables = Tables(settings.root)
    add_nights(settings, tables, 2)
    # the last night may go on
    one = background_update.update(settings, "20260102")
    assert (one.nights, one.first_night, one.last_night) == (1, "20260101", "20260101")
    assert "upper limits (90 %)" in caplog.text
    assert caplog.records[-1].levelno == logging.WARNING
    store = background.folder(settings.root)
    assert class_rates.newest(store, "ztf").name == one.name
    files = store.names(".parquet")
    assert background_update.update(settings, "20260102").name == one.name
    assert store.names(".parquet") == files
    two = background_update.update(settings, "20260105")
    assert (two.nights, two.last_night) == (2, "20260102")
    assert (two.coverage > 0).sum() >= (one.coverage > 0).sum()


def test_the_rates_of_a_command_with_more_nights_are_kept(settings):
    add_nights(settings, Tables(settings.root), 2)
    few = background_update.update(settings, "20260105")
    store = background.folder(settings.root)
    more = replace(few, nights=20, name="ztf-more")
    class_rates.save(more, store)
    assert background_update.update(settings, "20260105").name == "ztf-more"


def test_nights_of_an_earlier_version_do_not_stop_the_stage(settings, caplog):
    tables = Tables(settings.root)
    add_nights(settings, tables, 1, without=("positive",))
    assert background_update.update(settings, "20260105") is None
    assert "nights up to 20260101 are not counted" in caplog.text

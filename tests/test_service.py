# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Our services, started as ``bin/fink`` starts them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import fink
import pytest
from fink_client.avro_utils import AlertReader
from programs import wait_for

from fink_voevent import landing, service
from fink_voevent.broker import Checkout
from fink_voevent.errors import ConfigError
from fink_voevent.listen.files import documents
from fink_voevent.spool import Received, Spool
from fink_voevent.status import Observer
from fink_voevent.storage import open_store

NIGHT = "20221009"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-night -schema a.avro", {"-schema": "a.avro"}),
        ("-servers -night -log_level INFO", {"-log_level": "INFO"}),
        ("-hostless_folder ids -night 20240115", {"-night": "20240115"}),
        ("--noscience -tinterval 2 -exit_after", {"-tinterval": "2"}),
        ("", {}),
    ],
)
def test_an_option_without_a_value_swallows_no_other(line, expected):
    given = service.options(line.split())
    assert given.items() >= expected.items()
    assert set(given) <= {*expected, "-hostless_folder"}


def test_options_are_below_the_environment_and_above_defaults():
    given = {"-night": "20240115", "-tinterval": "300", "-online_data_prefix": "/fink"}
    plain = service.settings_of(given, "rubin", {})
    assert (plain.survey, plain.night, plain.trigger_s) == ("rubin", "20240115", 300)
    assert plain.root == "/fink/voevent"
    ours = service.settings_of(given, "rubin", {"VOEVENT_TRIGGER_S": "1"})
    assert ours.trigger_s == 1


def test_legacy_topics_are_refused_beside_fink_mm():
    environment = {"VOEVENT_LEGACY_TOPICS": "true"}
    assert service.settings_of({}, "ztf", environment).legacy_topics
    with pytest.raises(ConfigError, match="FINK_MM_CONFIG=no-config"):
        service.settings_of({"-mmconfigpath": "mm.conf"}, "ztf", environment)


@pytest.mark.parametrize(
    ("given", "seconds"), [({}, 64_800), ({"-exit_after": "60"}, 60)]
)
def test_a_service_stops_by_itself_when_fink_says_or_after_18_hours(given, seconds):
    assert service.exit_after_s(given) == seconds
    with pytest.raises(ConfigError, match="not a number"):
        service.exit_after_s({"-exit_after": "soon"})


@pytest.fixture
def home(tmp_path) -> Path:
    fink.checkout(tmp_path / "fink", tmp_path / "data")
    for change in Checkout.at(tmp_path / "fink", "ztf", None).enable():
        change.make()
    return tmp_path / "fink"


def test_help_says_what_is_taken(home):
    script = home / "bin" / "ztf" / "voevent_match.py"
    done = subprocess.run(
        [sys.executable, script, "-h"], capture_output=True, text=True, check=True
    )
    assert "-online_data_prefix" in done.stdout
    assert "conf/ztf/voevent.conf" in done.stdout


def test_a_bad_setting_is_one_line_and_no_traceback(home, tmp_path):
    log = tmp_path / "log"
    bad = fink.start(home, "voevent_match", log, VOEVENT_NIGHT="tonight")
    assert bad.wait(60) == 2
    text = log.read_text()
    assert "VOEVENT_NIGHT='tonight'" in text
    assert "Traceback" not in text


def _science(spark, datatest: Path, data: Path) -> None:
    incoming = data / "incoming"
    shutil.copytree(datatest / "alerts", incoming)
    schema = spark.read.parquet(str(incoming)).schema
    stream = spark.readStream.schema(schema).parquet(str(incoming))
    sink = stream.writeStream.option("path", str(data / "science" / NIGHT))
    sink = sink.option("checkpointLocation", str(data / "checkpoint"))
    sink.trigger(availableNow=True).start().awaitTermination()


def _land(folder: Path, data: Path, spool: Path) -> None:
    with contextlib.closing(Spool(str(spool), str(data / "voevent"))) as kept:
        found = documents([str(folder)])
        kept.append([Received(f.raw, "file", f.name) for f in found])
        landing.drain(kept, open_store(f"{data}/voevent").at("landing"))


@pytest.mark.slow
def test_the_three_services_fill_topics_and_stop(spark, home, datatest, tmp_path):
    data, spool = tmp_path / "data", tmp_path / "spool"
    _science(spark, datatest, data)
    _land(datatest / "voevents", data, spool)
    given = {"NIGHT": f"{NIGHT} -exit_after 300", "VOEVENT_SPOOL": str(spool)}
    given |= {"DRIVER_MEMORY": "1g", "SPARK_CORE_MAX": "2"}
    services = [
        fink.start(home, f"voevent_{stage}", tmp_path / stage, **given)
        for stage in ("ingest", "match", "route")
    ]
    topics = data / "voevent" / "topics"
    observer = Observer(f"{data}/voevent")
    try:
        wait_for(
            lambda: (
                observer.status().events == 9
                and observer.status().coincidences > 0
                and observer.route_is_done()
                and all(p.poll() is None for p in services)
            ),
            240,
        )
    finally:
        for one in services:
            os.killpg(one.pid, signal.SIGTERM)  # as `fink stop` does
        for one in services:
            one.wait(60)
    packets = AlertReader(str(topics / "fink_grb_bronze_ztf")).to_list()
    assert {p["coincidence"]["survey"] for p in packets} == {"ztf"}
    assert all(p["objectId"] and p["candidate"]["ra"] for p in packets)
    for stage in ("ingest", "match", "route"):
        assert "Traceback" not in (tmp_path / stage).read_text()

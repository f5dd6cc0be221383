# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Services, started as ``bin/fink`` starts them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fink_client.avro_utils import AlertReader
from helpers import fink_checkout
from helpers.programs import wait_for
from helpers.sizes import nightly

from fink_voevent import service
from fink_voevent.errors import ConfigError
from fink_voevent.fink.checkout import Checkout
from fink_voevent.listen import landing
from fink_voevent.listen.files import documents
from fink_voevent.listen.spool import Received, Spool
from fink_voevent.ops.status import Observer
from fink_voevent.store.filesystem import open_store

NIGHT = "20221009"
LIMIT_S = 280  # the services stop by themselves after 300 s


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
def test_an_option_without_a_value_does_not_hide_the_next_one(line, expected):
    given = service.options(line.split())
    assert given.items() >= expected.items()
    assert set(given) <= {*expected, "-hostless_folder"}


def test_options_override_defaults_but_not_the_environment():
    given = {"-night": "20240115", "-tinterval": "300", "-online_data_prefix": "/fink"}
    plain = service.load_settings(given, "rubin", {})
    assert (plain.survey, plain.night) == ("rubin", "20240115")
    assert plain.root == "/fink/voevent"
    ours = service.load_settings(given, "rubin", {"VOEVENT_NIGHT": "20240116"})
    assert ours.night == "20240116"


def test_the_interval_of_the_stages_of_fink_is_not_ours():
    """Fink's is minutes: FINK_TRIGGER_UPDATE, which bin/fink passes to all services."""
    environment = {"VOEVENT_DATA_PREFIX": "/fink"}
    settings = service.load_settings({"-tinterval": "300"}, "rubin", environment)
    assert settings.trigger_s == 2.0


def test_legacy_topics_are_refused_while_fink_mm_is_enabled():
    environment = {"VOEVENT_LEGACY_TOPICS": "true", "VOEVENT_DATA_PREFIX": "/fink"}
    assert service.load_settings({}, "ztf", environment).legacy_topics
    with pytest.raises(ConfigError, match="FINK_MM_CONFIG=no-config"):
        service.load_settings({"-mmconfigpath": "mm.conf"}, "ztf", environment)


def test_a_service_refuses_to_write_below_the_folder_in_which_it_starts():
    with pytest.raises(ConfigError, match="set VOEVENT_DATA_PREFIX"):
        service.load_settings({}, "ztf", {})
    assert service.load_settings({}, "ztf", {"ONLINE_DATA_PREFIX": "/fink"}).root


@pytest.mark.parametrize(
    ("given", "seconds"), [({}, 64_800), ({"-exit_after": "60"}, 60)]
)
def test_a_service_stops_after_the_time_of_its_option_or_18_hours(given, seconds):
    assert service.exit_after_s(given) == seconds
    with pytest.raises(ConfigError, match="not a number"):
        service.exit_after_s({"-exit_after": "soon"})


@pytest.fixture
def survey() -> str:
    return "ztf"


@pytest.fixture
def home(tmp_path, survey) -> Path:
    fink_checkout.checkout(tmp_path / "fink", tmp_path / "data", survey)
    for change in Checkout.find(tmp_path / "fink", survey, None).enable():
        change.make()
    return tmp_path / "fink"


def test_help_lists_the_options_that_are_used(home):
    script = home / "bin" / "ztf" / "voevent_match.py"
    done = subprocess.run(
        [sys.executable, script, "-h"], capture_output=True, text=True, check=True
    )
    assert "-online_data_prefix" in done.stdout
    assert "conf/ztf/voevent.conf" in done.stdout


def test_a_wrong_setting_is_reported_in_one_line(home, tmp_path):
    log = tmp_path / "log"
    bad = fink_checkout.start(home, "voevent_match", log, VOEVENT_NIGHT="tonight")
    assert bad.wait(60) == 2
    text = log.read_text()
    assert "VOEVENT_NIGHT='tonight'" in text
    assert "Traceback" not in text


def _science(spark, alerts: Path, data: Path) -> None:
    """Write science alerts as Fink's raw2science does, by a Spark file sink."""
    schema = spark.read.parquet(str(alerts)).schema
    stream = spark.readStream.schema(schema).parquet(str(alerts))
    sink = stream.writeStream.option("path", str(data / "science" / NIGHT))
    sink = sink.option("checkpointLocation", str(data / "checkpoint"))
    sink.trigger(availableNow=True).start().awaitTermination()


def _land(folder: Path, data: Path, spool: Path) -> None:
    """Land the notices of a folder."""
    with contextlib.closing(Spool(str(spool), str(data / "voevent"))) as kept:
        found = documents([str(folder)])
        kept.append([Received(f.raw, "file", f.name) for f in found])
        landing.drain(kept, open_store(f"{data}/voevent").subfolder("landing"))


@contextlib.contextmanager
def _running(processes: list[subprocess.Popen]):
    try:
        yield
    finally:
        for one in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGTERM)  # as `fink stop` does
        for one in processes:
            one.wait(60)


def _wait_until_routed(data: Path, processes: list[subprocess.Popen]) -> None:
    observer = Observer(f"{data}/voevent")
    wait_for(
        lambda: (
            observer.status().events == 9
            and observer.status().coincidences > 0
            and observer.route_is_done()
            and all(p.poll() is None for p in processes)
        ),
        LIMIT_S,
    )


def _check_packets(topics: Path, survey: str) -> None:
    suffix = {"ztf": "ztf", "rubin": "lsst"}[survey]
    packets = AlertReader(str(topics / f"fink_grb_bronze_{suffix}")).to_list()
    assert packets
    assert {p["coincidence"]["survey"] for p in packets} == {survey}
    for packet in packets:
        key, source = {
            "ztf": ("candid", "candidate"),
            "rubin": ("diaSourceId", "diaSource"),
        }[survey]
        assert packet[key] == packet["coincidence"]["alert_id"]
        assert packet[source]["ra"] == packet["coincidence"]["alert_ra"]


ALERTS = {"ztf": "alerts", "rubin": "rubin"}
STAGES = ("ingest", "match", "route")


@pytest.mark.slow
@pytest.mark.parametrize("survey", ["ztf", *nightly("rubin")])
def test_three_services_send_packets_to_topics_and_stop(
    spark, survey, home, datatest, tmp_path
):
    data, spool = tmp_path / "data", tmp_path / "spool"
    _science(spark, datatest / ALERTS[survey], data)
    _land(datatest / "voevents", data, spool)
    given = {"NIGHT": f"{NIGHT} -exit_after 300", "VOEVENT_SPOOL": str(spool)}
    given |= {"DRIVER_MEMORY": "1g", "SPARK_CORE_MAX": "2"}
    warm = {"match": {"VOEVENT_WARMUP_NOTICES": "1"}}  # each takes several seconds
    services = [
        fink_checkout.start(
            *(home, f"voevent_{stage}", tmp_path / stage, survey),
            **given,
            **warm.get(stage, {}),
        )
        for stage in STAGES
    ]
    with _running(services):
        _wait_until_routed(data, services)
    _check_packets(data / "voevent" / "topics", survey)
    for stage in STAGES:
        assert "Traceback" not in (tmp_path / stage).read_text()


@pytest.mark.slow
@pytest.mark.skipif("FINK_HOME" not in os.environ, reason="no checkout: FINK_HOME")
@pytest.mark.parametrize("survey", ["ztf", "rubin"])
def test_fink_starts_the_services_and_its_checkout_is_restored(
    spark, survey, datatest, tmp_path
):
    """By the ``bin/fink`` of a clone of the checkout that FINK_HOME names."""
    home, data, spool = tmp_path / "home", tmp_path / "data", tmp_path / "spool"
    fink_checkout.clone(Path(os.environ["FINK_HOME"]), home)
    conf = fink_checkout.conf(home, data, survey)
    checkout = Checkout.find(home, survey, conf)
    for change in checkout.enable():
        change.make()
    _science(spark, datatest / ALERTS[survey], data)
    _land(datatest / "voevents", data, spool)
    services = [
        fink_checkout.launch(
            home, f"voevent_{stage}", tmp_path / stage, survey, NIGHT, spool
        )
        for stage in STAGES
    ]
    with _running(services):
        _wait_until_routed(data, services)
    _check_packets(data / "voevent" / "topics", survey)
    for change in checkout.disable():
        change.make()
    assert fink_checkout.changes(home) == ""

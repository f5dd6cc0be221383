# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from fink_voevent.config import render
from fink_voevent.config.addresses import (
    KafkaSource,
    parse_entries,
    parse_kafka,
    parse_sources,
    source_addresses,
)
from fink_voevent.config.load import load
from fink_voevent.config.settings import Settings
from fink_voevent.errors import ConfigError


def test_command_line_overrides_environment_overrides_fink_overrides_default():
    fink = {"ONLINE_DATA_PREFIX": "/fink", "SUBSTREAM_PREFIX": "x_"}
    assert load(fink).settings.data_prefix == "/fink"
    assert load(fink).settings.topic_prefix == "x_"
    options = {"data_prefix": "/options"}
    assert load(fink, fink_options=options).settings.data_prefix == "/options"
    ours = fink | {"VOEVENT_DATA_PREFIX": "/env"}
    assert load(ours, fink_options=options).settings.data_prefix == "/env"
    chosen = load(ours, {"data_prefix": "/line"}, options)
    assert chosen.settings.data_prefix == "/line"
    assert chosen.origin["data_prefix"] == "command line"
    assert chosen.origin["survey"] == "default"


def test_an_unknown_setting_is_reported_with_the_most_similar_one():
    with pytest.raises(ConfigError, match=r"VOEVENT_SOURCE .*mean VOEVENT_SOURCES\?"):
        load({"VOEVENT_SOURCE": "a"})


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("CREDIBLE_LEVEL", "2", "less than or equal to 0.99"),
        ("CREDIBLE_LEVEL", "high", "valid number"),
        ("SURVEY", "atlas", "'ztf' or 'rubin'"),
        ("SOURCES", "host:port", "is not host, host:port"),
        ("SOURCES", ":8099", "is not host, host:port"),
        ("WINDOW", "7", "not BEFORE,AFTER"),
        ("WINDOW", "-8,7", "from 0 to a million"),
        ("WINDOW", "2,-1", "from 0 to a million"),
        ("WINDOW", "nan,1", "from 0 to a million"),
        ("NIGHT", "2024-01-15", "match pattern"),
    ],
)
def test_a_wrong_value_is_reported_in_one_line(name, value, reason):
    with pytest.raises(ConfigError) as message:
        load({f"VOEVENT_{name}": value})
    message = str(message.value)
    assert f"VOEVENT_{name}={value!r}" in message
    assert reason in message
    assert "\n" not in message


def test_a_source_without_a_port_has_the_default_port():
    assert parse_sources("a.org, b.org:99,") == [("a.org", 8099), ("b.org", 99)]


def test_every_setting_is_described_with_its_origin():
    text = render.describe(load({"VOEVENT_SURVEY": "rubin"}))
    assert "VOEVENT_SURVEY=rubin  [environment]" in text
    assert all(field.description for field in Settings.model_fields.values())
    assert len(text.splitlines()) == len(Settings.model_fields)


def test_an_empty_variable_is_ignored():
    options = {"night": "20240115"}
    assert load({"VOEVENT_NIGHT": ""}, None, options).settings.night == "20240115"


def test_passwords_in_a_uri_are_not_shown():
    shown = render.describe(
        load({"VOEVENT_DATA_PREFIX": "s3a://me:open-sesame@host/bucket"})
    )
    assert "open-sesame" not in shown
    assert "s3a://me:***@host/bucket" in shown


def test_the_page_of_settings_is_up_to_date(datatest):
    page = datatest.parent / "docs" / "settings.md"
    assert page.read_text(encoding="utf-8") == render.markdown()


def test_the_conf_file_sets_the_defaults_unless_the_environment_does(datatest):
    conf = datatest.parent / "conf" / "voevent.conf"
    assert conf.read_text(encoding="utf-8") == render.shell()
    given = {"PATH": os.environ["PATH"], "HOME": str(Path.home())}
    for extra in ({}, {"VOEVENT_SURVEY": "rubin", "ONLINE_DATA_PREFIX": "/fink"}):
        source = f"set -e; . {conf}; env -0"
        done = subprocess.run(
            ["bash", "-c", source], env=given | extra, capture_output=True, text=True
        )
        found = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
        assert load(found).settings == load(extra).settings


def test_kafka_topics_and_vtp_brokers_are_sources():
    text = "a.org, kafka://k.org:9092/one+two, gcn://igwn.gwalert"
    assert parse_sources(text) == [("a.org", 8099)]
    kafka, gcn = parse_kafka(text)
    assert kafka == KafkaSource("k.org:9092", ("one", "two"))
    assert gcn == KafkaSource("", ("igwn.gwalert",))
    assert [str(kafka), str(gcn)] == text.split(", ")[1:]


@pytest.mark.parametrize(
    "text", ["kafka://k.org/", "kafka://k.org:9092/", "kafka://:1/x", "gcn://"]
)
def test_addresses_without_a_topic_are_refused(text):
    with pytest.raises(ValueError, match=re.escape(text)):
        parse_kafka(text)


def test_addresses_of_sources_have_their_port_and_are_not_repeated():
    text = "gcn://a+b, vtp.org, kafka://k.org:9092/c, vtp.org:8099, two.org:1"
    assert source_addresses(text) == [
        *("vtp.org:8099", "two.org:1", "gcn://a+b", "kafka://k.org:9092/c")
    ]


def test_sources_may_have_publishers_and_names():
    text = (
        "host:8099=ivo://org.CHIME/*+ivo://b/c,kafka://k:9/T+U;gcn=h1,h2:1,gcn://T"
        "=ivo://x;land=ivo://*"
    )
    assert parse_entries(text) == [
        ("", ("host:8099",), ("ivo://org.chime/*", "ivo://b/c")),
        ("", ("kafka://k:9/T+U",), ()),
        ("gcn", ("h1:8099", "h2:1", "gcn://T"), ("ivo://x",)),
        ("", ("land",), ("ivo://*",)),
    ]
    assert parse_sources(text) == [("host", 8099), ("h1", 8099), ("h2", 1)]
    assert [str(k) for k in parse_kafka(text)] == ["kafka://k:9/T+U", "gcn://T"]
    written = ";".join(map(str, parse_entries(text)))
    assert parse_entries(written) == parse_entries(text)


@pytest.mark.parametrize(
    "text",
    [
        "a=ivo://x#y",
        "a=ivo://",
        "a=ivo://x/*y",
        "a=ivo://x+y",
        "ivo://x",
        "n=",
        "n=a:b",
    ],
)
def test_sources_with_a_mistake_are_refused(text):
    with pytest.raises(ConfigError, match="VOEVENT_SOURCES="):
        load({"VOEVENT_SOURCES": text})

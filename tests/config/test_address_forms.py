# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Addresses as publishers give them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.config.addresses import (
    parse_kafka,
    parse_sources,
    source_addresses,
)
from fink_voevent.config.load import load
from fink_voevent.errors import ConfigError

VTP = {
    "voevent.example.org": ("voevent.example.org", 8099),
    "voevent.example.org:9000": ("voevent.example.org", 9000),
    "vtp://voevent.example.org:9000/": ("voevent.example.org", 9000),
    "vtp://voevent.example.org:9000": ("voevent.example.org", 9000),
    "VTP://voevent.example.org/": ("voevent.example.org", 8099),
    "tcp:voevent.example.org:9000": ("voevent.example.org", 9000),
    "tcp:voevent.example.org": ("voevent.example.org", 8099),
    "tcp://voevent.example.org:9000": ("voevent.example.org", 9000),
    "[::1]:8100": ("::1", 8100),
    "[2001:db8::7]": ("2001:db8::7", 8099),
    "vtp://[::1]:8100/": ("::1", 8100),
    "127.0.0.1:8100": ("127.0.0.1", 8100),
    "localhost": ("localhost", 8099),
    "comet_broker:8099": ("comet_broker", 8099),
    "voevent.example.org.": ("voevent.example.org.", 8099),
}
KAFKA = {
    "kafka://kafka.example.org:9093/one": ("kafka.example.org:9093", ("one",)),
    "kafka://kafka.example.org/one+two": ("kafka.example.org:9092", ("one", "two")),
    "Kafka://kafka.example.org/one/": ("kafka.example.org:9092", ("one",)),
    "kafka://[::1]:9093/one": ("[::1]:9093", ("one",)),
    "kafka://kafka.example.org?topic=one": ("kafka.example.org:9092", ("one",)),
    "x-kafka://kafka.example.org?topic=one": ("kafka.example.org:9092", ("one",)),
    "x-kafka://kafka.example.org:9093/?topic=a&topic=b": (
        "kafka.example.org:9093",
        ("a", "b"),
    ),
    "x-kafka://kafka.example.org/one": ("kafka.example.org:9092", ("one",)),
    "gcn://gcn.notices.swift.bat.guano": ("", ("gcn.notices.swift.bat.guano",)),
    "kafka://kafka.example.org/^gcn[.]a?b/.*": (
        "kafka.example.org:9092",
        ("^gcn[.]a?b/.*",),
    ),
    "gcn://^gcn[.]classic[.]voevent[.].*": ("", ("^gcn[.]classic[.]voevent[.].*",)),
    "gcn://igwn.gwalert+gcn.heartbeat": ("", ("igwn.gwalert", "gcn.heartbeat")),
}
WRONG = (
    "a..b",
    ".a",
    "host 8099",
    "host:",
    "host:port",
    "host:0",
    "host:65536",
    "host:²",
    "host:8099/path",
    "host:8099:8099",
    "-host",
    "256.1.1.1",
    "1.2.3",
    "::1",
    "[::1",
    "[::1]8099",
    "[host]:8099",
    "vtp://",
    "vtp:/host",
    "vtp://host/a/b",
    "http://voevent.example.org",
    "kafka://",
    "kafka:///one",
    "kafka://host",
    "kafka://host/",
    "kafka://host:x/one",
    "kafka://host/a b",
    "kafka://host/a/b",
    "kafka://host/..",
    "kafka://host?group=x",
    "kafka://host/one?topic=two",
    "x-kafka://host?topic=",
    "gcn://",
    "gcn://a/b",
    "user:password@host:8099",
    "kafka://user:password@host/one",
    "ho\u200bst",
    "x" * 300,
)


@pytest.mark.parametrize("text", VTP)
def test_the_forms_of_vtp_addresses(text):
    assert parse_sources(text) == [VTP[text]]
    assert parse_kafka(text) == []


@pytest.mark.parametrize("text", KAFKA)
def test_the_forms_of_addresses_of_topics(text):
    assert [tuple(source) for source in parse_kafka(text)] == [KAFKA[text]]
    assert parse_sources(text) == []


@pytest.mark.parametrize("text", [*VTP, *KAFKA])
def test_an_address_is_written_in_one_form_which_is_read_again(text):
    (written,) = source_addresses(text)
    assert source_addresses(written) == [written]


def test_a_source_in_two_forms_is_one_source():
    text = "voevent.example.org, vtp://voevent.example.org:8099/,tcp:[::1]:8099,[::1]"
    assert source_addresses(text) == ["voevent.example.org:8099", "[::1]:8099"]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_address_is_refused_by_name(text):
    with pytest.raises(ConfigError) as error:
        load({}, {"sources": text})
    message = str(error.value)
    assert len(message.splitlines()) == 1
    assert "password" not in message.replace("VOEVENT_SOURCE_PASSWORD", "")


@given(st.text(max_size=40).filter(lambda text: "," not in text))
def test_any_text_is_an_address_or_refused(text):
    try:
        found = source_addresses(text)
    except ValueError:
        return
    assert source_addresses(",".join(found)) == found

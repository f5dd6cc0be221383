# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Which source may speak for which publisher, by setting, file and first use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.config.addresses import parse_entries
from fink_voevent.notices import streams
from fink_voevent.notices.trust import (
    FIRST_USE,
    OPERATOR,
    SETTING,
    STREAMS,
    Decision,
    Trust,
    latest,
    source_of,
)

A, B, C = (f"{name}.example:8099" for name in "abc")
PUBLISHER = "ivo://org.example/bursts"
PUBLISHERS = streams.load().publishers


def decided(setting: str, *carriers: tuple[str, str], known=()) -> list[tuple]:
    """Return whether each source is trusted, and why."""
    trust = Trust(PUBLISHERS, setting, known)
    return [trust.decide(*carrier)[2:] for carrier in carriers]


def of(source: str, publisher: str = PUBLISHER) -> tuple[str, str]:
    return publisher, source


def test_the_first_source_may_speak_and_the_second_may_not():
    assert decided("", of(A), of(B), of(A)) == [
        (True, FIRST_USE),
        (False, FIRST_USE),
        (True, FIRST_USE),
    ]


def test_a_setting_is_decisive_whoever_was_first():
    setting = f"{A},{B}=ivo://org.example/*"
    assert decided(setting, of(A), of(B)) == [(False, SETTING), (True, SETTING)]


def test_a_setting_of_another_publisher_says_nothing():
    setting = f"{B}=ivo://org.example.other/*"
    assert decided(setting, of(A), of(B)) == [(True, FIRST_USE), (False, FIRST_USE)]


def test_a_source_that_may_speak_for_all_excludes_nobody():
    setting = f"{A}=ivo://*"
    assert decided(setting, of(B), of(A), of(A, "fermi"), of(B, "fermi")) == [
        (True, FIRST_USE),
        (True, SETTING),
        (True, SETTING),
        (False, STREAMS),
    ]


@pytest.mark.parametrize(
    ("setting", "source", "is_trusted"),
    [
        ("", "gcn://igwn.gwalert", True),
        ("", A, False),
        ("", "kafka://gcn.example:9092/gcn.classic", False),
        ("", "land", False),
        ("", "parquet", False),
        (f"{A}=ivo://nasa.gsfc.gcn/*", A, True),
        (f"{A}=ivo://gcn.nasa.gov/fermi/gbm", A, True),
        (f"{A}=ivo://gcn.nasa.gov/swift/*", A, False),
        (f"{B}=ivo://nasa.gsfc.gcn/*", "gcn://x", True),
        (f"gcn={A},{B}", B, True),
        (f"relays={A},gcn://x", A, True),
        (f"relays={A},{B}", A, False),
        (f"gcn={A};{B}", B, False),
        ("land=ivo://nasa.gsfc.gcn/fermi", "land", True),
        (f"kafka://{B}/T+U=ivo://nasa.gsfc.gcn/*", f"kafka://{B}/U", True),
        (f"kafka://{B}/T=ivo://nasa.gsfc.gcn/*", f"kafka://{B}/U", False),
        (f"kafka://{B}/^gcn[.].*=ivo://nasa.gsfc.gcn/*", f"kafka://{B}/gcn.x", True),
        (f"kafka://{B}/^gcn[.].*=ivo://nasa.gsfc.gcn/*", f"kafka://{B}/other", False),
    ],
)
def test_who_may_speak_for_a_publisher_of_gcn(setting, source, is_trusted):
    ((found, how),) = decided(setting, of(source, "fermi"))
    assert found == is_trusted
    assert how in (STREAMS, SETTING)


def test_a_host_that_streams_toml_names_may_have_any_port():
    carriers = [of(f"chimefrb.physics.mcgill.ca:{port}", "chime") for port in (8099, 9)]
    assert decided("", *carriers) == [(True, STREAMS)] * 2
    assert decided("", of("chimefrb.physics.mcgill.ca.evil:8099", "chime")) == [
        (False, STREAMS)
    ]


def test_files_of_the_operator_speak_for_all_and_win_nothing():
    carriers = (of("files"), of(A), of("files", "fermi"))
    assert decided("", *carriers) == [
        (True, OPERATOR),
        (True, FIRST_USE),
        (True, OPERATOR),
    ]


def test_addresses_of_one_source_share_what_it_has_won():
    assert decided(f"relays={A},{B};{C}", of(A), of(B), of(C)) == [
        (True, FIRST_USE),
        (True, FIRST_USE),
        (False, FIRST_USE),
    ]


def test_all_topics_of_a_broker_are_one_source():
    for broker in ("gcn:/", f"kafka://{A}"):
        carriers = of(f"{broker}/x"), of(f"{broker}/y"), of(B)
        assert decided("", *carriers) == [
            (True, FIRST_USE),
            (True, FIRST_USE),
            (False, FIRST_USE),
        ]
    assert decided("", of(f"kafka://{A}/x"), of(f"kafka://{B}/x"), of("gcn://x")) == [
        (True, FIRST_USE),
        (False, FIRST_USE),
        (False, FIRST_USE),
    ]


def test_a_topic_that_was_refused_when_its_broker_was_not_one_source_is_trusted():
    known = [
        Decision(PUBLISHER, f"kafka://{A}/{topic}", topic == "x", FIRST_USE)
        for topic in ("x", "y")
    ]
    (changed,) = Trust(PUBLISHERS, "", known).changed()
    assert changed == known[1]._replace(trusted=True)


def test_what_was_decided_before_remains():
    known = [Decision(PUBLISHER, B, True, FIRST_USE)]
    assert decided("", of(A), of(B), known=known) == [
        (False, FIRST_USE),
        (True, FIRST_USE),
    ]
    assert Trust(PUBLISHERS, "", known).changed() == []


def test_a_later_setting_changes_decisions_and_no_setting_keeps_them():
    first = Trust(PUBLISHERS, "")
    known = [first.decide(PUBLISHER, A), first.decide(PUBLISHER, B)]
    named = Trust(PUBLISHERS, f"{B}={PUBLISHER}", known)
    changed = named.changed()
    assert changed == [
        Decision(PUBLISHER, A, False, SETTING),
        Decision(PUBLISHER, B, True, SETTING),
    ]
    again = Trust(PUBLISHERS, "", changed).changed()
    assert all(one.trusted == (one.source == B) for one in again)


def test_the_last_row_of_a_publisher_and_source_is_valid():
    row = {"publisher": PUBLISHER, "source": A, "how": FIRST_USE}
    rows = [row | {"trusted": n == 1, "batch": n} for n in (1, 0)]
    assert latest(rows) == {(PUBLISHER, A): Decision(PUBLISHER, A, True, FIRST_USE)}


@pytest.mark.parametrize(
    ("transport", "source", "name"),
    [
        ("vtp", "VOEvent.example.org:8099", "voevent.example.org:8099"),
        ("kafka", "gcn/igwn.gwalert", "gcn://igwn.gwalert"),
        ("kafka", "k.org:9092/T", "kafka://k.org:9092/T"),
        ("stdin", "stdin", "land"),
        ("file", "/data/x.xml", "files"),
        ("parquet", "/data/landing/x.parquet", "parquet"),
    ],
)
def test_a_source_has_one_name(transport, source, name):
    assert source_of(transport, source) == name


SETTINGS = st.lists(
    st.sampled_from([A, B, "gcn://T", f"{A}=ivo://x/*", f"g={B},{C}"]), max_size=4
).map(";".join)
NAMES = st.sampled_from([PUBLISHER, "fermi", "ivo://nasa.gsfc.gcn/x", "ivo://x/y"])


@given(SETTINGS, NAMES, st.sampled_from([A, B, C, "gcn://T", "land", "parquet"]))
def test_the_line_to_add_makes_the_source_trusted_and_keeps_the_others(
    setting, publisher, source
):
    trust = Trust(PUBLISHERS, setting)
    owner = trust.decide(publisher, B)
    refused = trust.decide(publisher, source)
    line = trust.line_to_add(publisher, source)
    prefix, text, _ = line.split("'")
    assert prefix == "VOEVENT_SOURCES="
    assert {a for e in parse_entries(setting) for a in e.addresses} <= {
        a for e in parse_entries(text) for a in e.addresses
    }
    later = Trust(PUBLISHERS, text, [owner, refused])
    assert later.decide(publisher, source).trusted
    assert later.decide(publisher, B).trusted >= owner.trusted

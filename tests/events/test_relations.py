# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Related events by citations and shared names."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.events.relations import (
    LONGEST_US,
    MOST_EVENTS,
    EventLinks,
    burst_names,
    related,
)

BAT = EventLinks(
    "Swift-1", 0, frozenset({"ivo://nasa/SWIFT#BAT_1"}), names=frozenset({"GRB221009A"})
)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("GRB 221009A", "GRB221009A"),
        ("grb221009a", "GRB221009A"),
        ("GRB 221009.553", "GRB221009553"),
        ("EP240115a", "EP240115A"),
        ("S190425z", "S190425Z"),
        ("AT 2017gfo", "AT2017GFO"),
        ("IC 170922A", "IC170922A"),
        ("sb25120806", "SB25120806"),
        ("FRB 20180916B", "FRB20180916B"),
        ("GRB 221009", None),  # of which there may be several
        ("GRB", None),
        ("1", None),
        ("", None),
        ("GRB 221009A and others", None),
        ("GRB221009A" * 1000, None),
    ],
)
def test_the_names_of_bursts(value, name):
    expected = frozenset() if name is None else frozenset({name})
    assert burst_names([("event_name", value)]) == expected
    assert burst_names([("Comments", value)]) == frozenset()


def test_a_citation_relates_events_of_any_publishers_both_ways():
    lvk = EventLinks("S1", 5, cited=frozenset({"IVO://NASA/Swift#BAT_1", "", "x"}))
    assert related([BAT, lvk]) == {
        "Swift-1": frozenset({"S1"}),
        "S1": frozenset({"Swift-1"}),
    }
    other = EventLinks("S2", 5, cited=frozenset({"ivo://nasa/SWIFT#bat_1"}))
    assert related([BAT, other]) == {}


def test_a_shared_name_relates_events_hours_apart_but_not_years():
    hours = EventLinks("EP-1", 4 * 3600 * 10**6, names=frozenset({"GRB221009A"}))
    years = EventLinks("EP-2", LONGEST_US + 1, names=frozenset({"GRB221009A"}))
    no_time = EventLinks("EP-3", None, names=frozenset({"GRB221009A"}))
    found = related([BAT, hours, years, no_time])
    assert found["Swift-1"] == {"EP-1", "EP-3"}
    assert found["EP-2"] == {"EP-1", "EP-3"}


def test_a_name_of_many_events_names_no_burst():
    many = [
        EventLinks(f"{n}", 0, names=frozenset({"GRB221009A"}))
        for n in range(MOST_EVENTS + 1)
    ]
    assert related(many) == {}
    assert len(related(many[1:])) == MOST_EVENTS


LINKS = st.builds(
    EventLinks,
    st.sampled_from("abcdef"),
    st.none() | st.integers(-LONGEST_US, LONGEST_US),
    st.frozensets(st.sampled_from(["ivo://x#1", "ivo://X#1", "ivo://x#2"])),
    st.frozensets(st.sampled_from(["ivo://x#1", "ivo://x#2", "ivo://y#1"])),
    st.frozensets(st.sampled_from(["GRB221009A", "EP240115A"])),
)


@given(st.lists(LINKS, unique_by=lambda link: link.event_id), st.randoms())
def test_the_relation_is_symmetric_and_independent_of_the_order(links, rng):
    found = related(links)
    shuffled = list(links)
    random.Random(rng.random()).shuffle(shuffled)  # noqa: S311
    assert related(shuffled) == found
    for event, others in found.items():
        assert event not in others
        assert all(event in found[other] for other in others)
    for one in links:
        for other in links:
            if one != other and one.names & other.names:
                near = None in (one.time_us, other.time_us) or (
                    abs(one.time_us - other.time_us) <= LONGEST_US
                )
                if near:
                    assert other.event_id in found[one.event_id]

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Related events by citations and shared names."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fink_voevent.events import relations as relations_module
from fink_voevent.events.relations import (
    LONGEST_US,
    MOST_EVENTS,
    EventLinks,
    Relations,
)

BAT = EventLinks(
    "Swift-1", 0, frozenset({"ivo://nasa/SWIFT#BAT_1"}), names=frozenset({"GRB221009A"})
)
HOSTILE = EventLinks("evil", 0, publisher="ivo://evil/x", is_named=False)


def related(*events: EventLinks) -> dict[str, set[str]]:
    """Return the related events of each event that has any."""
    relations = Relations()
    relations.change([], events)
    found = {event.event_id: relations.of(event.event_id) for event in events}
    return {event: others for event, others in found.items() if others}


def test_a_citation_relates_events_of_any_publishers_both_ways():
    lvk = EventLinks("S1", 5, cited=frozenset({"IVO://NASA/Swift#BAT_1", "", "x"}))
    assert related(BAT, lvk) == {"Swift-1": {"S1"}, "S1": {"Swift-1"}}
    other = EventLinks("S2", 5, cited=frozenset({"ivo://nasa/SWIFT#bat_1"}))
    assert related(BAT, other) == {}


def test_a_shared_name_relates_events_hours_apart_but_not_years():
    hours = EventLinks("EP-1", 4 * 3600 * 10**6, names=frozenset({"GRB221009A"}))
    years = EventLinks("EP-2", LONGEST_US + 1, names=frozenset({"GRB221009A"}))
    no_time = EventLinks("EP-3", None, names=frozenset({"GRB221009A"}))
    found = related(BAT, hours, years, no_time)
    assert found["Swift-1"] == {"EP-1", "EP-3"}
    assert found["EP-2"] == {"EP-1", "EP-3"}


def test_a_name_of_many_events_names_no_burst():
    many = [
        EventLinks(f"{n}", 0, names=frozenset({"GRB221009A"}))
        for n in range(MOST_EVENTS + 1)
    ]
    assert related(*many) == {}
    assert len(related(*many[1:])) == MOST_EVENTS


def test_a_notice_that_many_events_cite_relates_none_of_them():
    many = [EventLinks(f"{n}", 0, cited=BAT.ivorns) for n in range(MOST_EVENTS + 1)]
    assert related(BAT, *many) == {}
    assert len(related(BAT, *many[1:])["Swift-1"]) == MOST_EVENTS


def test_what_a_publisher_of_first_use_says_is_listed_in_its_own_events_only():
    cites = replace(HOSTILE, cited=BAT.ivorns)
    named = replace(HOSTILE, names=BAT.names)
    for event in (cites, named):
        assert related(BAT, event) == {"evil": {"Swift-1"}}
    same = replace(BAT, publisher="ivo://evil/x", is_named=False)
    assert related(same, cites).keys() == {"evil", "Swift-1"}


def test_a_flood_of_such_events_changes_no_event_of_others():
    relations = Relations()
    swift = EventLinks("Swift-2", 0, cited=BAT.ivorns)
    relations.change([], [BAT, swift])
    for n in range(100):
        one = replace(
            HOSTILE,
            event_id=f"{n}",
            cited=BAT.ivorns,
            names=BAT.names,
            ivorns=BAT.cited,
        )
        touched = relations.change([], [one])
        assert len(touched) <= 2 * MOST_EVENTS + 3
    assert relations.of("Swift-1") == {"Swift-2"}
    assert relations.of("99") == set()


LINKS = st.builds(
    EventLinks,
    st.sampled_from("abcdefgh"),
    st.none() | st.integers(-LONGEST_US, LONGEST_US),
    st.frozensets(st.sampled_from(["ivo://x#1", "ivo://X#1", "ivo://x#2"])),
    st.frozensets(st.sampled_from(["ivo://x#1", "ivo://x#2", "ivo://y#1"])),
    st.frozensets(st.sampled_from(["GRB221009A", "EP240115A"])),
    st.sampled_from(["ivo://p", "ivo://q"]),
    st.booleans(),
)


def says(one: EventLinks, other: EventLinks) -> bool:
    """Whether an event says that it is related to another one."""
    cited = {ivorn.lower() for ivorn in one.cited}
    cites = not cited.isdisjoint(ivorn.lower() for ivorn in other.ivorns)
    return cites or (other.is_named and not one.names.isdisjoint(other.names))


def brute_force(links: list[EventLinks]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in links:
        for other in links:
            times = one.time_us, other.time_us
            is_near = None in times or abs(times[0] - times[1]) <= LONGEST_US
            is_believed = other.is_named or one.publisher == other.publisher
            shares = not one.names.isdisjoint(other.names)
            said = says(one, other) or (is_believed and (says(other, one) or shares))
            if one != other and is_near and said:
                found.setdefault(one.event_id, set()).add(other.event_id)
    return found


@settings(deadline=None)
@given(st.lists(LINKS, unique_by=lambda link: link.event_id), st.data())
def test_any_changes_lead_to_the_same_relations_and_all_that_change_are_returned(
    links, data
):
    relations, there = Relations(), {}
    for _ in range(3):
        before = {event: relations.of(event) for event in there}
        gone = data.draw(st.sets(st.sampled_from(links))) if links else set()
        come = data.draw(st.sets(st.sampled_from(links))) if links else set()
        removed = {link.event_id for link in gone | come}
        touched = relations.change(removed, come)
        there = {event: link for event, link in there.items() if event not in removed}
        there |= {link.event_id: link for link in come}
        now = {event: relations.of(event) for event in there}
        expected = brute_force(list(there.values()))
        assert now == {event: expected.get(event, set()) for event in there}
        changed = {e for e in {*before, *now} if before.get(e) != now.get(e)}
        assert changed <= touched


@settings(deadline=None)
@given(st.lists(LINKS, unique_by=lambda link: link.event_id), st.data())
def test_too_many_events_relate_none_in_any_order_of_changes(links, data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relations_module, "MOST_EVENTS", 2)
        relations = Relations()
        relations.change([], links)
        for link in data.draw(st.permutations(links)):
            before = {one.event_id: relations.of(one.event_id) for one in links}
            touched = relations.change([link.event_id], [])
            after = {one.event_id: relations.of(one.event_id) for one in links}
            changed = {event for event in before if before[event] != after[event]}
            assert changed <= touched
            touched = relations.change([], [link])
            assert before == {one.event_id: relations.of(one.event_id) for one in links}
            assert changed <= touched

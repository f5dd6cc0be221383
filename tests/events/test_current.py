# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The states of events on the driver are those that Spark finds with all notices."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from datetime import timedelta, timezone

import numpy as np
import pytest
from helpers import spark_versions
from helpers.made_up_sky import T0, event, frame, map_event, version
from helpers.reused_ivorns import without_reused
from helpers.sized_notices import Cells, current_events, facts, stored, table
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.events import area_cap, event_state
from fink_voevent.events.current import CurrentEvents
from fink_voevent.events.notice import Rules
from fink_voevent.events.notice_rows import NoticeRows
from fink_voevent.notices.normalisation import normalise
from fink_voevent.notices.trust import FIRST_USE, SETTING
from fink_voevent.sky.region_size import AREA_LEVELS
from fink_voevent.tables.times import DAY_US, TimeRange, microseconds

IVORN = "ivo://org.example/x#{}".format
URL = "https://example.org/{}.fits".format
PLAIN = Rules(("observation",))
# The cap is that of the settings; the level is one of which areas are known.
CAPPED = Rules(("observation", "test"), (1.5, 3.25), 2000.0, 0.9)
CASES = 120
Facts = dict[str, tuple]  # of events by name: see `sized_notices.facts`


SOURCES = ("a.example:8099", "b.example:8099")


@dataclass(frozen=True)
class Case:
    """Notices and maps, of which no other case has a name or a time.

    Some notices were sent by two sources, which may or may not be trusted.
    """

    notices: list[dict]
    maps: list[dict]
    copies: list[dict]
    trust: list[dict]

    def that_count(self, rules: Rules) -> list[dict]:
        """Return the notices that count, as a trusted source has sent them first."""
        trusted = {(t["publisher"], t["source"]) for t in self.trust if t["trusted"]}
        found = []
        for notice in self.notices:
            sent = [notice, *(c for c in self.copies if _is_same(c, notice))]
            sent = [
                one
                for one in sent
                if one["source"] is None
                or (notice["publisher"], one["source"]) in trusted
            ]
            if sent:
                first = min(sent, key=lambda o: (o["received_at"], o["source"] or ""))
                names = ("source", "received_at")
                found.append(notice | {name: first[name] for name in names})
        return without_reused(found, rules.tenses)


def _is_same(copy: dict, notice: dict) -> bool:
    return copy["notice_id"] == notice["notice_id"]


def random_notice(rng, case: int, number: int) -> dict:
    """Return a notice of one of a few events, near others in time, or citing one."""
    place = (rng.uniform(0, 4), rng.uniform(-2, 2), 10 ** rng.uniform(-0.5, 1.6))
    start = T0 + timedelta(days=case)
    issued = start + timedelta(hours=int(rng.integers(3)))
    landed = start + timedelta(minutes=int(rng.integers(4)))
    kinds, tenses = ["initial", "update", "retraction"], ["observation", "test"]
    chosen = {
        "event_id": f"{case:04d}-{rng.integers(5)}",
        "version": int(rng.integers(3)),
        "kind": str(rng.choice(kinds, p=[0.5, 0.3, 0.2])),
        "tense": str(rng.choice([*tenses, "utility"], p=[0.8, 0.1, 0.1])),
        "live": bool(rng.random() > 0.05),
        "issued": None if rng.random() < 0.3 else issued,
        "received_at": landed,
        "time": start + timedelta(seconds=int(rng.integers(8)) * 30),
        "time_source": str(rng.choice(["isotime", "tjd", "observation", "issued"])),
        "window_before": float(rng.integers(2)),
        "window_after": float(rng.uniform(0, 9)),
        "skymap_url": None,
        "skymap_sha256": None,
        "pixels": None,
        "publisher": f"publisher-{case:04d}-{rng.integers(2)}",
        "source": [None, *SOURCES][int(rng.choice(3, p=[0.3, 0.5, 0.2]))],
    }
    notice = event(number, *place, **chosen)
    if rng.random() < 0.1:
        notice |= {"time": None, "time_source": "none"}
    if rng.random() < 0.5:  # it names no event, and cites a notice, maybe in a circle
        notice["ivorn"] = f"ivo://{case:04d}#{rng.integers(5)}"
        notice["event_id"] = f"ivo://{case:04d}#{rng.integers(5)}"
    if rng.random() < 0.1:
        notice |= random_map(rng) | dict.fromkeys(("fisher", "ra", "dec"))
        notice["skymap_sha256"] = f"{number:064x}"
    elif rng.random() < 0.3:
        notice |= {"cells": None, "fisher": None, "ra": None, "dec": None}
    if rng.random() < 0.4:
        notice["skymap_url"] = URL(f"{case:04d}-{rng.integers(3)}")
    return notice


@functools.cache
def _map(seed: int) -> dict:
    row = map_event(0, seed, order=2)
    return {"cells": row["cells"], "pixels": row["pixels"]}


def random_map(rng) -> dict:
    """Return the cells and pixels of one of a few maps."""
    return _map(int(rng.integers(3)))


def random_case(case: int) -> Case:
    """Return notices, with maps for some of their addresses."""
    rng = np.random.default_rng(case)
    count = rng.integers(1, 12)
    notices = [random_notice(rng, case, 1000 * case + n) for n in range(count)]
    copies = [
        {
            "notice_id": notice["notice_id"],
            "publisher": notice["publisher"],
            "source": str(rng.choice(SOURCES)),
            "received_at": T0 + timedelta(days=case, minutes=int(rng.integers(4))),
        }
        for notice in notices
        if rng.random() < 0.4
    ]
    trust = [
        {"publisher": publisher, "source": source, "trusted": bool(rng.random() < 0.7)}
        for publisher in sorted({notice["publisher"] for notice in notices})
        for source in SOURCES
    ]
    maps = []
    for number in range(2):
        digest = f"{case:04d}{number:060d}"
        names = {"skymap_url": URL(f"{case:04d}-{number}"), "skymap_sha256": digest}
        maps.append(names | random_map(rng))
    return Case(notices, maps, copies, trust)


def by_spark(spark, folder, notices, maps, rules: Rules) -> tuple[Facts, list[dict]]:
    """Return the summary and the rows of `versions.latest`."""
    rows = frame(spark, folder / "events.parquet", "notices", notices)
    if maps:
        fetched = frame(spark, folder / "maps.parquet", "notices", maps)
        rows = spark_versions.with_maps(rows, fetched)
    latest = spark_versions.latest(rows, rules.tenses)
    if rules.window is not None:
        sides = zip(("window_before", "window_after"), rules.window, strict=True)
        latest = latest.withColumns({n: F.lit(float(days)) for n, days in sides})
    cap_deg2 = min(rules.cap_deg2, 41253.0)  # the largest of the settings
    latest = area_cap.with_cap(latest, cap_deg2, rules.credible_level).persist()
    found = spark_versions.summarise(latest)
    dropped = ("cells", "pixels", "cap_level", "region_id")
    kept = [row.asDict(recursive=True) for row in latest.drop(*dropped).collect()]
    latest.unpersist()
    return found, kept


@dataclass(frozen=True, repr=False)
class Expected:
    """Random cases, and what Spark finds with all of them at once."""

    rules: Rules
    cases: list[Case]
    states: Facts
    rows: list[dict]

    @property
    def notices(self) -> list[dict]:
        return [notice for case in self.cases for notice in case.notices]

    @property
    def that_count(self) -> list[dict]:
        found = (case.that_count(self.rules) for case in self.cases)
        return [notice for notices in found for notice in notices]

    @property
    def maps(self) -> list[dict]:
        return [row for case in self.cases for row in case.maps]

    @functools.cached_property
    def at_once(self) -> CurrentEvents:
        copies = [row for case in self.cases for row in case.copies]
        trust = [row for case in self.cases for row in case.trust]
        return added_at_once(self.notices, self.maps, self.rules, copies, trust)


@pytest.fixture(scope="module", params=[PLAIN, CAPPED], ids=["plain", "capped"])
def expected(request, spark, tmp_path_factory):
    cases = [random_case(case) for case in range(CASES)]
    given_rows = Expected(request.param, cases, {}, [])
    folder = tmp_path_factory.mktemp("cases")
    found = by_spark(
        spark, folder, given_rows.that_count, given_rows.maps, given_rows.rules
    )
    return Expected(request.param, cases, *found)


def all_facts(current: CurrentEvents) -> Facts:
    return {event: facts(state) for event, state in current.states.items()}


def added_at_once(notices, maps, rules, copies=(), trust=()) -> CurrentEvents:
    current = current_events(notices, maps, rules)
    add_rows(current, notices, maps, copies, trust)
    return current


def add_rows(current: CurrentEvents, notices=(), maps=(), copies=(), trust=(), batch=1):
    """Add rows of tables; return what they change."""
    return current.add(
        table(notices) if notices else None,
        table(maps, "maps") if maps else None,
        stored("copies", copies),
        stored("trust", [{"how": SETTING} | row | {"batch": batch} for row in trust]),
    )


def test_states_are_those_that_spark_finds(expected):
    current, states = expected.at_once, expected.states
    assert len(states) > 2 * CASES
    assert all_facts(current) == states
    assert current.matchable == sum(s[1] is not None for s in states.values())
    assert current.awaiting_map == sum(s[5] is not None for s in states.values())
    assert any(s[4] for s in states.values()) == (expected.rules is CAPPED)
    assert_same_rows(current, expected.rows)


def assert_same_rows(current: CurrentEvents, expected: list[dict]) -> None:
    """Check the rows of all events, but for the key of the region."""
    events = [row["event_id"] for row in expected]
    found = current.rows([current.states[e] for e in events]).to_pylist()
    for row, other in zip(found, expected, strict=True):
        assert row.pop("region_id") == current.states[row["event_id"]].region_id
        for name, value in other.items():
            if name in ("event_issued", "event_time", "notice_received_at") and value:
                other[name] = value.replace(tzinfo=timezone.utc)
        assert row == other


@settings(deadline=None)
@given(data=st.data())
def test_any_order_and_batches_lead_to_the_same_states(expected, data):
    """Each step returns what it changes."""
    number = data.draw(st.integers(0, CASES - 1))
    case = expected.cases[number]
    other = expected.cases[number - 1]  # events of other times and names in between
    notices = [*case.notices, *other.notices]
    maps, trust = [*case.maps, *other.maps], [*case.trust, *other.trust]
    rows = data.draw(
        st.permutations([*notices, *maps, *case.copies, *other.copies, *trust])
    )
    current = current_events(notices, maps, expected.rules)
    if data.draw(st.booleans()):  # the operator says otherwise later
        earlier = [row | {"trusted": not row["trusted"]} for row in trust]
        add_rows(current, trust=earlier, batch=0)
    add_in_batches(current, rows, data)
    prefixes = [f"{n % CASES:04d}" for n in (number, number - 1)]
    wanted = {
        event: state
        for event, state in expected.states.items()
        if event.removeprefix("ivo://")[:4] in prefixes
    }
    assert all_facts(current) == wanted


def add_in_batches(current: CurrentEvents, rows: list[dict], data) -> None:
    """Add rows of all tables in some batches, each of which returns what it changes."""
    seen: dict = {}
    while rows:
        size = data.draw(st.integers(1, len(rows)))
        batch, rows = rows[:size], rows[size:]
        change = add_rows(
            current,
            [row for row in batch if "ivorn" in row],
            [row for row in batch if "cells" in row and "ivorn" not in row],
            [row for row in batch if "notice_id" in row and "ivorn" not in row],
            [row for row in batch if "trusted" in row],
        )
        assert change.before.items() <= seen.items()
        assert change.before.keys() == seen.keys() & (
            change.before.keys() | change.after.keys()
        )
        assert all(seen.get(e) != state for e, state in change.after.items())
        seen |= change.after
        for name in change.renamed:
            del seen[name]
        assert seen == current.states


def with_links(case: Case, seed: int) -> Case:
    """Return a case whose notices cite others and have names, some of first use."""
    rng = np.random.default_rng(seed)
    ivorns = [notice["ivorn"] for notice in case.notices]
    names = [f"GRB{seed:06d}{letter}" for letter in "AB"]
    notices = [
        notice
        | {
            "cites": [{"ivorn": str(rng.choice(ivorns)), "cite": "followup"}]
            if rng.random() < 0.4
            else [],
            "names": [str(rng.choice(names))] if rng.random() < 0.4 else None,
        }
        for notice in case.notices
    ]
    hows = [SETTING, FIRST_USE]
    trust = [one | {"how": str(rng.choice(hows))} for one in case.trust]
    return replace(case, notices=notices, trust=trust)


def brute_force(current: CurrentEvents, notices: list[dict]) -> set[tuple[str, str]]:
    """Return the pairs of valid events of which one cites the other, both ways."""
    valid = {event for event, state in current.states.items() if state.is_valid}
    counting = {i for event in valid for i in current.notice_ids(event)}
    event_of = {i: event for event in valid for i in current.notice_ids(event)}
    rows = [notice for notice in notices if notice["notice_id"] in counting]
    cites = {
        (event_of[one["notice_id"]], event_of[other["notice_id"]])
        for one in rows
        for other in rows
        if any(cited["ivorn"] == other["ivorn"] for cited in one["cites"])
    }
    return {pair for pair in cites if pair[0] != pair[1]}


@settings(max_examples=25, deadline=None)
@given(number=st.integers(0, CASES - 1), data=st.data())
def test_any_order_and_batches_lead_to_the_same_related_events(number, data):
    case = with_links(random_case(number), number)
    others = random_case(number + 1)
    notices, maps = [*case.notices, *others.notices], [*case.maps, *others.maps]
    copies, trust = [*case.copies, *others.copies], [*case.trust, *others.trust]
    at_once = current_events(notices, maps)
    add_rows(at_once, notices, maps, copies, trust)
    rows = data.draw(st.permutations([*notices, *maps, *copies, *trust]))
    current = current_events(notices, maps)
    if data.draw(st.booleans()):
        add_rows(current, trust=[t | {"how": SETTING} for t in trust], batch=0)
    add_in_batches(current, rows, data)
    assert all_facts(current) == all_facts(at_once)
    cites = brute_force(current, [n | {"cites": n.get("cites") or []} for n in notices])
    for one, other in cites:
        assert other in current.states[one].related_event_ids


@settings(deadline=None)
@given(first=st.integers(0, CASES * 24), hours=st.integers(0, 24 * CASES))
def test_events_within_a_range_of_time_are_found(expected, first, hours):
    current = expected.at_once
    start = microseconds(T0) + (first - 24) * DAY_US // 24
    span = TimeRange(start, start + hours * DAY_US // 24)
    assert current.within(span) == event_state.within(current.states, span)


def test_states_of_real_notices_are_those_that_spark_finds(
    spark, tmp_path, real, registry
):
    paths = [*sorted((real / "voevents").iterdir()), *(real / "lvk").glob("*.json")]
    rows = [normalise(path.read_bytes(), registry) for path in paths]
    for number, row in enumerate(rows):
        row["received_at"] = T0 + timedelta(seconds=number)
        row["cites"] = row["names"] = None  # the oracle knows places and times only
    rules = Rules(("observation", "test"), None, 300.0, 0.95)
    states, kept = by_spark(spark, tmp_path, rows, [], rules)
    assert len(states) > 300
    assert all_facts(added_at_once(rows, [], rules)) == states
    one_by_one = current_events(rows, [], rules)
    for start in range(0, len(rows), 7):
        one_by_one.add(table(rows[::-1][start : start + 7]))
    assert all_facts(one_by_one) == states
    assert_same_rows(one_by_one, kept)


def notices_of_chain() -> list[dict]:
    """Return notices that each cite only the last, the first of them first."""
    return [
        version(n, version=n, ivorn=IVORN(n), time=T0 + timedelta(minutes=2 * n))
        | {"event_id": IVORN(max(1, n - 1))}
        for n in range(1, 6)
    ]


def test_a_late_notice_that_closes_a_chain_renames_its_event():
    chain = notices_of_chain()
    current = current_events(chain)
    current.add(table(chain[:2]))
    late = current.add(table(chain[3:]))
    assert sorted(current.states) == [IVORN(1), IVORN(3)]
    assert (late.changed, late.renamed, late.not_new) == ([IVORN(3)], [], [])
    closing = current.add(table(chain[2:3]))
    assert (closing.changed, closing.renamed) == ([IVORN(1)], [IVORN(3)])
    assert closing.not_new == [IVORN(1), IVORN(3)]
    assert closing.before[IVORN(3)].notice_id == "notice-0005"
    assert current.states[IVORN(1)].notice_id == "notice-0005"
    (row,) = current.rows([closing.before[IVORN(3)]]).to_pylist()
    assert (row["event_id"], row["notice_id"]) == (IVORN(3), "notice-0005")


def test_a_notice_that_was_added_before_changes_nothing():
    chain = notices_of_chain()
    current = current_events(chain)
    current.add(table(chain))
    change = current.add(table(chain[::-1] + chain))
    assert (change.changed, change.renamed) == ([], [])


def test_a_retraction_that_is_a_test_changes_nothing():
    test = version(2, version=2, kind="retraction", tense="test")
    current = current_events([version(1), test])
    current.add(table([version(1)]))
    assert current.add(table([test])).changed == []


def test_a_new_event_of_the_same_time_changes_the_other():
    near, first = event(7, 12.0, 20.0, 0.05, time=T0), event(8, 10, 20, 5.0, time=T0)
    retraction = near | {"notice_id": "r", "version": 2, "kind": "retraction"}
    current = current_events([near, first, retraction])
    current.add(table([first]))
    assert current.add(table([near])).changed == ["event-7", "event-8"]
    assert current.states["event-8"].related_event_ids == ("event-7",)
    change = current.add(table([retraction]))
    assert change.changed == change.not_new == ["event-7", "event-8"]
    assert current.states["event-8"].related_event_ids == ()
    assert current.states["event-7"].related_event_ids is None


def linked(number: int, minutes: float = 0, **changes) -> dict:
    """Return a notice of an event of its own, far away from that of the others."""
    time = T0 + timedelta(minutes=minutes)
    return event(number, 40.0 * number, 0.0, 0.5, time=time, **changes)


def related_of(current: CurrentEvents) -> dict[str, tuple[str, ...] | None]:
    return {event: s.related_event_ids for event, s in current.states.items()}


def test_a_citation_relates_events_of_any_place_and_of_some_days():
    cites = [{"ivorn": IVORN(1), "cite": "followup"}]
    first, citing = linked(1), linked(2, 600, cites=cites)
    alone = linked(3, 600)
    retraction = citing | {"notice_id": "r", "version": 2, "kind": "retraction"}
    current = current_events([first, citing, alone, retraction])
    current.add(table([citing, alone]))
    assert current.add(table([first])).changed == ["event-1", "event-2"]
    expected = {"event-1": ("event-2",), "event-2": ("event-1",), "event-3": ()}
    assert related_of(current) == expected
    assert current.add(table([retraction])).changed == ["event-1", "event-2"]
    expected = {"event-1": (), "event-2": None, "event-3": ()}
    assert related_of(current) == expected


def test_events_of_one_name_are_related_beside_those_of_the_same_place():
    name = {"names": ["GRB240115A"]}
    rows = [linked(1, **name), linked(2, 90, **name), linked(3), linked(4, 10)]
    overlapping = event(5, 40.0, 0.3, 0.5, time=rows[0]["time"])
    rows.append(overlapping)
    expected = {
        **dict.fromkeys(("event-3", "event-4"), ()),
        "event-1": ("event-2", "event-5"),
        "event-2": ("event-1",),
        "event-5": ("event-1",),
    }
    for order in (rows, rows[::-1]):
        current = current_events(rows)
        for row in order:
            current.add(table([row]))
        assert related_of(current) == expected
        renamed = rows[1] | {"notice_id": "n", "version": 2, "names": None}
        assert current.add(table([renamed])).changed == ["event-2"]  # it had the name
        assert related_of(current) == expected


def test_cells_are_read_once_and_only_of_events_that_may_overlap():
    rows = [
        event(1, 10.0, 20.0, 5.0, time=T0),
        event(2, 190.0, -20.0, 5.0, time=T0),  # elsewhere
        event(3, 10.0, 20.0, 5.0, time=T0 + timedelta(seconds=61)),
        event(4, 12.0, 20.0, 1.0, time=T0 - timedelta(seconds=60)),
        event(5, 12.0, 20.0, 1.0, time=T0 + timedelta(seconds=1)),
    ]
    cells = Cells(rows)
    current = CurrentEvents(PLAIN, cells)
    current.add(table(rows[:3]))
    assert cells.was_read == []
    current.add(table(rows[3:4]))
    assert cells.was_read == ["region of notice-0001", "region of notice-0004"]
    current.add(table(rows[4:]))
    assert cells.was_read[2:] == ["region of notice-0003", "region of notice-0005"]
    related = {event: s.related_event_ids for event, s in current.states.items()}
    assert related == {
        "event-1": ("event-4", "event-5"),
        "event-2": (),
        "event-3": ("event-5",),
        "event-4": ("event-1",),
        "event-5": ("event-1", "event-3"),
    }


def test_a_map_that_is_fetched_later_places_the_event():
    without = version(1, cells=None, fisher=None, skymap_url=URL(1))
    row = map_event(1, 1) | {"skymap_url": URL(1), "skymap_sha256": "ab"}
    del row["notice_id"]
    current = current_events([without, row])
    current.add(table([without]))
    state = current.states["one"]
    assert (state.awaits_map, state.sky) == (True, event_state.WHOLE_SKY)
    assert list(current.within(state.window)) == ["one"]
    change = current.add_maps(table([row], "maps"))
    assert change.before == {"one": state}
    placed = change.after["one"]
    assert (placed.is_matchable, placed.region_id) == (True, f"region of {URL(1)}")
    assert placed.region.map_id == "notice-0001/ab"
    assert (current.matchable, current.awaiting_map) == (1, 0)


def test_a_neutrino_makes_no_region_of_a_wave_that_awaits_its_map():
    neutrino = version(1, messenger="neutrino")
    wave = version(2, version=2, messenger="gw", cells=None, fisher=None)
    wave["skymap_url"] = URL(1)
    row = map_event(1, 1) | {"skymap_url": URL(1), "skymap_sha256": "ab"}
    del row["notice_id"]
    current = current_events([neutrino, wave, row])
    current.add(table([neutrino]))
    assert current.states["one"].region_id == "region of notice-0001"
    current.add(table([wave]))
    assert current.states["one"].awaits_map
    current.add_maps(table([row], "maps"))
    assert current.states["one"].region_id == f"region of {URL(1)}"
    alone = current_events([neutrino, wave | {"skymap_url": None}])
    alone.add(table([neutrino, wave | {"skymap_url": None}]))
    assert alone.states["one"].region_id == "region of notice-0001"


@pytest.mark.parametrize("level", [0.3, 0.5, 0.8, 0.95, 0.99])
@pytest.mark.parametrize("cap_deg2", [10.0, 300.0, 3000.0, 41253.0])
def test_no_map_that_the_cap_cuts_is_missed(level, cap_deg2):
    """At the levels of which areas are known, no other map counts as capped."""
    part = cap_deg2 / area_cap.SKY_DEG2
    for seed in range(3):
        row = map_event(1, seed, order=3)
        current = added_at_once(
            [row], [], Rules(("observation",), None, cap_deg2, level)
        )
        pixels = sorted((p["level"], p["hi"] - p["lo"]) for p in row["pixels"])
        area = np.cumsum([size for _, size in pixels])
        reached = np.flatnonzero(area >= round(part * (12 << 58)))
        is_cut = len(reached) > 0 and pixels[reached[0]][0] < level
        is_capped = current.states["event-1"].is_capped
        assert is_capped >= is_cut
        if level in AREA_LEVELS:
            assert is_capped == is_cut


def test_the_finest_order_is_chosen_at_which_the_regions_are_not_too_many_rows():
    current = current_events([version(1)])
    current.add(table([version(1)]))
    (state,) = current.states.values()
    for rows, expected in [((1, 1, 1, 1), 6), ((300_001, 9, 9, 9), 5)]:
        region = state.region._replace(rows=rows)
        assert event_state.order({"one": replace(state, region=region)}) == expected
    assert event_state.order({}) == 6
    assert event_state.order(current.states, 4) == 4


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), max_size=12), st.data())
def test_rows_are_taken_by_their_number(sizes, data):
    whole = table([version(n) for n in range(sum(sizes))])
    kept, start = NoticeRows(whole.select(["notice_id", "fisher"]).schema), 0
    for size in sizes:
        kept.append(whole.slice(start, size))
        start += size
    assert len(kept) == start
    some = st.lists(st.integers(0, start - 1), max_size=20) if start else st.just([])
    numbers = data.draw(some)
    taken = kept.take(numbers).to_pylist()
    assert taken == [
        {"notice_id": f"notice-{n:04d}", "fisher": version(n)["fisher"]}
        for n in numbers
    ]


HONEST, OTHER = "honest.example:8099", "other.example:8099"
STREAM = "ivo://honest.obs/stream"


def sent(number: int, source: str = HONEST, **changes) -> dict:
    """Return a notice of the event "one" of a publisher, as a source has sent it."""
    row = version(number, version=number, publisher=STREAM, source=source)
    return row | changes


def decided(trusted: bool, source: str = HONEST, publisher: str = STREAM) -> dict:  # noqa: FBT001
    return {"publisher": publisher, "source": source, "trusted": trusted}


def copy_of(notice: dict, source: str, minutes: int = 60) -> dict:
    """Return a row of copies: the same notice from another source."""
    names = ("notice_id", "publisher")
    moment = T0 + timedelta(minutes=minutes)
    return {n: notice[n] for n in names} | {"source": source, "received_at": moment}


def test_a_notice_of_a_source_that_is_not_trusted_changes_nothing():
    first = sent(1)
    forged = [
        sent(2, OTHER, kind="retraction"),
        sent(3, OTHER, kind="update"),
        sent(4, OTHER, event_id="another"),
    ]
    current = current_events([first, *forged])
    add_rows(current, [first], trust=[decided(True), decided(False, OTHER)])
    before = dict(current.states)
    change = add_rows(current, forged)
    assert (change.changed, change.renamed, current.states) == ([], [], before)


def test_a_source_of_first_use_changes_no_event_of_others_by_citing_it():
    """It is listed in the events of the others once a setting names the source."""
    cites = [{"ivorn": IVORN(1), "cite": "supersedes"}]
    first = linked(1, names=["GRB240115A"])
    hostile = linked(
        2, cites=cites, names=["GRB240115A"], publisher=STREAM, source=OTHER
    )
    current = current_events([first, hostile])
    current.add(table([first]))
    change = add_rows(
        current, [hostile], trust=[decided(True, OTHER) | {"how": FIRST_USE}]
    )
    assert change.changed == ["event-2"]
    assert related_of(current) == {"event-1": (), "event-2": ("event-1",)}
    change = add_rows(current, trust=[decided(True, OTHER) | {"how": SETTING}], batch=2)
    assert change.changed == ["event-1", "event-2"]
    assert related_of(current)["event-1"] == ("event-2",)


def test_a_source_of_first_use_changes_no_event_of_others_at_its_time_and_place():
    time = T0 + timedelta(minutes=1)
    first = event(1, 40.0, 0.0, 0.5, time=time)
    hostile = event(2, 40.1, 0.0, 0.5, time=time, publisher=STREAM, source=OTHER)
    retraction = first | {"notice_id": "r", "version": 2, "kind": "retraction"}
    current = current_events([first, hostile, retraction])
    current.add(table([first]))
    trust = [decided(True, OTHER) | {"how": FIRST_USE}]
    assert add_rows(current, [hostile], trust=trust).changed == ["event-2"]
    assert related_of(current) == {"event-1": (), "event-2": ("event-1",)}
    assert current.add(table([retraction])).changed == ["event-1", "event-2"]
    assert related_of(current) == {"event-1": None, "event-2": ()}


def test_a_source_without_a_decision_is_not_trusted():
    current = current_events([sent(1)])
    assert add_rows(current, [sent(1)]).changed == []
    assert add_rows(current, trust=[decided(True)]).changed == ["one"]


def test_a_copy_that_is_not_trusted_and_lands_first_does_not_hide_the_trusted_one():
    early = sent(1, OTHER)
    current = current_events([early])
    trust = [decided(True), decided(False, OTHER)]
    assert add_rows(current, [early], trust=trust).changed == []
    change = add_rows(current, copies=[copy_of(early, HONEST)])
    assert change.changed == ["one"]
    (row,) = current.rows([current.states["one"]]).to_pylist()
    assert (row["notice_source"], row["notice_id"]) == (HONEST, early["notice_id"])
    assert row["notice_received_at"] == T0 + timedelta(minutes=60)


def test_the_same_notice_of_two_trusted_sources_changes_nothing():
    first = sent(1)
    current = current_events([first])
    add_rows(current, [first], trust=[decided(True), decided(True, OTHER)])
    change = add_rows(current, copies=[copy_of(first, OTHER)])
    assert (change.before, change.after) == ({}, {})


def test_what_the_operator_says_later_applies_to_notices_of_before():
    """The hostile source was first; then the owner is named."""
    genuine, forged = sent(1, OTHER), sent(2, OTHER, kind="retraction")
    current = current_events([genuine, forged])
    add_rows(
        current,
        [genuine, forged],
        copies=[copy_of(genuine, HONEST)],
        trust=[decided(False), decided(True, OTHER)],
    )
    assert current.states["one"].kind == "retraction"
    trust = [decided(True), decided(False, OTHER)]
    change = add_rows(current, trust=trust, batch=2)
    assert change.not_new == ["one"]
    assert current.states["one"].notice_id == genuine["notice_id"]
    assert current.states["one"].notice.source == HONEST


def test_an_event_of_which_no_notice_counts_any_more_ends():
    current = current_events([sent(1)])
    add_rows(current, [sent(1)], trust=[decided(True)])
    change = add_rows(current, trust=[decided(False)], batch=2)
    assert (change.renamed, change.after, dict(current.states)) == (["one"], {}, {})
    assert (current.matchable, current.awaiting_map) == (0, 0)
    assert add_rows(current, trust=[decided(True)], batch=3).changed == ["one"]


def test_a_citation_that_no_longer_counts_gives_events_their_names_back():
    first, second = (
        sent(n, source, ivorn=IVORN(n), event_id=IVORN(n), time=T0)
        for n, source in ((1, HONEST), (2, HONEST))
    )
    merging = sent(3, OTHER, ivorn=IVORN(3), event_id=IVORN(1))
    citing = sent(4, HONEST, ivorn=IVORN(4), event_id=IVORN(3))
    rows = [first, second, merging, citing]
    current = current_events(rows)
    add_rows(current, rows, trust=[decided(True), decided(True, OTHER)])
    assert sorted(current.states) == [IVORN(1), IVORN(2)]
    assert current.states[IVORN(1)].notice_id == citing["notice_id"]
    add_rows(current, trust=[decided(False, OTHER)], batch=2)
    assert sorted(current.states) == [IVORN(1), IVORN(2), IVORN(3)]
    assert current.states[IVORN(3)].notice_id == citing["notice_id"]


@given(st.permutations([0, 1, 2, 3]))
def test_an_ivorn_that_is_used_again_moves_no_event(order):
    rows = [
        sent(1, ivorn=IVORN(1), event_id=IVORN(1)),
        sent(2, ivorn=IVORN(2), event_id=IVORN(2)),
        sent(3, ivorn=IVORN(2), event_id=IVORN(1)),  # would merge both
        sent(4, ivorn=IVORN(2), event_id=IVORN(2)),  # another rendition
    ]
    current = current_events(rows)
    add_rows(current, trust=[decided(True)])
    for number in order:
        add_rows(current, [rows[number]])
    current_ids = {event: s.notice_id for event, s in current.states.items()}
    expected = {IVORN(1): "notice-0001", IVORN(2): "notice-0004"}
    assert current_ids == expected


def test_a_notice_without_a_source_counts():
    """It is of an earlier version, or of a file that was given to a command."""
    current = current_events([version(1)])
    assert add_rows(current, [version(1)]).changed == ["one"]
    copies = [copy_of(version(1, publisher=STREAM), OTHER)]
    assert add_rows(current, copies=copies).changed == []

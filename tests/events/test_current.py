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
from helpers.sized_notices import Cells, current_events, facts, table
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.events import area_cap, event_state
from fink_voevent.events.current import CurrentEvents
from fink_voevent.events.notice import Rules
from fink_voevent.events.notice_rows import NoticeRows
from fink_voevent.notices.normalisation import normalise
from fink_voevent.sky.region_size import AREA_LEVELS
from fink_voevent.tables.times import DAY_US, TimeRange, microseconds

IVORN = "ivo://org.example/x#{}".format
URL = "https://example.org/{}.fits".format
PLAIN = Rules(("observation",))
# The cap is that of the settings; the level is one of which areas are known.
CAPPED = Rules(("observation", "test"), (1.5, 3.25), 2000.0, 0.9)
CASES = 120
Facts = dict[str, tuple]  # of events by name: see `sized_notices.facts`


@dataclass(frozen=True)
class Case:
    """Notices and maps, of which no other case has a name or a time."""

    notices: list[dict]
    maps: list[dict]


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
    maps = []
    for number in range(2):
        digest = f"{case:04d}{number:060d}"
        names = {"skymap_url": URL(f"{case:04d}-{number}"), "skymap_sha256": digest}
        maps.append(names | random_map(rng))
    return Case(notices, maps)


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
    def maps(self) -> list[dict]:
        return [row for case in self.cases for row in case.maps]

    @functools.cached_property
    def at_once(self) -> CurrentEvents:
        return added_at_once(self.notices, self.maps, self.rules)


@pytest.fixture(scope="module", params=[PLAIN, CAPPED], ids=["plain", "capped"])
def expected(request, spark, tmp_path_factory):
    cases = [random_case(case) for case in range(CASES)]
    given_rows = Expected(request.param, cases, {}, [])
    folder = tmp_path_factory.mktemp("cases")
    found = by_spark(
        spark, folder, given_rows.notices, given_rows.maps, given_rows.rules
    )
    return Expected(request.param, cases, *found)


def all_facts(current: CurrentEvents) -> Facts:
    return {event: facts(state) for event, state in current.states.items()}


def added_at_once(notices, maps, rules) -> CurrentEvents:
    current = current_events(notices, maps, rules)
    current.add(table(notices), table(maps, "maps") if maps else None)
    return current


def test_states_are_those_that_spark_finds(expected):
    current, states = expected.at_once, expected.states
    assert len(states) > 3 * CASES
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
    rows = data.draw(
        st.permutations([*case.notices, *case.maps, *other.notices, *other.maps])
    )
    current = current_events(rows, (), expected.rules)
    seen: dict = {}
    while rows:
        size = data.draw(st.integers(1, len(rows)))
        batch, rows = rows[:size], rows[size:]
        notices = [row for row in batch if "notice_id" in row]
        maps = [row for row in batch if "notice_id" not in row]
        if notices:
            change = current.add(table(notices), table(maps, "maps") if maps else None)
        else:
            change = current.add_maps(table(maps, "maps"))
        assert change.before.items() <= seen.items()
        assert change.before.keys() == seen.keys() & (
            change.before.keys() | change.after.keys()
        )
        assert all(seen.get(e) != state for e, state in change.after.items())
        seen |= change.after
        for name in change.renamed:
            del seen[name]
        assert seen == current.states
    prefixes = [f"{n % CASES:04d}" for n in (number, number - 1)]
    wanted = {
        event: state
        for event, state in expected.states.items()
        if event.removeprefix("ivo://")[:4] in prefixes
    }
    assert all_facts(current) == wanted


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

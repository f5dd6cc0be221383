# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What an operator sees of publishers and their sources."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from click.testing import CliRunner
from helpers.delta_tables import commit

from fink_voevent.cli import main
from fink_voevent.ops import publishers
from fink_voevent.ops.status import Observer
from fink_voevent.publish.sources import notice_ivorns
from fink_voevent.store.delta import Tables

NOW = datetime.now(timezone.utc)
OWNER, OTHER = "owner.example:8099", "other.example:8099"
STREAM = "ivo://honest.obs/stream"
FACTS = {"documents": 0, "events": 0, "quarantine": 0}


def notice(number: int, source: str, minutes_ago: float) -> dict:
    return {
        "notice_id": f"n{number}",
        "ivorn": f"{STREAM}#{number}",
        "event_id": "one",
        "kind": "initial",
        "version": number,
        "publisher": STREAM,
        "source": source,
        "received_at": NOW - timedelta(minutes=minutes_ago),
    }


def decision(source: str, trusted: bool) -> dict:  # noqa: FBT001
    row = {"publisher": STREAM, "source": source, "trusted": trusted}
    return row | {"how": "first use", "since": NOW, "ivorn": STREAM}


DECISIONS = [decision(OWNER, True), decision(OTHER, False)]


def problems(root: str, *sent: dict, copies=()) -> list[str]:
    commit(root, "ingest", FACTS, events=sent, copies=copies, trust=DECISIONS)
    return publishers.problems(Tables(root), NOW)


def test_a_silent_owner_whose_publisher_another_source_carries_is_degraded(tmp_path):
    root = str(tmp_path / "voevent")
    (line,) = problems(root, notice(1, OWNER, 90), notice(2, OTHER, 30))
    assert line.startswith(f"degraded: {OTHER} has sent notices of {STREAM}")
    assert f"its own source {OWNER} is silent since" in line
    assert Observer(root).status().problems == (line,)


@pytest.mark.parametrize(
    "sent",
    [
        [notice(1, OWNER, 90), notice(2, OTHER, 5)],  # the owner may be slower
        [notice(1, OWNER, 20), notice(2, OTHER, 30)],  # it was heard since
        [notice(1, OWNER, 9000), notice(2, OTHER, 3000)],  # long ago
        [notice(1, OWNER, 9000)],
    ],
)
def test_an_owner_that_is_not_silent_is_no_problem(tmp_path, sent):
    assert problems(str(tmp_path), *sent) == []


def test_a_copy_of_the_owner_is_a_sign_of_it(tmp_path):
    copy = notice(2, OWNER, 25)
    assert problems(str(tmp_path), notice(2, OTHER, 30), copies=[copy]) == []


def test_a_publisher_of_which_no_source_may_speak_is_degraded(tmp_path):
    (line,) = problems(str(tmp_path), notice(2, OTHER, 30))
    assert "no source that may speak for it has sent any" in line


def test_publishers_are_listed_by_source_with_the_line_to_add(tmp_path):
    root = str(tmp_path / "voevent")
    problems(root, notice(1, OWNER, 90), notice(2, OTHER, 30), notice(3, OTHER, 20))
    arguments = ["sources", "--data-prefix", str(tmp_path), "--source", OWNER]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    first, refused, line, owner = done.output.splitlines()[-4:]
    assert first == STREAM
    assert refused.startswith(
        f"  {OTHER}: NOT trusted, and changes nothing (first use);"
    )
    assert "2 notices" in refused
    setting = f"VOEVENT_SOURCES='{OWNER}={STREAM},{OTHER}={STREAM}'"
    assert line == f"    if it may speak for it, set {setting}"
    assert owner.startswith(f"  {OWNER}: trusted (first use); 1 notices, the last at")


def test_without_tables_there_is_nothing_to_list(tmp_path):
    arguments = ["sources", "--data-prefix", str(tmp_path)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert "nothing has ever run here" in done.output


def test_notices_that_do_not_count_are_not_cited_by_us(tmp_path, settings):
    copies = [notice(3, OWNER, 10)]
    sent = [notice(1, OWNER, 90), notice(2, OTHER, 30), notice(3, OTHER, 20)]
    unknown = notice(4, OWNER, 9) | {"source": None, "publisher": None}
    problems(settings.root, *sent, unknown, copies=copies)
    ivorns = notice_ivorns(settings, ["one"])["one"]
    assert ivorns == [f"{STREAM}#{n}" for n in (1, 3, 4)]


def test_topics_of_one_broker_are_listed_as_one(tmp_path):
    topics = ["gcn://a", "gcn://b", "gcn://c"]
    sent = [notice(n, topic, 10 * n) for n, topic in enumerate([*topics, OTHER])]
    decided = [decision(topic, True) for topic in topics] + [decision(OTHER, False)]
    commit(str(tmp_path), "ingest", FACTS, events=sent, trust=decided)
    found = publishers.carriers(Tables(str(tmp_path)))
    lines = [one.line(topics) for one, topics in publishers.by_broker(found)]
    assert lines[0].startswith("  gcn (3 topics): trusted (first use); 3 notices, the")
    assert lines[1].startswith(f"  {OTHER}: NOT trusted")
    assert len(lines) == 2

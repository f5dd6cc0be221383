# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Follow-ups go to the topics on which their pair is reported, and to no others."""

from __future__ import annotations

import pytest

from fink_voevent.route import packet_table, topics

PAIR = (
    "event_id:string, survey:string, alert_id:bigint, status:string, tense:string,"
    " batch:bigint"
)
PACKETS = f"{packet_table.PAIR} struct<{PAIR}>"
ROUTED = (
    "event_id string, survey string, alert_id bigint, batch bigint, status string,"
    " topics array<string>"
)
NOW = 10  # batch of the new packets


def packet(
    alert: int,
    status: str,
    passes: list[str],
    tense: str = "observation",
    batch: int = NOW,
):
    return ({"event_id": "E", "survey": "ztf", "alert_id": alert, "status": status,
             "tense": tense, "batch": batch}, passes)  # fmt: skip


def earlier(alert: int, topics: list[str], status: str = "new", batch: int = 1):
    """Row of the table routed, from an earlier batch."""
    return ("E", "ztf", alert, batch, status, topics)


@pytest.fixture
def assign(spark):
    """Return the topics of each alert: of its last packet, or of that in a batch."""

    def assign(packets, routed, batch: int | None = None):
        rows = spark.createDataFrame(packets, f"{PACKETS}, _topics array<string>")
        before = spark.createDataFrame(routed, ROUTED)
        assigned = topics.assign_topics(rows, before).collect()
        pairs = [(row[packet_table.PAIR], row["_topics"]) for row in assigned]
        found = sorted((pair.batch, pair.alert_id, names) for pair, names in pairs)
        return {alert: names for b, alert, names in found if batch in (None, b)}

    return assign


@pytest.mark.parametrize("status", sorted(topics.FOLLOW_UPS))
def test_a_follow_up_goes_to_the_topics_of_its_pair(assign, status):
    routed = [earlier(1, ["silver", "bronze"]), earlier(2, ["bronze"])]
    packets = [packet(1, status, ["bronze"]), packet(2, status, ["bronze"])]
    assert assign(packets, routed) == {1: ["bronze", "silver"], 2: ["bronze"]}


def test_a_follow_up_of_a_pair_that_was_not_sent_goes_nowhere(assign):
    routed = [earlier(1, ["silver"]), ("other", "ztf", 2, 1, "new", ["silver"])]
    packets = [packet(1, "new", ["bronze"]), packet(2, "withdrawn", [])]
    assert assign(packets, routed) == {1: ["bronze"]}


def test_a_follow_up_in_the_batch_of_its_pair_goes_to_its_topics(assign):
    first = assign([packet(1, "new", ["silver"])], [])
    assert first == {1: ["silver"]}
    both = [packet(1, "new", ["silver"]), packet(1, "retracted", ["bronze"], batch=11)]
    assert assign(both, []) == {1: ["bronze", "silver"]}  # the second of the two


def test_a_topic_of_the_end_alone_gets_no_later_update(assign):
    routed = [
        earlier(1, ["silver"]),
        earlier(1, ["end", "silver"], "withdrawn", 2),
        earlier(1, ["silver"], "new", 3),
    ]
    assert assign([packet(1, "update", ["silver"])], routed) == {1: ["silver"]}
    assert assign([packet(1, "update", [])], routed) == {1: ["silver"]}
    assert assign([packet(1, "withdrawn", ["end"])], routed) == {1: ["end", "silver"]}


def test_a_pair_reported_again_is_on_the_topics_of_its_new_report(assign):
    routed = [
        earlier(1, ["gold", "silver"]),
        earlier(1, ["gold", "silver"], "update", 2),
        earlier(1, ["end", "gold", "silver"], "retracted", 3),
        earlier(1, ["silver"], "new", 4),
        earlier(1, ["bronze", "silver"], "update", 5),
    ]
    assert assign([packet(1, "update", [])], routed) == {1: ["bronze", "silver"]}


def test_an_end_does_not_go_to_the_topics_of_a_later_report(assign):
    """One batch of route can contain several batches of match."""
    packets = [
        packet(1, "retracted", ["end"], batch=11),
        packet(1, "new", ["gold"], batch=12),
    ]
    both = assign([*packets, packet(1, "update", ["silver"], batch=13)], [])
    assert both == {1: ["gold", "silver"]}  # the last of the three
    assert assign(packets, [earlier(1, ["silver"])], 11) == {1: ["end", "silver"]}


def test_tests_go_to_topics_with_a_suffix(assign):
    routed = [earlier(1, ["silver_test"])]
    packets = [packet(1, "retracted", ["bronze"], "test")]
    assert assign(packets, routed) == {1: ["bronze_test", "silver_test"]}

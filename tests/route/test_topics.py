# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Who was told of a pair is told what became of it; nobody else is."""

from __future__ import annotations

import pytest

from fink_voevent.route import packet_table, topics

PAIR = (
    "event_id:string, survey:string, alert_id:bigint, status:string, tense:string,"
    " batch:bigint"
)
PACKETS = f"{packet_table.PAIR} struct<{PAIR}>"
TOLD = (
    "event_id string, survey string, alert_id bigint, batch bigint, status string,"
    " topics array<string>"
)
NOW = 10  # batch of what is not told yet


def packet(
    alert: int,
    status: str,
    passes: list[str],
    tense: str = "observation",
    batch: int = NOW,
):
    return ({"event_id": "E", "survey": "ztf", "alert_id": alert, "status": status,
             "tense": tense, "batch": batch}, passes)  # fmt: skip


def earlier(alert: int, went: list[str], status: str = "new", batch: int = 1):
    """Row of the table routed."""
    return ("E", "ztf", alert, batch, status, went)


@pytest.fixture
def decide(spark):
    """Topics of each alert, by the last of its packets or by that of a batch."""

    def decide(packets, told, batch: int | None = None):
        rows = spark.createDataFrame(packets, f"{PACKETS}, _topics array<string>")
        before = spark.createDataFrame(told, TOLD)
        chosen = topics.with_topics(rows, before).collect()
        pairs = [(row[packet_table.PAIR], row["_topics"]) for row in chosen]
        found = sorted((pair.batch, pair.alert_id, went) for pair, went in pairs)
        return {alert: went for b, alert, went in found if batch in (None, b)}

    return decide


@pytest.mark.parametrize("status", sorted(topics.FOLLOWING))
def test_what_follows_goes_where_the_pair_went(decide, status):
    told = [earlier(1, ["silver", "bronze"]), earlier(2, ["bronze"])]
    packets = [packet(1, status, ["bronze"]), packet(2, status, ["bronze"])]
    assert decide(packets, told) == {1: ["bronze", "silver"], 2: ["bronze"]}


def test_what_was_never_told_follows_nothing(decide):
    told = [earlier(1, ["silver"]), ("other", "ztf", 2, 1, "new", ["silver"])]
    packets = [packet(1, "new", ["bronze"]), packet(2, "withdrawn", [])]
    assert decide(packets, told) == {1: ["bronze"]}


def test_within_a_batch_it_follows_too(decide):
    first = decide([packet(1, "new", ["silver"])], [])
    assert first == {1: ["silver"]}
    both = [packet(1, "new", ["silver"]), packet(1, "retracted", ["bronze"], batch=11)]
    assert decide(both, []) == {1: ["bronze", "silver"]}  # the second of the two


def test_who_was_told_of_an_end_alone_is_not_told_of_what_is_raised_again(decide):
    told = [
        earlier(1, ["silver"]),
        earlier(1, ["end", "silver"], "withdrawn", 2),
        earlier(1, ["silver"], "new", 3),
    ]
    assert decide([packet(1, "update", ["silver"])], told) == {1: ["silver"]}
    assert decide([packet(1, "update", [])], told) == {1: ["silver"]}
    assert decide([packet(1, "withdrawn", ["end"])], told) == {1: ["end", "silver"]}


def test_a_pair_raised_again_stands_where_it_is_told_anew(decide):
    told = [
        earlier(1, ["gold", "silver"]),
        earlier(1, ["gold", "silver"], "update", 2),
        earlier(1, ["end", "gold", "silver"], "retracted", 3),
        earlier(1, ["silver"], "new", 4),
        earlier(1, ["bronze", "silver"], "update", 5),
    ]
    assert decide([packet(1, "update", [])], told) == {1: ["bronze", "silver"]}


def test_an_end_goes_nowhere_that_a_later_raise_goes(decide):
    """Of one batch of route, which can hold many of match."""
    chosen = [
        packet(1, "retracted", ["end"], batch=11),
        packet(1, "new", ["gold"], batch=12),
    ]
    both = decide([*chosen, packet(1, "update", ["silver"], batch=13)], [])
    assert both == {1: ["gold", "silver"]}  # the last of the three
    assert decide(chosen, [earlier(1, ["silver"])], 11) == {1: ["end", "silver"]}


def test_tests_have_topics_of_their_own(decide):
    told = [earlier(1, ["silver_test"])]
    packets = [packet(1, "retracted", ["bronze"], "test")]
    assert decide(packets, told) == {1: ["bronze_test", "silver_test"]}

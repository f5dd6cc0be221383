# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Who was told of a pair is told what became of it; nobody else is."""

from __future__ import annotations

import pytest

from fink_voevent import attach, topics

PAIR = "event_id string, survey string, alert_id bigint, status string, tense string"
PACKETS = f"{attach.PAIR} struct<{PAIR.replace(' ', ':').replace(',:', ', ')}>"
TOLD = "event_id string, survey string, alert_id bigint, topics array<string>"


def packet(alert: int, status: str, passes: list[str], tense: str = "observation"):
    return ({"event_id": "E", "survey": "ztf", "alert_id": alert, "status": status,
             "tense": tense}, passes)  # fmt: skip


@pytest.fixture
def decide(spark):
    """Topics of each alert."""

    def decide(packets, told):
        rows = spark.createDataFrame(packets, f"{PACKETS}, _topics array<string>")
        before = spark.createDataFrame(told, TOLD)
        chosen = topics.decided(rows, before).collect()
        return {row[attach.PAIR].alert_id: row["_topics"] for row in chosen}

    return decide


@pytest.mark.parametrize("status", sorted(topics.FOLLOWING))
def test_what_follows_goes_where_the_pair_went(decide, status):
    told = [("E", "ztf", 1, ["silver", "bronze"]), ("E", "ztf", 2, ["bronze"])]
    packets = [packet(1, status, ["bronze"]), packet(2, status, ["bronze"])]
    assert decide(packets, told) == {1: ["bronze", "silver"], 2: ["bronze"]}


def test_what_was_never_told_follows_nothing(decide):
    told = [("E", "ztf", 1, ["silver"]), ("other", "ztf", 2, ["silver"])]
    packets = [packet(1, "new", ["bronze"]), packet(2, "withdrawn", [])]
    assert decide(packets, told) == {1: ["bronze"]}


def test_within_a_batch_it_follows_too(decide):
    first = decide([packet(1, "new", ["silver"])], [])
    assert first == {1: ["silver"]}
    both = [packet(1, "new", ["silver"]), packet(1, "retracted", ["bronze"])]
    assert decide(both, []) == {1: ["bronze", "silver"]}  # the second of the two


def test_tests_have_topics_of_their_own(decide):
    told = [("E", "ztf", 1, ["silver_test"])]
    packets = [packet(1, "retracted", ["bronze"], "test")]
    assert decide(packets, told) == {1: ["bronze_test", "silver_test"]}

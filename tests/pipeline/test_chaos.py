# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Stages that are killed at random moments, over random input of two nights.

``make chaos N=200`` kills 200 times; by default this test kills once, after match has
committed a batch.
"""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from pathlib import Path

import pytest
from fink_client.avro_utils import AlertReader
from helpers.chaos import KILLS, SEED, Chaos
from helpers.map_site import SlowSite, site
from helpers.oracle import assert_equal, pairs
from helpers.pipeline import assert_candidates, candidate_rows, coincidences

from fink_voevent.match import revisions
from fink_voevent.notices.normalisation import normalise

_LOG = logging.getLogger(__name__)


@pytest.fixture
def chaos(spark, settings):
    with site(SlowSite) as server:
        stages = Chaos(spark, settings, server, SEED)
        yield stages
        stages.spool.close()
    shutil.rmtree(stages.data)


@pytest.mark.slow
def test_nothing_is_lost_or_reported_twice_whenever_the_stages_are_killed(
    chaos, spark, registry
):
    for number in range(KILLS):
        chaos.kill_once()
        _LOG.info("kill %d: batches %s", number + 1, chaos.committed())
    assert chaos.committed()["ingest"], "every kill came before any work was done"
    chaos.finish()
    _LOG.info("at the end: batches %s", chaos.committed())
    rows = [normalise(raw, registry) for raw in chaos.notices]
    for row in rows:  # by construction; the stages follow the citations instead
        row["event_id"] = row["ivorn"].rpartition("-")[0] + "-0"
        if row["skymap_url"]:
            row |= chaos.region_at(row["skymap_url"])
    facts = [
        {"alert_id": a["candid"], **{k: a["candidate"][k] for k in ("ra", "dec", "jd")}}
        for a in chaos.alerts
    ]
    expected = pairs(rows, facts, chaos.settings.credible_level)
    assert len(expected) > 20
    journal = coincidences(spark, chaos.settings.root)
    valid = revisions.view(journal).where("status IN ('new', 'update')").collect()
    current = [r.asDict() for r in valid]
    assert_equal(current, expected)
    assert_candidates(candidate_rows(chaos.settings.root), current)
    reported = chaos.journal()
    assert_order(reported)
    placed = Counter(r["status"] for r in reported if r["credible_level"] is not None)
    in_time_only = Counter(r["status"] for r in reported if r["credible_level"] is None)
    _LOG.info(
        "%d current pairs; coincidences on the sky: %s", len(expected), dict(placed)
    )
    _LOG.info("coincidences in time only: %s", dict(in_time_only))
    assert KILLS < 50 or in_time_only["new"], "no sky map was late"
    topic = Path(chaos.settings.root, "topics", "fink_any_retraction_ztf")
    sent = AlertReader(str(topic)).to_list() if topic.exists() else []
    assert len(sent) == placed["withdrawn"] + placed["retracted"]


def assert_order(journal: list[dict]) -> None:
    """Check that each pair is new, then updated, then withdrawn, and only then new."""
    state: dict[tuple, str] = {}
    for row in sorted(journal, key=lambda r: r["batch"]):
        key = (row["event_id"], row["alert_id"])
        is_current = state.get(key) in ("new", "update")
        assert is_current == (row["status"] != "new"), (
            key,
            state.get(key),
            row["status"],
        )
        state[key] = row["status"]

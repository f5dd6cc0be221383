# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The stages killed at random moments, over random input, on two nights in turn.

``make chaos N=200`` kills so many times; the tests here do a few.
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

from fink_voevent.match import revisions
from fink_voevent.match import stage as match_stage
from fink_voevent.notices.normalisation import normalise
from fink_voevent.spark import dataframes
from fink_voevent.store import ledger

_LOG = logging.getLogger(__name__)


@pytest.fixture
def chaos(spark, settings):
    with site(SlowSite) as server:
        made = Chaos(spark, settings, server, SEED)
        yield made
        made.spool.close()
    shutil.rmtree(made.data)


@pytest.mark.slow
def test_nothing_is_lost_or_told_twice_whenever_the_stages_are_killed(
    chaos, spark, registry
):
    for number in range(KILLS):
        chaos.kill_once()
        _LOG.info("kill %d: manifests %s", number + 1, chaos.handed_over())
    assert chaos.handed_over()["ingest"], "every kill came before any work was done"
    chaos.finish()
    _LOG.info("at the end: manifests %s", chaos.handed_over())
    rows = [normalise(raw, registry) for raw in chaos.notices]
    for row in rows:  # by construction; the stages follow the citations
        row["event_id"] = row["ivorn"].rpartition("-")[0] + "-0"
        if row["skymap_url"]:
            row |= chaos.region_at(row["skymap_url"])
    facts = [
        {"alert_id": a["candid"], **{k: a["candidate"][k] for k in ("ra", "dec", "jd")}}
        for a in chaos.alerts
    ]
    expected = pairs(rows, facts, chaos.settings.credible_level)
    assert len(expected) > 20
    manifests = ledger.Ledger(chaos.settings.root, match_stage.STAGE).manifests()
    journal = dataframes.read(spark, chaos.settings.root, "coincidences", manifests)
    held = revisions.view(journal).where("status IN ('new', 'update')").collect()
    assert_equal([r.asDict() for r in held], expected)
    told = chaos.journal()
    assert_told_in_order(told)
    placed = Counter(r["status"] for r in told if r["credible_level"] is not None)
    in_time_only = Counter(r["status"] for r in told if r["credible_level"] is None)
    _LOG.info("%d pairs held, %s told", len(expected), dict(placed))
    _LOG.info("%s told in time only", dict(in_time_only))
    assert KILLS < 50 or in_time_only["new"], "no map was late, of so many"
    topic = Path(chaos.settings.root, "topics", "fink_any_retraction_ztf")
    sent = AlertReader(str(topic)).to_list() if topic.exists() else []
    assert len(sent) == placed["withdrawn"] + placed["retracted"]


def assert_told_in_order(journal: list[dict]) -> None:
    """Each pair is new once, then updated, then taken back, or new again after that."""
    state: dict[tuple, str] = {}
    for row in sorted(journal, key=lambda r: r["batch"]):
        key = (row["event_id"], row["alert_id"])
        standing = state.get(key) in ("new", "update")
        assert standing == (row["status"] != "new"), (
            key,
            state.get(key),
            row["status"],
        )
        state[key] = row["status"]

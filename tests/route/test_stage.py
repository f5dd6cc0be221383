# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The stage sends each batch once to a real Kafka broker, whatever is lost."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from helpers.kafka_packets import messages
from helpers.pipeline import Pipeline, facts

from fink_voevent.store.batches import BATCHES, BatchLog
from fink_voevent.store.delta import Tables


@pytest.fixture
def sending(spark, settings, datatest, broker, prefix):
    """Stages that send to Kafka; their coincidences are matched."""
    own = f"{prefix}{uuid.uuid4().hex[:6]}_"
    values = {"kafka_servers": broker.plain, "topic_prefix": own, "heartbeat_s": 0}
    made = Pipeline(spark, settings.model_copy(update=values), datatest)
    made.alerts("early", "late")
    made.notices("grb221009a_bat")
    made.match()
    yield made
    made.spool.close()


def commits(root: str) -> list[Path]:
    """Return the commits of the table of batches, the newest last."""
    return sorted(Path(root, BATCHES, "_delta_log").glob("*.json"))


def new_messages(broker, prefix: str) -> list[bytes]:
    """Return the ids of the messages that came since the last call."""
    found = messages(broker, f"{prefix}grb_bronze_ztf")
    return sorted(dict(message.headers())["id"] for message in found)


def test_a_batch_that_kafka_has_and_the_tables_have_lost_is_not_sent_again(
    sending, broker
):
    """As after a power cut: that it was done is lost, then also that it was planned."""
    prefix = sending.settings.topic_prefix
    root = sending.settings.root
    sending.route()
    first = new_messages(broker, prefix)
    assert len(first) == 2
    done = facts(root, "route")
    for lost in (1, 2):
        for commit in commits(root)[-lost:]:
            commit.unlink()
        assert BatchLog(Tables(root), "route").last_done() == -1
        assert (BatchLog(Tables(root), "route").unfinished() is None) == (lost == 2)
        sending.route()
        assert new_messages(broker, prefix) == []
        assert facts(root, "route") == done
    sending.notices("grb221009a_xrt")
    sending.run()
    more = new_messages(broker, prefix)
    assert more
    assert not set(more) & set(first)


def test_tables_that_are_made_again_at_the_same_place_are_sent(sending, broker):
    prefix = sending.settings.topic_prefix
    sending.route()
    first = new_messages(broker, prefix)
    root = Path(sending.settings.root)
    root.rename(root.with_name("removed"))
    sending.notices("grb221009a_bat")
    sending.run()
    assert new_messages(broker, prefix) == first

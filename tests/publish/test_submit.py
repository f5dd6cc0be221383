# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Packets are submitted to a broker, and each of its answers is understood."""

from __future__ import annotations

import pytest
from helpers.kafka_broker import free_ports
from helpers.vtp_broker import broker

from fink_voevent.publish.submit import port_of, submit


@pytest.mark.parametrize(
    ("mode", "state"),
    [
        ("ack", "acknowledged"),
        ("nak Event rejected: Previously seen by this broker", "duplicate"),
        ("nak Event rejected: no", "refused"),
        ("close", "unanswered"),
        ("stall", "unanswered"),
        ("ack lost", "unanswered"),
    ],
)
def test_each_behaviour_of_a_broker_gives_a_state(mode, state):
    with broker(mode) as server:
        assert submit(port_of(server.server_address), b"<x/>", 1).state == state


def test_a_packet_to_a_missing_broker_is_unanswered():
    answer = submit(port_of(("127.0.0.1", free_ports(1)[0])), b"<x/>", 1)
    assert (answer.state, answer.is_reached) == ("unanswered", False)

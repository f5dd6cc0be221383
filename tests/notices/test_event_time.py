# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The time of an event, and where it comes from."""

from __future__ import annotations

from datetime import datetime, timezone

import json_notices
import pytest
from trap_documents import document, gcn, group, params, position, where

from fink_voevent.notices.normalisation import normalise

PLACE = position(77.5, -31.25, 0.05)


def svom(kind: str, time: str) -> bytes:
    """Return a VOEvent of SVOM with a time of day."""
    return document(
        f"ivo://org.svom/fsc#sb25030407_{kind}",
        params(Packet_Type=1, Pkt_Ser_Num=1, Instrument="X")
        + group("Svom_Identifiers", params(Burst_Id="sb25030407")),
        where(f"2025-03-04T{time}", PLACE),
        date="2025-03-04T09:00:00+00:00",
    )


@pytest.mark.parametrize(
    ("kind", "source", "rank"),
    [
        ("grm-trigger", "isotime", 0),
        ("eclairs-wakeup", "isotime", 1),
        ("slewing", "isotime", 1),
        ("not-slewing", "isotime", 1),
        ("mxt-initial_qf2", "observation", 2),
        ("mxt-update_qf1", "observation", 2),
        ("vt-best_candidate", "observation", 3),
        ("colibri-candidate", "observation", 2),
        ("gwac-position", "observation", 2),
    ],
)
def test_svoms_telescopes_give_the_time_of_their_observation(
    registry, kind, source, rank
):
    row = normalise(svom(kind, "08:11:12.5"), registry)
    assert row["event_id"] == "SVOM-sb25030407"
    assert (row["time_source"], row["version"] // 10**13) == (source, rank)
    is_later = source == "observation" or "slewing" in kind
    assert row["kind"] == ("update" if is_later else "initial")


def test_an_observation_without_a_trigger_gives_its_start(registry):
    raw = json_notices.gcn(
        "fermi/lat/flare",
        event_name="3C 0.0",
        observation_start="2025-03-03T00:00:00.0",
        observation_stop="2025-03-04T00:00:00.0",
        alert_datetime="2025-03-04T05:00:00",
        ra=21.5,
        dec=3.25,
    )
    row = normalise(raw, registry)
    assert row["time"] == datetime(2025, 3, 3, tzinfo=timezone.utc)
    assert (row["time_source"], row["messenger"]) == ("observation", "gamma")
    other = json_notices.gcn("newton/eye", observation_start="2025-03-03T00:00:00Z")
    assert normalise(other, registry)["time_source"] == "observation"


def test_a_trigger_time_has_priority_over_the_start_of_the_observation(registry):
    raw = json_notices.gcn(
        "newton/eye",
        trigger_time="2025-03-03T01:00:00Z",
        observation_start="2025-03-03T00:00:00Z",
    )
    row = normalise(raw, registry)
    assert (row["time"].hour, row["time_source"]) == (1, "isotime")


@pytest.mark.parametrize(
    "raw",
    [
        gcn(
            "Fermi#GBM_Alert_9",
            110,
            where("2025-01--60T11:00:00", PLACE),
            TrigID=9,
            Trig_TJD=9999,
            Trig_SOD=39600.0,
            date="2025-03-04T11:00:09",
        ),
        json_notices.gcn(
            "newton/eye", trigger_time="soon", alert_datetime="2025-03-04T11:00:09Z"
        ),
    ],
    ids=["voevent", "json"],
)
def test_the_issue_replaces_a_time_that_cannot_be_read(registry, raw):
    row = normalise(raw, registry)
    assert (
        row["time"]
        == row["issued"]
        == datetime(2025, 3, 4, 11, 0, 9, tzinfo=timezone.utc)
    )
    assert row["time_source"] == "issued"


def test_a_notice_that_gives_no_time_has_none(registry):
    row = normalise(document("ivo://org.example/x#1", "", where(None, PLACE)), registry)
    assert (row["time"], row["time_source"]) == (None, "none")


def test_an_interval_of_time_is_an_observation(registry):
    interval = (
        "<Time><TimeInterval><ISOTimeStart>2025-03-04T01:00:00</ISOTimeStart>"
        "<ISOTimeStop>2025-03-04T02:00:00</ISOTimeStop></TimeInterval></Time>"
    )
    raw = document("ivo://org.example.survey/x#1", "", where(None, interval + PLACE))
    row = normalise(raw, registry)
    assert row["time"].isoformat() == "2025-03-04T01:00:00+00:00"
    assert row["time_source"] == "observation"


@pytest.mark.parametrize(
    ("instrument", "source"),
    [
        ("ECLAIRs", "isotime"),
        ("GRM", "isotime"),
        ("MXT", "observation"),
        ("COLIBRI", "observation"),
    ],
)
def test_only_the_monitors_of_svom_have_triggers(registry, instrument, source):
    raw = json_notices.gcn(
        "svom/notice",
        id=["sb25030407"],
        instrument=instrument,
        trigger_time="2025-03-04T08:11:12.5Z",
    )
    row = normalise(raw, registry)
    assert (row["event_id"], row["time_source"]) == ("SVOM-sb25030407", source)

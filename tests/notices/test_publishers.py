# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The publisher of a notice, and the names of events that it may use."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.errors import ConfigError
from fink_voevent.notices import streams
from fink_voevent.notices.publishers import Publishers, covers, resource


@pytest.mark.parametrize(
    ("ivorn", "publisher"),
    [
        ("ivo://nasa.gsfc.gcn/Fermi#GBM_Alert_1", "fermi"),
        ("IVO://NASA.GSFC.GCN/FERMI#x", "fermi"),
        ("ivo://gcn.nasa.gov/fermi/gbm/alert#1", "fermi"),
        ("ivo://nasa.gsfc.gcn/Fermi2#x", "ivo://nasa.gsfc.gcn/fermi2"),
        ("ivo://gwnet/LVC#S230518h-1-Preliminary", "lvk"),
        ("ivo://gwnet/igwn.gwalert#S230518h-1", "lvk"),
        ("ivo://ca.chimenet.frb/FRB-DETECTION-#1", "chime"),
        ("ivo://ca.chimenet.frb/OBS-RETRACTION-#1", "chime"),
        ("ivo://ca.chimenet.frb.evil/OBS#1", "ivo://ca.chimenet.frb.evil/obs"),
        ("ivo://honest.obs/stream#A1", "ivo://honest.obs/stream"),
        ("ivo://honest.obs/stream?A1", "ivo://honest.obs/stream"),
        ("ivo://honest.obs/stream/#A1", "ivo://honest.obs/stream"),
        ("fermi#1", "ivo://fermi"),  # not the name of a table
        ("", "ivo://"),
    ],
)
def test_the_publisher_is_a_table_or_the_ivorn_up_to_the_mark(
    registry, ivorn, publisher
):
    assert registry.publishers.of(ivorn) == publisher


def test_a_pattern_matches_whole_parts_of_an_ivorn():
    assert covers("ivo://a.org/*", "ivo://a.org")
    assert covers("ivo://a.org/*", "ivo://a.org/x/*")
    assert covers("ivo://*", "ivo://a.org/x")
    assert not covers("ivo://a.org/x", "ivo://a.org/x/y")
    assert not covers("ivo://a.org/x/*", "ivo://a.org/xy")
    assert not covers("ivo://a.org/x/*", "ivo://a.org/*")


@given(st.text(max_size=40))
def test_the_publisher_of_any_text_is_its_own_publisher(text):
    own = resource(text)
    assert Publishers().of(text) == own
    assert resource(own) == own


def test_every_name_of_events_belongs_to_the_publisher_of_its_stream(registry):
    """Or another publisher could make the name with a pattern or a Param."""
    tables = registry.publishers.tables
    for stream in registry.streams:
        first = stream.event.partition("{")[0]
        owners = [t.name for t in tables if any(map(first.startswith, t.events))]
        if first:
            assert len(owners) == 1, stream.name
            prefix = re.sub(r"[/#][^/#]*$", "", stream.literal_prefix)
            if prefix.count("/") > 2:
                assert registry.publishers.of(prefix) in owners, stream.name


def test_names_of_others_are_refused(registry):
    publishers = registry.publishers
    assert publishers.owns("fermi", "GBM-1")
    assert publishers.owns("lvk", "S240115a")
    assert not publishers.owns("lvk", "GBM-1")
    assert not publishers.owns("ivo://gcn.nasa.gov/gbm", "GBM-1")


def test_a_pattern_that_begins_an_authority_is_of_that_authority_alone(registry):
    (hess,) = (s for s in registry.streams if s.name == "hess")
    assert hess.is_of_authority("ivo://HESS/GRB#1")
    assert not hess.is_of_authority("ivo://hess.evil/GRB#1")
    anything = replace(hess, literal_prefix="")
    assert not anything.is_of_authority("ivo://HESS/GRB#1")


def test_a_file_of_streams_replaces_fields_of_a_table(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(
        '[publisher.fermi]\nsources = ["relay.example.org"]\n'
        '[publisher.mine]\nivorns = ["ivo://Mine/*"]\n'
    )
    publishers = streams.load(str(path)).publishers
    fermi = publishers.table("fermi")
    assert fermi.sources == ("relay.example.org",)
    assert "GBM-" in fermi.events
    assert publishers.of("ivo://mine/x#1") == "mine"


@pytest.mark.parametrize(
    "text",
    [
        'ivorns = "ivo://x/*"',
        "sources = []",
        'ivorns = ["ivo://x/*"]\nowner = "me"',
        'ivorns = ["http://x"]',
        'ivorns = ["ivo://x/*y"]',
        "ivorns = [1]",
    ],
)
def test_a_table_with_a_mistake_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "s.toml"
    path.write_text(f"[publisher.mine]\n{text}\n")
    with pytest.raises(ConfigError, match="publisher 'mine': ") as caught:
        streams.load(str(path))
    assert "\n" not in str(caught.value)

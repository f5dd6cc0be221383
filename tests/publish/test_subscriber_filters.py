# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Filters of subscribers: those of Comet's documentation work, none takes long."""

from __future__ import annotations

import time

import pytest
from helpers.routed_rows import AUTHOR, row
from lxml import etree

from fink_voevent.alerts.transient import from_coincidence
from fink_voevent.publish.broadcast_report import OLD_S, BroadcastStatus, read
from fink_voevent.publish.compose import Citation, compose
from fink_voevent.publish.subscriber_filters import (
    MOST_CHARS,
    FilterError,
    passes,
    requested,
)


def answer(*texts: str, old: bool = False) -> etree._Element:
    """Return what a subscriber sends, in the form of new or of old versions."""
    root = etree.Element("Transport", role="authenticate")
    meta = etree.SubElement(root, "Meta")
    for text in texts:
        if old:
            etree.SubElement(meta, "filter", type="xpath").text = text
        else:
            etree.SubElement(meta, "Param", name="xpath-filter", value=text)
    return root


@pytest.fixture(scope="module")
def voevent() -> etree._Element:
    """Return a large VOEvent of ours."""
    routed = row()
    cited = [Citation(f"ivo://org.example/grb#{n}", "followup") for n in range(500)]
    return etree.fromstring(
        compose(from_coincidence(routed), AUTHOR, routed, cited).raw
    )


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/*[local-name()='VOEvent' and @role='observation']", True),
        ("/*[@role='test']", False),
        ("//Param[@name='p_chance' and @value < 0.01]", True),
        ("//Who/Author[shortName='Fink']", True),
        ("//Param[@name='messenger']/@value = 'gw'", False),
        ("unknown-function()", False),
    ],
)
def test_a_filter_selects(voevent, text, expected, old):
    assert passes(requested(answer(text, old=old)), voevent) is expected
    assert passes(requested(answer("//Nothing", text, old=old)), voevent) is expected


def test_without_a_filter_everything_passes(voevent):
    assert passes(requested(answer()), voevent)


@pytest.mark.parametrize(
    "text",
    [
        "//*[//*[//*[//*]]]",
        "//a//b//c//d//e",
        "descendant::*/ancestor::*/descendant::*/ancestor::*/descendant::*",
        "//*[preceding::*/following :: *]",
        "x" * (MOST_CHARS + 1),
        "//Param[",
        "",
    ],
)
def test_a_filter_that_could_take_long_is_not_accepted(text):
    with pytest.raises(FilterError):
        requested(answer(text))


def test_the_number_of_filters_is_bounded():
    with pytest.raises(FilterError, match="5 filters"):
        requested(answer(*["//Who"] * 5))


@pytest.mark.parametrize(
    "text",
    [
        "//*[count(//*) + count(//*) + count(//*) < 0]",
        "//*[.//*/../*/../*/../*/../*/../*/../*/../*/../*/../*/..]",
        "//*[//*//*//x]",
        "//*[descendant::*/descendant::*/descendant-or-self::*/x]",
        "//*[" + "*/" * 140 + "*]",
        "//*[contains(string(/), 'a') and contains(string(//*), 'b')]",
    ],
)
def test_the_slowest_accepted_filters_take_seconds_and_not_years(voevent, text):
    filters = requested(answer(text))
    start = time.thread_time()
    passes(filters, voevent)
    assert time.thread_time() - start < 5


def test_a_status_that_is_old_is_a_problem(tmp_path):
    status = BroadcastStatus.nothing()
    assert status.problem(OLD_S) is None
    assert "has ended" in status.problem(OLD_S + 1)
    assert read(str(tmp_path)) is None

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The element ``Why``: what we infer, and how sure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lxml import etree

from fink_voevent.publish.transient import Transient
from fink_voevent.publish.xml import add


def explain(
    root: etree._Element, transient: Transient, coincidence: Mapping[str, Any] | None
) -> None:
    """Add what the object is, where Fink knows it, and how sure the pair is.

    Sure is what is not by chance: the probability is there where a rate is known.
    """
    if coincidence is None and transient.classification is None:
        return  # the schema has no empty Why
    why = add(root, "Why")
    if coincidence is not None:
        _associated(why, coincidence)
    if transient.classification is not None:
        identified = add(why, "Inference", relation="identified")
        add(identified, "Name", transient.object_id or str(transient.alert_id))
        add(identified, "Concept", transient.classification)
        add(identified, "Description", "class of the object, as Fink gives it")


def _associated(why: etree._Element, coincidence: Mapping[str, Any]) -> None:
    inference = add(why, "Inference", relation="associated")
    by_chance = coincidence["p_chance"]
    if by_chance is not None and math.isfinite(by_chance):
        why.set("importance", repr(1.0 - by_chance))
        inference.set("probability", repr(1.0 - by_chance))
    add(inference, "Name", str(coincidence["event_id"]))
    add(
        inference,
        "Description",
        "in the region and time window of the event; the probability is that of not"
        " being there by chance",
    )

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Elements and Params of a VOEvent, of any text."""

from __future__ import annotations

import math
import re
from typing import Any

from lxml import etree


def param(group: etree._Element, name: str, value: Any, unit: str, ucd: str) -> None:
    """Add a Param; none for what is not known, or not a number."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return
    kind = "float" if isinstance(value, float) else "string"
    param = add(group, "Param", name=name, value=clean(value), dataType=kind, ucd=ucd)
    if unit:
        param.set("unit", unit)


def add(
    parent: etree._Element, tag: str, text: str | None = None, /, **attributes: str
) -> etree._Element:
    """Add an element, its text without what XML cannot hold."""
    child = etree.SubElement(parent, tag, attributes)
    if text is not None:
        child.text = clean(text)
    return child


def clean(value: Any) -> str:
    """Text without what XML cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd]", "", str(value))

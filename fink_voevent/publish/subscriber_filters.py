# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Filters of subscribers: XPath expressions, which Comet's ``--filter`` sends to us.

An expression of a few dozen characters can take years: each predicate within another
multiplies the time by the number of elements. So only expressions of a form that takes
little time are accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lxml import etree

MOST_FILTERS, MOST_CHARS = 4, 300  # of one subscriber; of one expression
MOST_SEARCHES = 4  # of the whole document, in one expression
_SEARCH = re.compile(r"//|::")
_AXIS = re.compile(r"([\w-]*)\s*::")
# The others go through the document once for each element.
_AXES = ("", "child", "attribute", "self", "parent", "descendant", "descendant-or-self")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")


class FilterError(Exception):
    """A filter is not accepted; the message is the reason."""


def requested(root: etree._Element) -> list[etree.XPath]:
    """Return the filters that an answer to ``authenticate`` requests.

    Raises
    ------
    FilterError
        If there are too many, or one is not XPath or could take too long.
    """
    texts = list(_texts(root))
    if len(texts) > MOST_FILTERS:
        raise FilterError(f"{len(texts)} filters, more than {MOST_FILTERS}")
    return [_compiled(text) for text in texts]


def passes(filters: Sequence[etree.XPath], root: etree._Element) -> bool:
    """Return whether a VOEvent passes one of the filters, or there are none."""
    return not filters or any(_matches(one, root) for one in filters)


def _matches(one: etree.XPath, root: etree._Element) -> bool:
    try:
        return bool(one(root))
    except etree.XPathError:  # as an unknown function: it selects nothing
        return False


def _texts(root: etree._Element) -> Iterator[str]:
    """Yield the expressions: new versions of Comet send Params, old ones filters."""
    for element in root.iterfind("Meta/Param[@name='xpath-filter']"):
        yield element.get("value") or ""
    for element in root.iterfind("Meta/filter[@type='xpath']"):
        yield element.text or ""


def _compiled(text: str) -> etree.XPath:
    if len(text) > MOST_CHARS:
        raise FilterError(f"a filter has more than {MOST_CHARS} characters")
    plain = _QUOTED.sub("", text)
    if len(_SEARCH.findall(plain)) > MOST_SEARCHES:
        raise FilterError(f"a filter searches more than {MOST_SEARCHES} times")
    for axis in _AXIS.findall(plain):
        if axis not in _AXES:
            raise FilterError("a filter has an axis that takes long")
    depth = deepest = 0
    for character in plain:
        depth += (character == "[") - (character == "]")
        deepest = max(deepest, depth)
    if deepest > 1:
        raise FilterError("a filter has a predicate within another")
    try:
        return etree.XPath(text, regexp=False, smart_strings=False)
    except etree.XPathSyntaxError:
        raise FilterError("a filter is not XPath") from None

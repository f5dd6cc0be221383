# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Recognise the documents that we have published ourselves, in any format.

They come back through brokers that relay them, topics that mirror ours, and files. An
alert that was matched would otherwise become an event, match itself, and be sent again.

A document is ours by its authority, which is that of VOEVENT_LOCAL_IVO, or by its form:
the authority may have been another one before, our JSON notices have none, and those of
another installation of Fink are coincidences and alerts too, not events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fink_voevent.notices.document import Param
from fink_voevent.notices.streams import Registry

# Reasons why a document is set aside.
OWN = "our own: its authority is that of VOEVENT_LOCAL_IVO"
OWN_FORM = "our own: fink_voevent has published it, an alert or a coincidence"
# Brokers send one an hour to each subscriber, which is no reason to look at it.
OWN_TEST = "our own: a test event of fink_voevent broadcast"
_TEST_EVENT = "#testevent-"
_SURVEYS = ("ztf", "rubin")
# Of JSON notices without a schema: names that an object has.
JSON_NAMES = frozenset(("mission", "ref_ID", "coincidence"))


def reason(row: Mapping[str, Any], registry: Registry) -> str | None:
    """Return why a notice is not an event, if it is our own; None if it is not.

    Parameters
    ----------
    row : mapping
        With `ivorn`, `tense` and `params` as in the table events.
    registry : Registry
        Knows our authority.
    """
    if registry.is_ours(row["ivorn"]):
        is_test = row["tense"] == "test" and _TEST_EVENT in row["ivorn"].lower()
        return OWN_TEST if is_test else OWN
    return OWN_FORM if has_our_form(row["params"]) else None


def has_our_form(params: Iterable[Param]) -> bool:
    """Return whether Params are those of our VOEvents or of our JSON notices."""
    for param in params:
        group = param.group.rpartition("/")[2]
        if group == "coincidence" and param.name == "coincidence_id":
            return True
        if group == "alert" and param.name == "survey" and param.value in _SURVEYS:
            return True
        if param.name == "mission" and param.value.strip().lower() == "fink":
            return True
    return False

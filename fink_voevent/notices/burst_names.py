# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Names that only one burst has, as GRB 221009A, in the Params of a notice."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fink_voevent.notices.document import Param

NAME_CHARS = 64
# Params that contain names, and the names of one burst: a date alone may be of several.
NAME_PARAMS = frozenset(
    ("event_name", "Event_Name", "ref_ID", "superevent_id", "GraceID", "GRB_Name", "id")
    + ("follow_up_event",)
)
# Groups of Params whose values refer to events, whatever the name: topic and event.
NAME_GROUPS = frozenset(("reference", "references"))
_NAME = re.compile(
    r"(GRB|AT|SN|EP|FRB|IC|XRF|TDE|KM3)\d{6}([A-Z]{1,4}|\d{3})"  # GRB221009A, EP240115A
    r"|(AT|SN|TDE|FRB)\d{8}[A-Z]{1,4}|(AT|SN|TDE)20\d{2}[A-Z]{1,5}"
    r"|(S|GW)\d{6}[A-Z]{1,4}|SB\d{8}"  # superevents of LVK; bursts of SVOM
)
_SEPARATORS = re.compile(r"[\s_.:-]+")


def burst_names(params: Iterable[Param]) -> frozenset[str]:
    """Return the names of bursts among Params.

    Parameters
    ----------
    params : iterable of Param

    Returns
    -------
    frozenset of str
        In capitals, without spaces and punctuation, so that ``GRB 221009a`` is
        ``GRB221009A``. A date alone, as GRB 221009, is not the name of one burst.
    """
    found = set()
    for group, param, value, _, _ in params:
        is_name = param in NAME_PARAMS or group.rpartition("/")[2] in NAME_GROUPS
        if is_name and len(value) <= NAME_CHARS:
            # The notice of a superevent is S240115aa-2-Preliminary.
            for text in (value, value.partition("-")[0]):
                name = _SEPARATORS.sub("", text).upper()
                if _NAME.fullmatch(name):
                    found.add(name)
    return frozenset(found)

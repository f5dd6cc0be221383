# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Notices of bursts, matched with the alerts of Rubin and ZTF in the Fink broker.

For authors of Fink modules: `match_alerts` joins any DataFrame of positions with
notices, `read_notice` reads one, and `fink_voevent.udf` has the column functions.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fink_voevent.match.any_alerts import match_alerts
    from fink_voevent.notices import read_notice

__version__ = "0.1.0"
__all__ = ["__version__", "match_alerts", "read_notice"]

# Loaded at first use: commands that need no Spark start without it.
_PLACES = {
    "match_alerts": "fink_voevent.match.any_alerts",
    "read_notice": "fink_voevent.notices",
}


def __getattr__(name: str) -> Any:
    """Load a public function at its first use."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A child of ``fink_voevent run`` stops when its supervisor is gone."""

from __future__ import annotations

import os
from collections.abc import Callable

VARIABLE = "FINK_VOEVENT_SUPERVISOR"  # process number; set for children only


def parent_lost() -> Callable[[], bool]:
    """Return what tells whether the supervisor is gone; never, where there is none."""
    supervisor = os.environ.get(VARIABLE)
    return lambda: supervisor is not None and os.getppid() != int(supervisor)

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Cases of a test that only `make test-nightly` runs."""

from __future__ import annotations

from typing import Any

import pytest


def nightly(*cases: Any) -> list[Any]:
    """Cases for ``pytest.mark.parametrize``, values or tuples, marked nightly."""
    every = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [pytest.param(*case, marks=pytest.mark.nightly) for case in every]

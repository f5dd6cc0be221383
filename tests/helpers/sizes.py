# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Cases and examples of a test that only `make test-nightly` runs."""

from __future__ import annotations

import os
from typing import Any

import hypothesis
import pytest

# For tests of which an example takes a tenth of a second or more.
few_examples = hypothesis.settings(max_examples=100 if "FUZZ" in os.environ else 20)


def nightly(*cases: Any) -> list[Any]:
    """Cases for ``pytest.mark.parametrize``, values or tuples, marked nightly."""
    every = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [pytest.param(*case, marks=pytest.mark.nightly) for case in every]

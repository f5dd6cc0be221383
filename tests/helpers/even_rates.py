# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Rates of unrelated objects that are the same everywhere."""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

import numpy as np

from fink_voevent.score.candidate_scores import CandidateScorer
from fink_voevent.score.cells import CELLS
from fink_voevent.score.class_rates import ClassRate, ClassSnapshot

# Rounded means of simulated nights (`benchmarks/power.py`): deg-2 d-1; flares deg-2.
RATES = {
    "ztf": {"fresh_1": 0.01, "fresh_2": 0.004, "fresh_unknown_1": 0.001,
            "fresh_unknown_2": 0.0005, "flaring": 0.3},
    "rubin": {"fresh_1": 0.27, "fresh_2": 0.11, "fresh_unknown_1": 0.04,
              "fresh_unknown_2": 0.02, "flaring": 2.0},
}  # fmt: skip
# Changes of the flux of flares (mag), those of the simulated nuclei: 0.16 mag (1 sigma)
STRENGTHS = [NormalDist(0, 0.16).inv_cdf(0.5 + n / 1000) for n in range(1, 500)]


def scorer(survey: str) -> CandidateScorer:
    """Return a scorer with the same rates everywhere, which were measured."""
    everywhere, none = np.ones(CELLS), np.zeros(0)
    classes = {
        name: ClassRate(rate * everywhere, 1000, False, 1.0, none, none)
        for name, rate in RATES[survey].items()
    }
    strong = np.array(STRENGTHS)
    classes["flaring"] = replace(classes["flaring"], flux_change=strong)
    span = ("20260101", "20260131")
    return CandidateScorer(
        ClassSnapshot(survey, f"{survey}-1", 31, *span, everywhere, everywhere, classes)
    )

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Alerts of interest out again as VOEvents over VTP: compose, keep, submit."""

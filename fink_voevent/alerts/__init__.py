# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Alerts of ZTF and Rubin in common terms: thin alerts and transients."""

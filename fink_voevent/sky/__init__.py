# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Regions on the sky in numpy: circles, ellipses, error boxes and sky maps."""

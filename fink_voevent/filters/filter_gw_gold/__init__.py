# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The filter ``gw_gold``."""

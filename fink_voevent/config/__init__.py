# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Every setting: its name, type, range and meaning; where its value came from."""

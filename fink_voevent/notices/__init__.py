# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A document, of any publisher and format, to one row of the table events."""

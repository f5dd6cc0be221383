# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Publish VOEvents of coincidences and alerts: compose them, send them, serve VTP."""

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Transports, a file each: all end in the spool, then in landing."""

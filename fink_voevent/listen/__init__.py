# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Receive notices over VTP, Kafka and from files: on disk before acknowledged."""

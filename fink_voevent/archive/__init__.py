# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""All alerts ever, laid out by place and time, and searches in them."""

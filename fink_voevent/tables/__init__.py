# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Every column of every table, declared once, and the schemas made from them."""

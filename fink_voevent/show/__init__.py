# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What people see: pages of events, and the pictures and texts on them."""

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What goes out: VOEvents composed of coincidences and alerts, and VTP."""

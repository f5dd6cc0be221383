# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""VOEvents, met with the alerts of ZTF and Rubin, in the Fink broker."""

__version__ = "0.1.0"

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Integration with a checkout of fink-broker and its command ``bin/fink``."""

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``python -m fink_voevent``."""

from fink_voevent.cli import main

main(prog_name="fink_voevent")

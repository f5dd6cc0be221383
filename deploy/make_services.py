# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Write the scripts of the services of each survey: what an image needs of a checkout.

Usage: make_services.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from fink_voevent.fink.checkout import SERVICES, script

SURVEYS = ("rubin", "ztf")


def make(folder: Path) -> None:
    """Write FOLDER/SURVEY/SERVICE.py."""
    for survey in SURVEYS:
        (folder / survey).mkdir(parents=True)
        for name in SERVICES:
            (folder / survey / f"{name}.py").write_bytes(script(name))


if __name__ == "__main__":
    make(Path(sys.argv[1]))

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Programs in Go for tests: Go builds them in minutes, the first time."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from helpers.java_programs import BUILD


def program(module: str) -> Path:
    """Return the program of a Go module, which is named PATH@VERSION."""
    path, _, version = module.partition("@")
    name = path.rpartition("/")[2]
    folder = BUILD / f"{name}-{version}"
    found = folder / name
    if found.exists():
        return found
    if not shutil.which("go"):
        raise RuntimeError(
            f"Go is missing and tests need it for {name}: apt-get install golang"
        )
    environment = {**os.environ, "GOBIN": str(folder), "GOFLAGS": "-modcacherw"}
    subprocess.run(["go", "install", module], env=environment, check=True, timeout=1800)
    return found

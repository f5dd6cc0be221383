# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A real browser for tests: Chromium, driven by Playwright, with axe-core."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Run Chromium, which apt installs, without a window."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "Chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"]
        )
        yield started
        started.close()


def axe_script() -> str:
    """Return the source of axe-core."""
    import axe_playwright_python

    folder = Path(axe_playwright_python.__file__).parent
    return (folder / "axe.min.js").read_text(encoding="utf-8")

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Any module can be the first that a program imports."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import importlib, pkgutil, sys
import fink_voevent

found = pkgutil.walk_packages(fink_voevent.__path__, "fink_voevent.")
names = [name for _, name, _ in found if not name.endswith("__main__")]
for name in names:
    for loaded in [m for m in sys.modules if m.startswith("fink_voevent")]:
        del sys.modules[loaded]
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(name, error)
print(len(names))
"""


def test_any_module_can_be_imported_first():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > 100

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Whether the libraries for pages are installed, before a service begins."""

from __future__ import annotations

from importlib.util import find_spec

from fink_voevent.errors import InputError

LIBRARIES = ("jinja2", "matplotlib", "mocpy")  # of the extra `pages` of setup.py


def check() -> None:
    """Check that pages can be made.

    Raises
    ------
    InputError
        If a library is not installed.
    """
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise InputError(
            f"pages need the libraries {', '.join(missing)}: pip install"
            " 'fink-voevent[pages]'"
        )

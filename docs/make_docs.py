# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Make the pages that say what the code says: ``make docs``."""

from __future__ import annotations

from pathlib import Path

from fink_voevent.config import render
from fink_voevent.tables import schema

HERE = Path(__file__).parent


def main() -> None:
    """Write ``tables.md``, ``settings.md`` and ``conf/voevent.conf``."""
    (HERE / "tables.md").write_text(schema.markdown(), encoding="utf-8")
    (HERE / "settings.md").write_text(render.markdown(), encoding="utf-8")
    conf = HERE.parent / "conf" / "voevent.conf"
    conf.write_text(render.shell(), encoding="utf-8")


if __name__ == "__main__":
    main()

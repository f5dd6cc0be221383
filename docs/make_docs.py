# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Make the pages that say what the code says: ``make docs``."""

from __future__ import annotations

from pathlib import Path

from fink_voevent import config, schema

HERE = Path(__file__).parent


def main() -> None:
    """Write ``tables.md`` and ``settings.md``."""
    (HERE / "tables.md").write_text(schema.markdown(), encoding="utf-8")
    (HERE / "settings.md").write_text(config.markdown(), encoding="utf-8")


if __name__ == "__main__":
    main()

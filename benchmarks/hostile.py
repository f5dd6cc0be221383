# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Measure the processor time and memory that hostile documents take.

``python benchmarks/hostile.py`` prints a table, a line for each kind of document in
``tests/helpers/hostile.py``, and writes it to ``build/bench/hostile.md``. Each document
is read in a new process of `fink_voevent.ingest.reader`; what an honest VOEvent takes
in such a process is the reference.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from helpers.hostile import HONEST, KINDS  # noqa: E402
from helpers.landed import landed  # noqa: E402

from fink_voevent.ingest.reader import Reader  # noqa: E402
from fink_voevent.notices import streams  # noqa: E402

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
HEADER = (
    "| document | kB | processor time (s) | memory (MB) | result |\n"
    "|---|---|---|---|---|"
)


def usage(pid: int) -> tuple[float, float]:
    """Return the processor time (s) and the peak memory (MB) of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    peak_kb = float(peak[1]) if peak else float("nan")
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S, peak_kb / 1024


def line(kind: str, raw: bytes) -> str:
    """Return the line of the table for a document."""
    with Reader(streams.load()) as reader:
        reader.convert(landed(HONEST % 0))
        before = usage(reader.pid or 0)
        converted = reader.convert(landed(raw))
        reasons = converted["quarantine"]["reason"].to_pylist()
        if reader.pid is None:  # it was replaced, because it had kept much memory
            used = "more than half of the limit | "
        else:
            after = usage(reader.pid)
            used = f"{after[0] - before[0]:.2f} | {after[1] - before[1]:.0f}"
    result = reasons[0] if reasons else "an event"
    return f"| {kind} | {len(raw) / 1000:.0f} | {used} | {result} |"


def main() -> None:
    """Measure, print the table, and write it."""
    documents = {"an honest VOEvent": HONEST % 1}
    documents |= {kind: make() for kind, (make, _) in KINDS.items()}
    lines = [HEADER]
    print(HEADER)
    for kind, raw in documents.items():
        lines.append(line(kind, raw))
        print(lines[-1], flush=True)
    out = ROOT / "build" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    (out / "hostile.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

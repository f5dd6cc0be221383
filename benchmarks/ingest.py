# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Measure the documents per second of voevent_ingest, and of plain XML parsers.

``python benchmarks/ingest.py [DOCUMENTS]`` writes ``build/bench/ingest.json``. All
parsers use the same number of cores. The documents are real ones if a folder of them is
next to the checkout, otherwise those of datatest. They are repeated, each time with a
different ivorn, so that each is a new event.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import xmltodict

from fink_voevent.config.load import load
from fink_voevent.ingest import stage as ingest_stage
from fink_voevent.listen import landing
from fink_voevent.listen.spool import Received, Spool
from fink_voevent.spark.session import build
from fink_voevent.store.batches import BatchLog, do_all
from fink_voevent.store.delta import Tables
from fink_voevent.store.filesystem import open_store

ROOT = Path(__file__).parent.parent
REAL = ROOT.parent / "shared" / "real" / "voevents"
IVORN = re.compile(rb"""\bivorn=["'][^"']*""")
CORES = 2
REPEATS = 3


def documents(count: int) -> list[bytes]:
    """Return `count` documents with different ivorns."""
    test_data = [ROOT / "datatest" / "voevents", ROOT / "datatest" / "traps"]
    folders = [REAL] if REAL.is_dir() else test_data
    originals = [p.read_bytes() for f in folders for p in sorted(f.iterdir())]
    copies = []
    for turn in itertools.count():
        for raw in originals:
            copies.append(IVORN.sub(rb"\g<0>-r%d" % turn, raw, count=1))
            if len(copies) == count:
                return copies
    raise AssertionError


def parser_seconds(parse: Callable[[bytes], object], raws: list[bytes]) -> float:
    """Return the mean time (s) of a parser on all cores.

    The processes are started before the time is measured.
    """
    with multiprocessing.Pool(
        CORES, initializer=_set_parser, initargs=(parse,)
    ) as pool:
        list(pool.imap_unordered(_parse, raws[:200], chunksize=100))
        times = []
        for _ in range(REPEATS):
            started = time.perf_counter()
            for _ in pool.imap_unordered(_parse, raws, chunksize=500):
                pass
            times.append(time.perf_counter() - started)
    return sum(times) / REPEATS


def _set_parser(parse: Callable[[bytes], object]) -> None:
    globals()["_parse_one"] = parse


def _parse(raw: bytes) -> bool:
    try:
        globals()["_parse_one"](raw)
    except (ValueError, UnicodeError):  # voevent-parse refuses what is not version 2.0
        return False
    return True


def ingest_seconds(raws: list[bytes], folder: Path) -> float:
    """Return the time (s) per document of a warm voevent_ingest.

    The first fifth of the documents warms it up; the others are one backlog.
    """
    values = {
        "data_prefix": str(folder),
        "spool": str(folder / "spool"),
        "trigger_s": 0,
    }
    settings = load({}, {**values, "spark_master": f"local[{CORES}]"}).settings
    spark = build(settings, "benchmark")
    spool = Spool(settings.spool, settings.root)
    store = open_store(settings.root).subfolder("landing")
    warm = len(raws) // 5
    for part in (raws[:warm], raws[warm:]):
        spool.append([Received(raw, "file", "bench") for raw in part])
        landing.drain(spool, store)
        started = time.perf_counter()
        stage = ingest_stage.start(spark, settings)
        do_all(stage)
        seconds = time.perf_counter() - started
        stage.files.stop()
    facts = BatchLog(Tables(settings.root), ingest_stage.STAGE).facts()
    ingested = sum(batch["events"] + batch["quarantine"] for batch in facts)
    spark.stop()
    if ingested != len(raws):
        raise SystemExit(f"only {ingested} of {len(raws)} documents were ingested")
    return seconds / (len(raws) - warm)


def _voeventparse_per_s(sample: list[bytes]) -> float | None:
    """Documents per second of voevent-parse; None if it is not installed.

    It does not build on Python 3.12 and later.
    """
    try:
        import voeventparse
    except ImportError:
        return None
    return len(sample) / parser_seconds(voeventparse.loads, sample)


def main(count: int) -> None:
    """Measure; print the figures and write them."""
    raws = documents(count)
    sample = raws[: count // 4]
    voeventparse_per_s = _voeventparse_per_s(sample)
    before = parser_seconds(xmltodict.parse, sample)
    with tempfile.TemporaryDirectory() as folder:
        ingest_per_s = 1 / ingest_seconds(raws, Path(folder))
    # Measured before and after, because the speed of a shared machine varies.
    after = parser_seconds(xmltodict.parse, sample)
    xmltodict_per_s = 2 * len(sample) / (before + after)
    figures = {
        "documents": count,
        "cores": CORES,
        "ingest_per_s": round(ingest_per_s),
        "xmltodict_per_s": round(xmltodict_per_s),
        "voeventparse_per_s": voeventparse_per_s and round(voeventparse_per_s),
        "ratio_to_xmltodict": round(ingest_per_s / xmltodict_per_s, 3),
        "ratio_to_voeventparse": voeventparse_per_s
        and round(ingest_per_s / voeventparse_per_s, 3),
    }
    out = ROOT / "build" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    (out / "ingest.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 80000)

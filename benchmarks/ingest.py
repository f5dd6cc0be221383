# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Documents a second through voevent_ingest, beside bare parsers on the same cores.

``python benchmarks/ingest.py [DOCUMENTS]`` writes ``build/bench/ingest.json``. The
documents are the real ones where they are beside the checkout, else those of datatest,
replicated, each with an ivorn of its own, so that each is a new event.
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
from fink_voevent.store import ledger
from fink_voevent.store.filesystem import open_store

ROOT = Path(__file__).parent.parent
REAL = ROOT.parent / "shared" / "real" / "voevents"
IVORN = re.compile(rb"""\bivorn=["'][^"']*""")
CORES = 2
REPEATS = 3


def documents(count: int) -> list[bytes]:
    """`count` documents, each with an ivorn of its own."""
    ours = [ROOT / "datatest" / "voevents", ROOT / "datatest" / "traps"]
    folders = [REAL] if REAL.is_dir() else ours
    originals = [p.read_bytes() for f in folders for p in sorted(f.iterdir())]
    made = []
    for turn in itertools.count():
        for raw in originals:
            made.append(IVORN.sub(rb"\g<0>-r%d" % turn, raw, count=1))
            if len(made) == count:
                return made
    raise AssertionError


def plain(parse: Callable[[bytes], object], raws: list[bytes]) -> float:
    """Mean time (s) of a parser on all cores, processes started before."""
    with multiprocessing.Pool(CORES, initializer=_tolerant, initargs=(parse,)) as pool:
        list(pool.imap_unordered(_parse, raws[:200], chunksize=100))
        times = []
        for _ in range(REPEATS):
            started = time.perf_counter()
            for _ in pool.imap_unordered(_parse, raws, chunksize=500):
                pass
            times.append(time.perf_counter() - started)
    return sum(times) / REPEATS


def _tolerant(parse: Callable[[bytes], object]) -> None:
    globals()["_parse_one"] = parse


def _parse(raw: bytes) -> bool:
    try:
        globals()["_parse_one"](raw)
    except (ValueError, UnicodeError):  # voevent-parse refuses what is not version 2.0
        return False
    return True


def through_ingest(raws: list[bytes], folder: Path) -> float:
    """Time (s) in which voevent_ingest, warm, works off a backlog of documents."""
    values = {
        "data_prefix": str(folder),
        "spool": str(folder / "spool"),
        "trigger_s": 0,
    }
    settings = load({}, {**values, "spark_master": f"local[{CORES}]"}).settings
    spark = build(settings, "benchmark")
    spool = Spool(settings.spool, settings.root)
    store = open_store(settings.root).at("landing")
    warm = len(raws) // 5
    for part in (raws[:warm], raws[warm:]):
        spool.append([Received(raw, "file", "bench") for raw in part])
        landing.drain(spool, store)
        started = time.perf_counter()
        query = ingest_stage.start(spark, settings)
        query.processAllAvailable()
        seconds = time.perf_counter() - started
        query.stop()
    manifests = ledger.Ledger(settings.root, ingest_stage.STAGE).manifests()
    counted = sum(m.facts["events"] + m.facts["quarantine"] for m in manifests)
    spark.stop()
    if counted != len(raws):
        raise SystemExit(f"{counted} of {len(raws)} documents accounted for")
    return seconds / (len(raws) - warm)


def _of_voeventparse(sample: list[bytes]) -> float | None:
    """Documents a second of voevent-parse; None on Python 3.12, where it is not."""
    try:
        import voeventparse
    except ImportError:
        return None
    return len(sample) / plain(voeventparse.loads, sample)


def main(count: int) -> None:
    """Run, print and write the figures."""
    raws = documents(count)
    sample = raws[: count // 4]
    other = _of_voeventparse(sample)
    before = plain(xmltodict.parse, sample)
    with tempfile.TemporaryDirectory() as folder:
        ours = 1 / through_ingest(raws, Path(folder))
    # on both sides: a shared machine is not equally fast all the time
    bare = 2 * len(sample) / (before + plain(xmltodict.parse, sample))
    figures = {
        "documents": count,
        "cores": CORES,
        "ingest_per_s": round(ours),
        "xmltodict_per_s": round(bare),
        "voeventparse_per_s": other and round(other),
        "ratio_to_xmltodict": round(ours / bare, 3),
        "ratio_to_voeventparse": other and round(ours / other, 3),
    }
    out = ROOT / "build" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    (out / "ingest.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 80000)

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Time searches in an archive of alerts, beside a scan of the same files by pyarrow.

``python benchmarks/archive.py [ROWS]``, or ``ARCHIVE_ROWS``, writes
``build/bench/archive.json``. The archive has that many alerts (10⁷ by default) with all
its columns, evenly over the sky and ten years, in files as `fink_voevent archive`
leaves them; one more night of 300,000 alerts is in the table alerts only. They are made
in a temporary folder in ``ARCHIVE_FOLDER``, and removed at the end.

Searches are those that `fink_voevent search` prints: each in this process, and as a
command. The first 40 alerts are returned with all columns, and all are counted. The
reference reads the position of all alerts with pyarrow's dataset, with a filter by a
box around the circle.
"""

from __future__ import annotations

import functools
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from astropy.io import fits
from cdshealpix.nested import healpix_to_lonlat

from fink_voevent.archive import search
from fink_voevent.archive.division import MOST_ROWS
from fink_voevent.archive.layout import (
    INDEX,
    SCHEMA,
    Contents,
    Pixel,
    folder_of,
    read_contents,
    write_contents,
)
from fink_voevent.archive.place import circle
from fink_voevent.archive.update import write_rows
from fink_voevent.config.load import load
from fink_voevent.show.sought import find_target
from fink_voevent.sky.region import separation_deg
from fink_voevent.store.batches import BatchLog, Input
from fink_voevent.store.delta import Tables, staging_folder
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import stored_schema

ROOT = Path(__file__).parent.parent
ROWS = 10_000_000
TONIGHT = 300_000  # alerts that are not in the archive
YEARS = [str(year) for year in range(2017, 2027)]
DAY_US = 86_400_000_000
YEAR_US = 365 * DAY_US
START_US = 1_483_228_800_000_000  # 2017-01-01
CENTRE = (210.8, 54.3)  # deg
MAP_DEG2, MAP_LEVEL, MAP_ORDER = 666.0, 0.9, 7
SHOWN = 40
# The command, and its largest memory afterwards.
COMMAND = """
import runpy, sys
try:
    runpy.run_module("fink_voevent", run_name="__main__")
finally:
    sys.stderr.write(open("/proc/self/status").read())
"""
REPEATS = 5


def main() -> None:
    """Make the archive, time the searches, and write the result."""
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ARCHIVE_ROWS", ROWS)
    with tempfile.TemporaryDirectory(dir=os.environ.get("ARCHIVE_FOLDER")) as name:
        make(Path(name), int(float(given)))
        figures = measure(Path(name))
    out = ROOT / "build" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    (out / "archive.json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


def make(folder: Path, count: int) -> None:
    """Make an archive of about `count` alerts, a night beside it, and a sky map."""
    started = time.perf_counter()
    root = load({}, {"data_prefix": str(folder)}).settings.root
    make_archive(root, count)
    make_tonight(root)
    write_map(folder / "map.fits")
    print(f"made in {time.perf_counter() - started:.0f} s", flush=True)


def measure(folder: Path) -> dict[str, Any]:
    """Time searches in what `make` has made."""
    settings = load({}, {"data_prefix": str(folder), "credible_level": "0.9"}).settings
    archive, sky_map = folder_of(settings.root), folder / "map.fits"
    contents = read_contents(archive)
    size = sum(file.size for file in archive.files(".parquet"))
    wanted = {
        "circle_10deg": f"{CENTRE[0]},{CENTRE[1]},10",
        "map": str(sky_map),
        "arcmin": f"{CENTRE[0]},{CENTRE[1]},1arcmin",
    }
    figures: dict[str, Any] = {
        "rows": contents.rows,
        "bytes_a_row": round(size / contents.rows, 1),
        "pixels": len(contents.pixels),
        "files": sum(map(len, contents.pixels.values())),
    }
    for name, what in wanted.items():

        def run(what: str = what) -> search.Found:
            place = find_target(settings, what).place
            return search.first(search.prepare(settings.root, place, None), SHOWN)

        found = run()
        figures[f"{name}_s"] = median_s(run)
        figures[f"{name}_alerts"] = found.total
        line = ["search", what, "--credible-level", str(MAP_LEVEL)]
        command = timed(line, settings.data_prefix)
        figures |= {f"{name}_command_{key}": value for key, value in command.items()}
    line = ["search", str(sky_map), "--credible-level", str(MAP_LEVEL)]
    line += ["--out", str(folder / "found.parquet")]
    written = timed(line, settings.data_prefix)
    figures |= {f"map_out_command_{key}": value for key, value in written.items()}
    figures["scan_s"] = median_s(partial(scan, settings.root), 1)
    for name in wanted:
        figures[f"{name}_ratio"] = round(figures[f"{name}_s"] / figures["scan_s"], 5)
    for key, value in figures.items():
        print(f"{key:28} {value}")
    return figures


def make_archive(root: str, count: int) -> None:
    """Write an archive of alerts evenly over the sky and over the years."""
    order = 0
    while count / (12 << 2 * order) > MOST_ROWS:
        order += 1
    pixels = [Pixel(order, number) for number in range(12 << 2 * order)]
    size = max(count // len(pixels) // len(YEARS), 1)
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(write_pixel, root, size), pixels))
    nights = {f"{year}0101": size * len(pixels) for year in YEARS}
    contents = Contents(nights, {p: dict.fromkeys(YEARS, size) for p in pixels})
    write_contents(folder_of(root), contents)


def write_pixel(root: str, size: int, pixel: Pixel) -> None:
    """Write the files of a pixel, `size` alerts each."""
    rng, folder = np.random.default_rng(pixel.number), folder_of(root)
    for number, year in enumerate(YEARS):
        start_us = START_US + number * YEAR_US
        rows = alerts(rng, pixel, size, (start_us, start_us + YEAR_US))
        folder.subfolder(pixel.folder).write(
            f"{year}.parquet", partial(write_rows, rows)
        )


def make_tonight(root: str) -> None:
    """Commit a night to the table alerts, sorted by place."""
    tables, log = Tables(root), BatchLog(Tables(root), "match")
    rng, night = np.random.default_rng(2), "20270101"
    start_us = START_US + len(YEARS) * YEAR_US
    whole = [
        alerts(rng, Pixel(0, n), TONIGHT // 12, (start_us, start_us + DAY_US))
        for n in range(12)
    ]
    rows = pa.concat_tables(whole).sort_by(INDEX)
    batch = log.plan(Input(night=night, survey="ztf"))
    number = pa.repeat(pa.scalar(batch.number, pa.int64()), len(rows))
    columns = {"hpx29": rows[INDEX], "batch": number}
    columns |= {name: rows[name] for name in SCHEMA.names if name != INDEX}
    stored = [f for f in stored_schema("alerts") if f.name != "night"]
    arrays = [columns.get(f.name, pa.nulls(len(rows), f.type)) for f in stored]
    table = pa.table(arrays, schema=pa.schema(stored))
    staged = open_store(staging_folder(root, "match"))
    staged.subfolder(f"night={night}").write(
        "0.parquet",
        lambda stream: pq.write_table(table, stream, row_group_size=64_000),
    )
    tables.append("alerts", staged, "match", batch.number)
    log.finish(batch, {"night": night, "survey": "ztf"})


def alerts(
    rng: np.random.Generator, pixel: Pixel, size: int, times_us: tuple[int, int]
) -> pa.Table:
    """Return `size` alerts of a pixel, sorted by place."""
    index = np.sort(rng.integers(pixel.lo, pixel.hi, size))
    lon, lat = healpix_to_lonlat(index, 29)
    when = rng.integers(*times_us, size)
    light, before = _light(size)
    values = {
        INDEX: index,
        "night": pc.strftime(pa.array(when, pa.timestamp("us")), "%Y%m%d"),
        "alert_id": rng.integers(10**18, 2 * 10**18, size),
        "alert_ra": lon.deg,
        "alert_dec": lat.deg,
        "alert_time": when,
        "first_detection": when - before,
        "last_non_detection": pa.array(when - before - DAY_US, mask=before == 0),
        **light,
    }
    arrays = [
        pa.array(values[f.name], f.type)
        if isinstance(values.get(f.name), np.ndarray)
        else values.get(f.name, pa.nulls(size, f.type)).cast(f.type)
        for f in SCHEMA
    ]
    return pa.table(arrays, schema=SCHEMA)


@functools.cache
def _light(size: int) -> tuple[dict[str, Any], npt.NDArray[np.int64]]:
    """Columns that describe an object, the same in each file; and its age (us)."""
    rng = np.random.default_rng(3)
    before = rng.integers(0, 30 * DAY_US, size) * rng.integers(0, 2, size)
    number = pa.array(rng.integers(10**6, 7 * 10**6, size)).cast("string")
    light = {
        "survey": pa.repeat("ztf", size),
        "object_id": pc.binary_join_element_wise("ZTF24a", number, ""),
        "magnitude": rng.uniform(16, 21, size),
        "magnitude_rate": pa.array(rng.normal(0, 0.1, size), mask=before == 0),
        "band": pa.array(["g", "r"]).take(pa.array(rng.integers(0, 2, size))),
        "quality": rng.random(size).round(3),
        "extragalactic": rng.random(size) < 0.7,
        "positive": rng.random(size) < 0.7,
        "stellar": rng.random(size) < 0.3,
        "detections": rng.integers(1, 40, size),
        "detection_span": before / DAY_US,
    }
    return light, before


def write_map(path: Path) -> None:
    """Write a sky map whose 90 % region is an arc of `MAP_DEG2`."""
    number = np.arange(12 << 2 * MAP_ORDER)
    lon, lat = healpix_to_lonlat(number, MAP_ORDER)
    from_arc = np.abs(separation_deg(*CENTRE, lon.deg, lat.deg) - 30.0)
    turn = np.abs((lon.deg - CENTRE[0] + 180) % 360 - 180)
    rank: npt.NDArray[np.int64] = np.argsort(np.argsort(from_arc + turn / 10))
    cell_deg2 = 41252.96 / len(number)
    density = np.exp(-rank * cell_deg2 / MAP_DEG2 * np.log(10))
    density /= density.sum() * 4 * np.pi / len(number)
    columns = [
        fits.Column("UNIQ", "K", array=number + (4 << 2 * MAP_ORDER)),
        fits.Column("PROBDENSITY", "D", unit="sr-1", array=density),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    table.header.update(ORDERING="NUNIQ", COORDSYS="C", PIXTYPE="HEALPIX")
    table.writeto(path)


def scan(root: str) -> int:
    """Count alerts in a box around the circle, with pyarrow alone."""
    files = [file.path for file in folder_of(root).files(".parquet")]
    ra, dec = pc.field("alert_ra"), pc.field("alert_dec")
    inside = (dec > CENTRE[1] - 10) & (dec < CENTRE[1] + 10)
    inside &= (ra > CENTRE[0] - 25) & (ra < CENTRE[0] + 25)
    found = ds.dataset(files, format="parquet").to_table(
        ["alert_ra", "alert_dec"], filter=inside
    )
    place = circle(*CENTRE, 10.0)
    kept = place.measure(
        None, found["alert_ra"].to_numpy(), found["alert_dec"].to_numpy()
    )
    return int((kept <= place.most).sum())


def median_s(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median time (s) of calls."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return round(statistics.median(times), 4)


def timed(line: list[str], data_prefix: str) -> dict[str, float]:
    """Median time (s) of a command on the clock and the processor; its memory (MB)."""
    command = [sys.executable, "-c", COMMAND, *line, "--data-prefix", data_prefix]
    walls, processor, memory = [], [], 0
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        walls.append(time.perf_counter() - started)
        if done.returncode:
            raise SystemExit(done.stderr)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        processor.append(used)
        # ru_maxrss would be that of this process, if it is larger
        memory = max(memory, int(re.search(r"VmHWM:\s+(\d+)", done.stderr)[1]) // 1024)
    return {
        "s": round(statistics.median(walls), 3),
        "cpu_s": round(statistics.median(processor), 3),
        "mb": memory,
    }


if __name__ == "__main__":
    main()

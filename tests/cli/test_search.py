# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The commands archive and search, on what users give them."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import astropy.units as u
import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from click.testing import CliRunner
from helpers.archived_alerts import alerts, commit_night, ids
from helpers.shown_tables import documents, ingest
from mocpy import MOC

from fink_voevent.cli import main
from fink_voevent.sky.region import cells_of
from fink_voevent.store.filesystem import open_store

# GRB 221009A, and an alert on the other side of the sky.
NOTICE = "grb221009a_bat.xml"
PLACE, FAR = (288.2643, 19.7735), (100.0, -40.0)


@pytest.fixture(scope="module")
def prefix(tmp_path_factory) -> str:
    """Return a data prefix with two nights: the first is in the archive."""
    folder = tmp_path_factory.mktemp("search")
    root = f"{folder}/voevent"
    near = [(PLACE[0] + 0.001 * n, PLACE[1]) for n in range(4)]
    commit_night(root, alerts([*near, FAR], 0))
    done = run("archive", "--data-prefix", str(folder))
    assert done.exit_code == 0
    assert "1 nights added; " in done.output
    assert f"{root}/archive has 5 alerts of 1 nights in 2 pixels" in done.output
    commit_night(root, alerts([PLACE, FAR], 5, 50))
    return str(folder)


def run(*arguments: str):
    return CliRunner().invoke(main, [*arguments])


def found(prefix: str, *arguments: str) -> tuple[list[int], int]:
    done = run("search", *arguments, "--json", "--data-prefix", prefix)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    return [row["alert_id"] for row in document["alerts"]], document["total"]


def test_a_circle_is_searched_from_its_centre(prefix):
    centre = f"{PLACE[0]},{PLACE[1]}"
    assert found(prefix, f"{centre},0.0015") == ([0, 50, 1], 3)
    assert found(prefix, f"{centre},5.4arcsec") == ([0, 50, 1], 3)
    assert found(prefix, f"{centre},0.09'") == ([0, 50, 1], 3)
    wrapped = f"{PLACE[0] + 360},{PLACE[1]},1"
    names, total = found(prefix, wrapped, "--limit", "2")
    assert (sorted(names), total) == ([0, 50], 5)
    assert found(prefix, "10,10,1") == ([], 0)


def test_a_table_is_printed_with_its_number_and_what_is_not_archived(prefix):
    done = run("search", f"{PLACE[0]},{PLACE[1]},1", "--data-prefix", prefix)
    header, *lines = done.stdout.splitlines()
    assert header.split()[:5] == ["object", "time", "(UTC)", "sep", "deg"]
    assert [line.split()[0] for line in lines] == [f"ZTF{n}" for n in (0, 50, 1, 2, 3)]
    assert "5 alerts in 1 deg around 288.264 +19.7735" in done.stderr
    assert "1 nights are not in the archive: `fink_voevent archive` adds" in done.stderr
    done = run("search", "10,10,1", "--data-prefix", prefix)
    assert done.stdout == "no alerts there\n"


def test_since_and_until_bound_the_time_and_until_is_excluded(prefix):
    circle = f"{PLACE[0]},{PLACE[1]},1"
    assert found(prefix, circle, "--since", "2026-01-02") == ([50], 1)
    assert found(prefix, circle, "--until", "2026-01-01T02:00:00") == ([0], 1)
    assert found(
        prefix, circle, "--since", "2026-01-01T02:00", "--until", "2026-01-01T04:00:01"
    ) == ([1, 2], 2)
    for times, reason in (
        (("--since", "soon"), "--since: 'soon' is not a time"),
        (("--since", "2026-01-02", "--until", "2026-01-02"), "--until is not later"),
    ):
        done = run("search", circle, *times, "--data-prefix", prefix)
        assert done.exit_code == 2
        assert reason in done.stderr


def test_a_notice_is_searched_in_its_region_and_window(prefix, datatest):
    notice = str(datatest / "voevents" / NOTICE)
    everywhere = ("--since", "2000-01-01")
    level = ("--credible-level", "0.99")
    assert found(prefix, notice) == ([], 0)  # its window is in 2022
    names, total = found(prefix, notice, *everywhere, *level)
    assert total == 5
    assert set(names) == {0, 1, 2, 3, 50}


def test_an_event_of_the_tables_is_searched_by_its_name(prefix, datatest, tmp_path):
    shutil.copytree(f"{prefix}/voevent", tmp_path / "voevent")
    ingest(str(tmp_path / "voevent"), *documents(datatest, NOTICE.removesuffix(".xml")))
    names, total = found(str(tmp_path), "Swift-1126853", "--since", "2000-01-01")
    assert total == 5
    done = run("search", "GRB-of-nobody", "--data-prefix", str(tmp_path))
    assert done.exit_code == 2
    assert "is neither a file nor RA,DEC,RADIUS nor a MOC, nor an event" in done.stderr


def sky_map(path: Path) -> None:
    """Write a map: the pixel of order 6 of `PLACE` has 95 %, that of `FAR` 4 %."""
    number = np.arange(12 << 12)
    density = np.full(len(number), 0.01 / len(number))
    for (ra, dec), probability in ((PLACE, 0.95), (FAR, 0.04)):
        density[cells_of(ra, dec, 6)[0]] = probability
    density /= density.sum() * 4 * np.pi / len(number)
    columns = [
        fits.Column("UNIQ", "K", array=number + (4 << 12)),
        fits.Column("PROBDENSITY", "D", unit="sr-1", array=density),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    table.header.update(ORDERING="NUNIQ", COORDSYS="C", PIXTYPE="HEALPIX")
    table.writeto(path)


def test_a_sky_map_is_searched_to_a_credible_level(prefix, tmp_path):
    path = tmp_path / "map.fits"
    sky_map(path)
    assert found(prefix, str(path), "--credible-level", "0.9")[1] == 5
    assert found(prefix, str(path), "--credible-level", "0.97")[1] == 7
    done = run("search", str(path), "--data-prefix", prefix, "--credible-level", "1.5")
    assert done.exit_code == 2


@pytest.mark.parametrize("form", ["text", "ascii", "json", "fits"])
def test_a_moc_is_searched_as_text_or_as_a_file(prefix, tmp_path, form):
    ra, dec = (np.array([degrees]) * u.deg for degrees in PLACE)
    moc = MOC.from_lonlat(ra, dec, max_norder=6)
    path = tmp_path / "moc.fits"
    if form == "fits":
        moc.save(path, format="fits")
        what = str(path)
    elif form == "text":
        what = " ".join(moc.to_string("ascii").split())
    else:
        path.write_text(moc.to_string(form), "utf-8")
        what = str(path)
    assert found(prefix, what) == ([50, 3, 2, 1, 0], 5)


def test_all_alerts_are_written_to_a_file(prefix, tmp_path):
    for name in ("found.parquet", "found.csv"):
        done = run(
            *("search", "0,0,180", "--limit", "1", "--data-prefix", prefix),
            *("--out", str(tmp_path / name)),
        )
        assert done.exit_code == 0, done.output
        assert done.stdout == ""
        assert "7 alerts in 180 deg around 0 +0 in " in done.stderr
    table = pq.read_table(tmp_path / "found.parquet")
    assert ids(table) == [0, 1, 2, 3, 4, 50, 51]
    rows = list(csv.DictReader((tmp_path / "found.csv").open()))
    assert sorted(int(row["alert_id"]) for row in rows) == ids(table)
    done = run("search", "0,0,180", "--out", "x.fits", "--data-prefix", prefix)
    assert done.exit_code == 2
    assert "must end in .parquet or .csv" in done.stderr


def test_csv_has_all_columns(prefix):
    done = run("search", "0,0,180", "--csv", "--limit", "0", "--data-prefix", prefix)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 7
    assert {"alert_id", "alert_time", "separation", "hpx29"} <= set(rows[0])


def test_a_damaged_file_is_named_and_the_exit_code_is_1(prefix, tmp_path):
    shutil.copytree(f"{prefix}/voevent", tmp_path / "voevent")
    (path,) = [
        path
        for path in (tmp_path / "voevent" / "archive").rglob("*.parquet")
        if pq.read_metadata(path).num_rows == 4
    ]
    path.write_bytes(b"torn")
    done = run("search", "0,0,180", "--data-prefix", str(tmp_path), "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["total"] == 3
    assert f"left out, as it cannot be read: {path}: " in done.stderr


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("1,2,x", "is neither a file nor"),
        ("1,b,3", "is not RA,DEC,RADIUS in degrees"),
        ("1,95,3", "a circle is RA,DEC,RADIUS in degrees"),
        ("5/a-b", "it cannot be read as a MOC"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_line(prefix, what, reason):
    done = run("search", what, "--data-prefix", prefix)
    assert done.exit_code == 2
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_files_that_cannot_be_searched_are_refused_in_one_line(prefix, tmp_path):
    for name, content in {
        "no.fits": b"SIMPLE  = T",
        "no.xml": b"<VOEvent/>",
        "no.gz": b"\x1f\x8bxx",
        "no.txt": b"hello",
    }.items():
        path = tmp_path / name
        path.write_bytes(content)
        done = run("search", str(path), "--data-prefix", prefix)
        assert done.exit_code == 2, name
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_without_tables_there_is_one_sentence(tmp_path):
    for line in (["search", "1,2,3"], ["search", "GRB"], ["archive"]):
        done = run(*line, "--data-prefix", str(tmp_path))
        assert done.exit_code == 2
        assert len(done.stderr.splitlines()) == 1
    assert not open_store(str(tmp_path)).folders()

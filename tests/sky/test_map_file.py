# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""FITS files from anybody: bounds, faulty headers, and files that are none."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import resource
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from astropy.io import fits
from helpers.fits_maps import (
    PRIMARY,
    TABLE_CARDS,
    file_of_cards,
    header_bytes,
    table_bytes,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from fink_voevent import limits
from fink_voevent.errors import NoticeError
from fink_voevent.sky import skymap
from fink_voevent.sky.map_file import open_table, read_columns

MAP = file_of_cards()
IMAGE = {"XTENSION": "IMAGE", "BITPIX": 8, "NAXIS": 2, "NAXIS1": 64, "NAXIS2": 64}

LARGE_IMAGE = header_bytes(IMAGE | {"NAXIS1": 2**14, "NAXIS2": 2**14})
FILLER = {"TFIELDS": 3, "TFORM3": "16A"}
FLAT = {
    "TTYPE1": "PROB",
    "TFORM2": "0K",
    "TTYPE2": "N",
    "ORDERING": "RING",
    "FIRSTPIX": 0,
}


def zipped(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("map.fits", content)
    return stream.getvalue()


def test_the_map_that_is_changed_below_is_read():
    assert skymap.read(MAP).ranges() == [(0, 12 << 58)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a FITS file"),
        (b"hello", "not a FITS file"),
        (b"SIMPLE  =                    T", "ends within a header"),
        (MAP[:2880], "has no table"),
        (MAP[:4000], "ends within a header"),
        (MAP[:5800], "ends after 2 of 12 rows"),
        (PRIMARY + header_bytes(IMAGE) + bytes(5760), "has no table"),
        (b"\x1f\x8bnot gzip", "cannot be read"),
        (gzip.compress(MAP)[:200], "cannot be read"),
        (gzip.compress(b"hello"), "not a FITS file"),
        (gzip.compress(gzip.compress(MAP)), "not a FITS file"),
        (bz2.compress(MAP), "compressed with bzip2"),
        (lzma.compress(MAP), "compressed with xz"),
        (zipped(MAP), "compressed with zip"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_is_not_a_fits_file_with_a_table_is_refused(content, reason):
    with pytest.raises(NoticeError, match=reason):
        skymap.read(content)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"TFIELDS": 99999999}, r"has 99999999 columns \(TFIELDS\), more than 64"),
        ({"TFIELDS": 65}, "has 65 columns"),
        ({"TFIELDS": 0}, "TFIELDS = 0"),
        ({"TFIELDS": -1}, "TFIELDS = -1"),
        ({"TFIELDS": True}, "TFIELDS = True"),
        ({"TFIELDS": 1.5}, "TFIELDS = 1.5"),
        ({"TFIELDS": "2"}, "TFIELDS = '2'"),
        ({"TFIELDS": None}, "TFIELDS = None"),
        ({"TFIELDS": int("9" * 60)}, "TFIELDS = 9{40}"),
        ({"TFIELDS": 3}, "column 3 .* format None"),
        ({"NAXIS2": 999999999999}, r"has 15999999999984 bytes, more than 536870912"),
        ({"NAXIS2": 10**6}, r"ends after 180 of 1000000 rows \(NAXIS2\)"),
        ({"NAXIS2": -12}, "NAXIS2 = -12"),
        ({"NAXIS2": 0}, "has no rows"),
        ({"NAXIS1": -16}, "NAXIS1 = -16"),
        ({"NAXIS1": 0, "NAXIS2": 10**12}, "NAXIS1 = 0"),
        ({"NAXIS1": 24}, r"have 16 bytes a row, and its header says 24 \(NAXIS1\)"),
        ({"NAXIS1": 8}, "have 16 bytes a row"),
        ({"NAXIS1": 2**28, "NAXIS2": 1}, r"268435456 bytes a row \(NAXIS1\), more"),
        ({"NAXIS": 999}, "NAXIS = 999"),
        ({"NAXIS": 1}, "NAXIS = 1"),
        ({"BITPIX": 64}, "BITPIX = 64"),
        ({"BITPIX": "x"}, "BITPIX = 'x'"),
        ({"GCOUNT": 99999999999}, "GCOUNT = 99999999999"),
        ({"GCOUNT": -1}, "GCOUNT = -1"),
        ({"PCOUNT": 99999999}, r"a heap of 99999999 bytes \(PCOUNT\)"),
        ({"PCOUNT": -96}, "PCOUNT = -96"),
        ({"PCOUNT": 2**63 - 1}, "a heap of"),
        ({"ZIMAGE": True}, "a compressed image"),
        ({"TFORM1": "999999999K"}, "bytes a row"),
        ({"TFORM1": "99999999999999999999K"}, r"format '9+K' \(TFORM1\)"),
        ({"TFORM1": "0K", "TFORM2": "2D"}, "0 indices and 2 values a row"),
        ({"TFORM1": "0K", "TFORM2": "0D", **FILLER}, "has no pixels"),
        ({"TFORM1": "0D", **FILLER, **FLAT, "LASTPIX": -1}, "has no pixels"),
        ({"TFORM1": "-1K"}, "format '-1K'"),
        ({"TFORM1": ""}, "format ''"),
        ({"TFORM1": 8}, "format 8"),
        ({"TFORM1": "8A"}, "column UNIQ .* 'A', not integers"),
        ({"TFORM1": "D"}, "column UNIQ .* 'D', not integers"),
        ({"TFORM1": "PK(999)"}, "column UNIQ .* 'P', not integers"),
        ({"TFORM2": "1PD(9)"}, "column PROBDENSITY .* 'P', not D or E"),
        ({"TFORM2": "QD(99999999999)", "NAXIS1": 24}, "'Q', not D or E"),
        ({"TFORM2": "8L"}, "column PROBDENSITY .* 'L', not D or E"),
        ({"TFORM2": "64X"}, "column PROBDENSITY .* 'X', not D or E"),
        ({"TFORM2": "C"}, "column PROBDENSITY .* 'C', not D or E"),
        ({"TZERO1": 5}, "column UNIQ are scaled"),
        ({"TSCAL1": 0.5}, "column UNIQ are scaled"),
        ({"TZERO1": 2**63}, "column UNIQ .* out of range"),
        ({"TSCAL2": "x"}, "faulty TSCAL"),
        ({"TSCAL2": True}, "faulty TSCAL"),
        ({"TZERO1": False}, "faulty TSCAL"),
        ({"TSCAL2": 1e308}, r"adds up to 1e\+308, not to 1"),
    ],
    ids=str,
)
def test_a_faulty_header_is_refused_with_the_number(changes, reason):
    with pytest.raises(NoticeError, match=reason):
        skymap.read(file_of_cards(**changes))


def test_a_header_without_end_is_refused():
    first = header_bytes(TABLE_CARDS)[: len(TABLE_CARDS) * 80]
    content = PRIMARY + first + b"COMMENT x".ljust(80) * 36 * limits.MAP_HEADER_BLOCKS
    with pytest.raises(NoticeError, match="more than 64 blocks"):
        skymap.read(content)


def test_a_table_after_images_is_found_and_many_images_are_refused():
    image = header_bytes(IMAGE) + bytes(5760)
    assert skymap.read(PRIMARY + 3 * image + MAP[2880:]).ranges() == [(0, 12 << 58)]
    with pytest.raises(NoticeError, match="no table among its first 8 HDUs"):
        skymap.read(PRIMARY + 8 * image + MAP[2880:])


@pytest.mark.parametrize("axis", [2**39, 2**62, -1])
def test_an_image_that_is_too_large_is_refused(axis):
    image = header_bytes(IMAGE | {"NAXIS1": axis})
    with pytest.raises(NoticeError, match=r"bytes, more than|NAXIS1 ="):
        skymap.read(PRIMARY + image + bytes(5760))


def test_a_file_without_padding_is_read():
    content = MAP[: 2 * 2880 + 12 * 16]
    assert skymap.read(content).ranges() == [(0, 12 << 58)]


def test_keywords_that_cannot_be_read_are_ignored():
    cards = header_bytes(TABLE_CARDS)
    for faulty in (b"OBJECT  = 'no end", b"OBJECT  = \xff\x00", b"OBJECT  = 1 2 3"):
        head = cards.replace(b"END".ljust(80), faulty.ljust(80) + b"END".ljust(80), 1)
        assert len(skymap.read(PRIMARY + head[:2880] + MAP[5760:]).lo) == 12


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint16, np.uint32, np.uint64])
def test_integers_of_every_kind_are_those_that_astropy_reads(dtype):
    uniq = np.array([5, 4, 2**15 - 1]).astype(dtype)
    content = io.BytesIO()
    fits.BinTableHDU(np.array(uniq, dtype=[("UNIQ", dtype)])).writeto(content)
    table = open_table(content.getvalue())
    [found] = read_columns(table, table.columns)
    assert found.tolist() == uniq.tolist()


COLUMNS = st.lists(
    st.tuples(st.sampled_from("KJIDE"), st.integers(1, 7)), min_size=1, max_size=6
)


@settings(deadline=None, max_examples=40)
@given(columns=COLUMNS, rows=st.integers(1, 9), seed=st.integers(0, 99))
def test_columns_are_those_that_astropy_reads(columns, rows, seed):
    rng = np.random.default_rng(seed)
    written = [
        fits.Column(
            f"C{i}", f"{repeat}{code}", array=rng.integers(-99, 99, (rows, repeat))
        )
        for i, (code, repeat) in enumerate(columns)
    ]
    content = table_bytes([fits.Column("X", "3X", array=np.ones((rows, 3))), *written])
    with fits.open(io.BytesIO(content)) as file:
        expected = [np.asarray(file[1].data[c.name]).ravel() for c in written]
    table = open_table(content)
    found = read_columns(table, table.columns[1:])
    for values, astropy_values in zip(found, expected, strict=True):
        assert values.tolist() == astropy_values.tolist()


@settings(deadline=None, max_examples=300)
@given(
    places=st.lists(
        st.tuples(st.integers(2880, len(MAP) - 1), st.integers(0, 255)), max_size=12
    ),
    length=st.integers(0, len(MAP)),
)
def test_a_damaged_map_is_read_or_refused(places, length):
    damaged = bytearray(MAP[: max(length, 5000)])
    for place, value in places:
        if place < len(damaged):
            damaged[place] = value
    try:
        skymap.read(bytes(damaged))
    except NoticeError as error:
        assert len(str(error)) < 300


VALUES = st.one_of(
    st.integers(-(2**70), 2**70),
    st.integers(-9, 99),
    st.floats(),
    st.booleans(),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=30),
)


@settings(deadline=None, max_examples=300)
@given(changes=st.dictionaries(st.sampled_from(sorted(TABLE_CARDS)), VALUES))
def test_a_header_of_random_values_is_read_or_refused(changes):
    try:
        skymap.read(file_of_cards(**changes))
    except NoticeError as error:
        assert len(str(error)) < 300


def large_flat_map() -> bytes:
    """Return a flat map of the largest order, of distinct values, in ring ordering."""
    pixels = 12 << 2 * limits.MAP_FLAT_ORDER
    values = np.arange(1.0, pixels + 1)
    values /= values.sum()
    cards = {
        **{"NAXIS1": 8, "NAXIS2": pixels, "TFIELDS": 1, "TTYPE1": "PROB"},
        **{"TFORM1": "D", "TTYPE2": None, "TFORM2": None, "ORDERING": "RING"},
    }
    return gzip.compress(file_of_cards(values.astype(">f8").tobytes(), **cards), 1)


def large_multi_order_map(step: int) -> bytes:
    """Return a multi-order map of the most pixels, each `step` after the last one."""
    rows = limits.MAP_SPARSE_PIXELS
    pixels = np.empty(rows, dtype=[("uniq", ">i8"), ("density", ">f8")])
    index = np.arange(rows) * step
    order = 10 if step == 1 else 29
    pixels["uniq"] = (4 << 2 * order) + index
    pixels["density"] = np.arange(1, rows + 1)
    pixels["density"] *= (12 << 2 * order) / (4 * np.pi) / pixels["density"].sum()
    return gzip.compress(file_of_cards(pixels.tobytes(), NAXIS2=rows), 1)


MEASURED = """
import re, sys
from pathlib import Path
from fink_voevent.errors import NoticeError
from fink_voevent.sky import skymap

def peak_mb():
    # Not ru_maxrss, which begins with that of the process that started this one.
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) // 1024

content = sys.stdin.buffer.read()
before = peak_mb()
try:
    print(f"{len(skymap.read(content).lo)} pixels")
except NoticeError as error:
    print(error)
print(peak_mb() - before)
"""


def measured(content: bytes) -> tuple[str, int, float]:
    """Read a map in a process: the outcome, memory (MB) and CPU time (s) it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = subprocess.run(
        [sys.executable, "-c", MEASURED],
        input=content, capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    outcome, memory = found.stdout.decode().splitlines()
    return outcome, int(memory), after.ru_utime - before.ru_utime


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        (lambda: file_of_cards(TFIELDS=99999999), "99999999 columns"),
        (lambda: gzip.compress(PRIMARY + LARGE_IMAGE + bytes(2**28), 1), "no table"),
        (
            lambda: gzip.compress(file_of_cards(bytes(2**26), NAXIS2=2**22), 1),
            "UNIQ of the sky map is from 0 to 0",
        ),
    ],
    ids=["columns", "image", "rows"],
)
def test_a_hostile_map_takes_little_memory_and_time(content, outcome):
    found, memory_mb, cpu_s = measured(content())
    assert outcome in found
    assert memory_mb < 150
    assert cpu_s < 10


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("content", "memory_mb", "cpu_s"),
    [
        (large_flat_map, 1500, 60),
        (lambda: large_multi_order_map(1), 1000, 60),
        (lambda: large_multi_order_map(4**15), 1000, 60),
    ],
    ids=["flat", "multi-order", "scattered"],
)
def test_the_largest_maps_are_read_within_the_stated_memory(content, memory_mb, cpu_s):
    found, used_mb, used_s = measured(content())
    assert "pixels" in found
    assert used_mb < memory_mb
    assert used_s < cpu_s

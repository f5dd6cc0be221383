# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The table of a FITS file, read within bounds.

The file is read from its start, in pieces. Headers are checked before anything is read
or reserved because of what they say; of the table, only the columns that are needed
are kept. A column of variable length, and whatever else a sky map does not need, is
refused.
"""

from __future__ import annotations

import gzip
import io
import re
import warnings
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from fink_voevent import limits
from fink_voevent.errors import NoticeError

_BLOCK = 2880
_CARD = 80
_PIECE_BYTES = 2**22
_OTHER_FORMATS = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"\x1f\x9d": "compress",
    b"\x28\xb5\x2f\xfd": "zstandard",
}
_TFORM = re.compile(r"(\d{0,9})([LXBIJKAEDCMPQ])")
_BITS = {
    **{"L": 8, "X": 1, "B": 8, "I": 16, "J": 32, "K": 64, "A": 8, "E": 32},
    **{"D": 64, "C": 64, "M": 128, "P": 64, "Q": 128},
}
_INTEGERS = {"I": ">i2", "J": ">i4", "K": ">i8"}
_FLOATS = {"E": ">f4", "D": ">f8"}


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    name : str
        In upper case; empty if it has none.
    code : str
        Its type: the letter of TFORM.
    repeat : int
        Elements in a row.
    offset : int
        First byte in a row.
    unit : str
        As written; empty if it has none.
    scale, zero : int or float
        An element is what is stored, times `scale`, plus `zero`.
    """

    name: str
    code: str
    repeat: int
    offset: int
    unit: str
    scale: Any
    zero: Any

    @property
    def is_integer(self) -> bool:
        """Whether the elements are integers."""
        return self.code in _INTEGERS

    @property
    def is_float(self) -> bool:
        """Whether the elements are floating-point numbers."""
        return self.code in _FLOATS


@dataclass(frozen=True)
class Table:
    """The first table of a FITS file, of which only the header was read.

    Parameters
    ----------
    header : mapping of str to object
        Values of its keywords.
    columns : tuple of Column
        In their order.
    rows : int
        Number of rows.
    row_bytes : int
        Bytes of a row.
    stream : binary stream
        At the first byte of the first row.
    """

    header: Mapping[str, Any]
    columns: tuple[Column, ...]
    rows: int
    row_bytes: int
    stream: io.BufferedIOBase


def open_table(content: bytes) -> Table:
    """Find the first table of a FITS file.

    Parameters
    ----------
    content : bytes
        The file, compressed with gzip or not.

    Raises
    ------
    NoticeError
        If it is not FITS, has no table, or exceeds the bounds of `limits`.
    """
    stream = _stream(content)
    try:
        return _find_table(stream)
    except (OSError, EOFError, zlib.error) as error:
        raise NoticeError(f"the sky map cannot be read: {error}") from None


def read_columns(table: Table, columns: Sequence[Column]) -> list[np.ndarray]:
    """Read columns of a table, once.

    Parameters
    ----------
    table : Table
        What `open_table` returned.
    columns : sequence of Column
        Columns of integers or of floating-point numbers.

    Returns
    -------
    list of ndarray
        Elements of each column, row by row: int64 or float64.

    Raises
    ------
    NoticeError
        If the file ends before the table does, or an integer is too large.
    """
    try:
        return _read(table, columns)
    except (OSError, EOFError, zlib.error) as error:
        raise NoticeError(f"the sky map cannot be read: {error}") from None


def _stream(content: bytes) -> io.BufferedIOBase:
    for start, name in _OTHER_FORMATS.items():
        if content.startswith(start):
            raise NoticeError(f"the sky map is compressed with {name}, not with gzip")
    if content.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=io.BytesIO(content))
    return io.BytesIO(content)


def _find_table(stream: io.BufferedIOBase) -> Table:
    read_bytes = 0
    for number in range(limits.MAP_HDUS):
        block = stream.read(_BLOCK)
        if number == 0 and not block.startswith(b"SIMPLE  ="):
            raise NoticeError("the sky map is not a FITS file")
        if not block.startswith((b"SIMPLE  =", b"XTENSION=")):
            raise NoticeError("the sky map has no table")
        header = _header(block, stream)
        if header.get("XTENSION") == "BINTABLE":
            return _table(header, stream, read_bytes)
        data_bytes = _data_bytes(header)
        read_bytes += data_bytes
        _check_bytes(read_bytes)
        _skip(stream, -(-data_bytes // _BLOCK) * _BLOCK)
    raise NoticeError(
        f"the sky map has no table among its first {limits.MAP_HDUS} HDUs"
    )


def _header(block: bytes, stream: io.BufferedIOBase) -> dict[str, Any]:
    """Values of the header that begins with a block and continues in the stream."""
    blocks = []
    for _ in range(limits.MAP_HEADER_BLOCKS):
        if len(block) < _BLOCK:
            raise NoticeError("the sky map ends within a header")
        cards = [block[i : i + _CARD] for i in range(0, _BLOCK, _CARD)]
        last = next((i for i, c in enumerate(cards) if c.rstrip() == b"END"), None)
        blocks.append(b"".join(cards[:last]))
        if last is not None:
            return _values(b"".join(blocks))
        block = stream.read(_BLOCK)
    raise NoticeError(
        f"a header of the sky map has more than {limits.MAP_HEADER_BLOCKS} blocks of"
        f" {_BLOCK} bytes"
    )


def _values(cards: bytes) -> dict[str, Any]:
    """Values by keyword, the first of each; what cannot be read is left out."""
    values: dict[str, Any] = {}
    with warnings.catch_warnings():
        # A fault of a keyword that matters is found when the keyword is used.
        warnings.simplefilter("ignore", AstropyWarning)
        for card in fits.Header.fromstring(cards).cards:
            if card.keyword in values or card.keyword in ("", "COMMENT", "HISTORY"):
                continue
            try:
                values[card.keyword] = card.value
            except (fits.VerifyError, ValueError):
                continue
    return values


def _data_bytes(header: Mapping[str, Any]) -> int:
    """Size of the data of an image, without padding."""
    axes = [
        _integer(header, f"NAXIS{i}", 0, 2**40)
        for i in range(1, _integer(header, "NAXIS", 0, 999) + 1)
    ]
    if not axes:
        return 0
    elements = _integer(header, "PCOUNT", 0, 2**40, 0)
    product = 1
    for axis in axes:
        product = min(product * axis, 2**63)
    groups = _integer(header, "GCOUNT", 1, 2**40, 1)
    bits = abs(_integer(header, "BITPIX", -64, 64))
    return bits // 8 * groups * (elements + product)


def _skip(stream: io.BufferedIOBase, count: int) -> None:
    while count > 0:
        piece = stream.read(min(count, _PIECE_BYTES))
        if not piece:
            return
        count -= len(piece)


def _table(
    header: Mapping[str, Any], stream: io.BufferedIOBase, read_bytes: int
) -> Table:
    """Check the header of a table, and return the table."""
    if header.get("ZIMAGE") is True:
        raise NoticeError("the sky map is a compressed image, not a table of pixels")
    _integer(header, "BITPIX", 8, 8)
    _integer(header, "NAXIS", 2, 2)
    _integer(header, "GCOUNT", 1, 1, 1)
    if _integer(header, "PCOUNT", 0, 2**63, 0) > 0:
        raise NoticeError(
            f"the sky map has a heap of {header['PCOUNT']} bytes (PCOUNT), which is not"
            " read"
        )
    row_bytes = _integer(header, "NAXIS1", 1, 2**63)
    if row_bytes > limits.MAP_ROW_BYTES:
        raise NoticeError(
            f"the sky map has {row_bytes} bytes a row (NAXIS1), more than"
            f" {limits.MAP_ROW_BYTES}"
        )
    rows = _integer(header, "NAXIS2", 0, 2**63)
    _check_bytes(read_bytes + row_bytes * rows)
    columns = _columns(header)
    described = sum(_bytes(column.code, column.repeat) for column in columns)
    if described != row_bytes:
        raise NoticeError(
            f"the columns of the sky map have {described} bytes a row, and its header"
            f" says {row_bytes} (NAXIS1)"
        )
    if rows == 0:
        raise NoticeError("the sky map has no rows")
    return Table(header, columns, rows, row_bytes, stream)


def _columns(header: Mapping[str, Any]) -> tuple[Column, ...]:
    count = _integer(header, "TFIELDS", 1, 2**63)
    if count > limits.MAP_COLUMNS:
        raise NoticeError(
            f"the sky map has {_shown(count)} columns (TFIELDS), more than"
            f" {limits.MAP_COLUMNS}"
        )
    columns: list[Column] = []
    offset = 0
    for number in range(1, count + 1):
        form = header.get(f"TFORM{number}")
        parsed = _TFORM.match(form.strip().upper()) if isinstance(form, str) else None
        if parsed is None:
            raise NoticeError(
                f"column {number} of the sky map has the format {_shown(form)}"
                f" (TFORM{number}), which is not read"
            )
        repeat, code = int(parsed[1] or 1), parsed[2]
        columns.append(
            Column(
                _text(header, f"TTYPE{number}").upper(),
                code,
                repeat,
                offset,
                _text(header, f"TUNIT{number}"),
                header.get(f"TSCAL{number}", 1),
                header.get(f"TZERO{number}", 0),
            )
        )
        offset += _bytes(code, repeat)
    return tuple(columns)


def _bytes(code: str, repeat: int) -> int:
    return -(-_BITS[code] * repeat // 8)


def _read(table: Table, columns: Sequence[Column]) -> list[np.ndarray]:
    types = {**_INTEGERS, **_FLOATS}
    dtype = np.dtype(
        {
            "names": [str(i) for i in range(len(columns))],
            "formats": [(types[c.code], (c.repeat,)) for c in columns],
            "offsets": [c.offset for c in columns],
            "itemsize": table.row_bytes,
        }
    )
    stored = [
        np.empty((table.rows, c.repeat), np.int64 if c.is_integer else np.float64)
        for c in columns
    ]
    step = max(_PIECE_BYTES // table.row_bytes, 1)
    for start in range(0, table.rows, step):
        count = min(step, table.rows - start)
        piece = table.stream.read(count * table.row_bytes)
        if len(piece) < count * table.row_bytes:
            found = start + len(piece) // table.row_bytes
            raise NoticeError(
                f"the sky map ends after {found} of {table.rows} rows (NAXIS2)"
            )
        rows = np.frombuffer(piece, dtype)
        with np.errstate(invalid="ignore"):  # bits of NaN that are no number either
            for i, array in enumerate(stored):
                array[start : start + count] = rows[str(i)]
    return [_scaled(a.ravel(), c) for a, c in zip(stored, columns, strict=True)]


def _scaled(stored: np.ndarray, column: Column) -> np.ndarray:
    """Elements of a column, from what is stored."""
    scale, zero = column.scale, column.zero
    if not all(type(v) in (int, float) for v in (scale, zero)):
        raise NoticeError(f"column {column.name} of the sky map has a faulty TSCAL")
    if (scale, zero) == (1, 0):
        return stored
    if column.is_float:
        with np.errstate(over="ignore", invalid="ignore"):
            return stored * float(scale) + float(zero)
    # Unsigned integers are stored as signed ones, less half of their range.
    if scale != 1 or zero != 1 << _BITS[column.code] - 1:
        raise NoticeError(f"the integers of column {column.name} are scaled")
    if column.code != "K":
        return stored + int(zero)
    if stored.max() >= 0:
        raise NoticeError(f"column {column.name} of the sky map is out of range")
    return stored ^ np.int64(-(2**63))


def _integer(
    header: Mapping[str, Any],
    key: str,
    least: int,
    largest: int,
    default: int | None = None,
) -> int:
    """Integer of a keyword, within a range."""
    value = header.get(key, default)
    if type(value) is not int or not least <= value <= largest:
        raise NoticeError(f"the header of the sky map says {key} = {_shown(value)}")
    return value


def _text(header: Mapping[str, Any], key: str) -> str:
    value = header.get(key, "")
    return value.strip() if isinstance(value, str) else ""


def _check_bytes(count: int) -> None:
    if count > limits.MAP_FILE_BYTES:
        raise NoticeError(
            f"the sky map has {_shown(count)} bytes, more than {limits.MAP_FILE_BYTES}"
        )


def _shown(value: Any) -> str:
    """Value of a keyword, short enough for a message."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."

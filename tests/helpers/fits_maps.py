# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Small sky maps as FITS bytes."""

from __future__ import annotations

import io
import math

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from cdshealpix.nested import healpix_to_lonlat

from fink_voevent.sky.skymap import SkyMap

ORDER = 3
PIXELS = 12 * 4**ORDER
CELL_SR = 4 * math.pi / PIXELS


def fits_bytes(columns: dict[str, np.ndarray], **header) -> bytes:
    """Return a FITS file with one table of int64 and float64."""
    return table_bytes(
        [
            fits.Column(name, "K" if v.dtype.kind == "i" else "D", array=v)
            for name, v in columns.items()
        ],
        **header,
    )


def table_bytes(columns: list[fits.Column], **header) -> bytes:
    """Return a FITS file with one table."""
    table = fits.BinTableHDU.from_columns(columns)
    table.header.update(header)
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(stream)
    return stream.getvalue()


def header_bytes(cards: dict[str, object]) -> bytes:
    """Return a header of FITS as it is written, true or not; text is in quotes."""
    lines = [
        f"{key:<8}= '{v}'" if isinstance(v, str) else f"{key:<8}= {_number(v):>20}"
        for key, v in cards.items()
    ]
    text = "".join(f"{line[:80]:<80}" for line in [*lines, "END"])
    return text.ljust(-(-len(text) // 2880) * 2880).encode()


def _number(value: object) -> str:
    return {True: "T", False: "F"}[value] if isinstance(value, bool) else str(value)


TABLE_CARDS = {
    **{"XTENSION": "BINTABLE", "BITPIX": 8, "NAXIS": 2, "NAXIS1": 16, "NAXIS2": 12},
    **{"PCOUNT": 0, "GCOUNT": 1, "TFIELDS": 2, "TTYPE1": "UNIQ", "TFORM1": "K"},
    **{"TTYPE2": "PROBDENSITY", "TFORM2": "D", "ORDERING": "NUNIQ"},
}
PRIMARY = header_bytes({"SIMPLE": True, "BITPIX": 8, "NAXIS": 0, "EXTEND": True})


def file_of_cards(data: bytes | None = None, **changes: object) -> bytes:
    """Return a multi-order map of twelve pixels with changes to its header.

    Parameters
    ----------
    data : bytes or None
        What follows the header; None for the twelve pixels.
    **changes : object
        Values of keywords; None leaves a keyword out.
    """
    if data is None:
        pixels = np.empty(12, dtype=[("uniq", ">i8"), ("density", ">f8")])
        pixels["uniq"], pixels["density"] = np.arange(4, 16), 1 / (4 * math.pi)
        data = pixels.tobytes()
    cards = {k: v for k, v in (TABLE_CARDS | changes).items() if v is not None}
    padding = b"\0" * (-len(data) % 2880)
    return PRIMARY + header_bytes(cards) + data + padding


def normalised(values: np.ndarray) -> np.ndarray:
    """Return values that add up to 1, as probabilities do; NaN adds nothing."""
    total = np.nansum(values)
    return values / total if total > 0 else values


def multi_order_map(values: np.ndarray) -> bytes:
    """Return a multi-order map: UNIQ, and densities in proportion to the values.

    Parameters
    ----------
    values : ndarray of shape (PIXELS,)
        Value of each nested pixel of order `ORDER`, 0 or more.
    """
    uniq = 4 * 4**ORDER + np.arange(len(values), dtype=np.int64)
    density = normalised(values) / CELL_SR
    return fits_bytes({"UNIQ": uniq, "PROBDENSITY": density}, ORDERING="NUNIQ")


def flat_map(values: np.ndarray, ordering: str = "NESTED", name: str = "PROB") -> bytes:
    """Return a flat map: probabilities in proportion to the values, 0 or more."""
    return fits_bytes({name: normalised(values)}, ORDERING=ordering)


def pixel_centres(sky_map: SkyMap) -> SkyCoord:
    """Return the centres of the pixels of a map whose pixels all have one order."""
    order = 29 - int(np.log2((sky_map.hi - sky_map.lo)[0])) // 2
    index = (sky_map.lo >> 2 * (29 - order)).astype(np.uint64)
    return SkyCoord(*healpix_to_lonlat(index, order))


def raw_fits(table: dict[str, object], data: bytes = b"\0" * 2880) -> bytes:
    """Return a FITS file whose table has any header, whether it is right or not.

    Parameters
    ----------
    table : dict
        Cards of the table; they replace the usual ones of the same name.
    data : bytes, optional
        Content after the header.
    """
    usual = {"BITPIX": 8, "NAXIS": 2, "PCOUNT": 0, "GCOUNT": 1}
    primary = {"SIMPLE": True, "BITPIX": 8, "NAXIS": 0, "EXTEND": True}
    parts = [
        _block(_card("SIMPLE", primary.pop("SIMPLE")), primary),
        _block(b"XTENSION= 'BINTABLE'".ljust(80), usual | table),
    ]
    return b"".join(parts) + data


def _block(first: bytes, cards: dict[str, object]) -> bytes:
    lines = b"".join(
        [first, *(_card(k, v) for k, v in cards.items()), b"END".ljust(80)]
    )
    return lines.ljust(-(-len(lines) // 2880) * 2880)


def _card(name: str, value: object) -> bytes:
    text = (
        {True: "T", False: "F"}.get(value, value) if isinstance(value, bool) else value
    )
    text = f"'{text}'" if isinstance(value, str) else f"{text:>20}"
    return f"{name:<8}= {text}".ljust(80).encode()

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
    """Return a FITS file with one table."""
    fits_columns = [
        fits.Column(name, "K" if v.dtype.kind == "i" else "D", array=v)
        for name, v in columns.items()
    ]
    table = fits.BinTableHDU.from_columns(fits_columns)
    table.header.update(header)
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(stream)
    return stream.getvalue()


def multi_order_map(values: np.ndarray) -> bytes:
    """Return a multi-order map: UNIQ, and the values as densities.

    Parameters
    ----------
    values : ndarray of shape (PIXELS,)
        Value of each nested pixel of order `ORDER`.
    """
    uniq = 4 * 4**ORDER + np.arange(len(values), dtype=np.int64)
    return fits_bytes({"UNIQ": uniq, "PROBDENSITY": values}, ORDERING="NUNIQ")


def flat_map(values: np.ndarray, ordering: str = "NESTED", name: str = "PROB") -> bytes:
    """Return a flat map with a value for each pixel, in the given ordering."""
    return fits_bytes({name: values}, ORDERING=ordering)


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

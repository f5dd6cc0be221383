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


def as_fits(columns: dict[str, np.ndarray], **header) -> bytes:
    made = [
        fits.Column(name, "K" if v.dtype.kind == "i" else "D", array=v)
        for name, v in columns.items()
    ]
    table = fits.BinTableHDU.from_columns(made)
    table.header.update(header)
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(stream)
    return stream.getvalue()


def multi_order(values: np.ndarray) -> bytes:
    """One map, nested values of `ORDER` given as UNIQ and density."""
    uniq = 4 * 4**ORDER + np.arange(len(values), dtype=np.int64)
    return as_fits({"UNIQ": uniq, "PROBDENSITY": values}, ORDERING="NUNIQ")


def flat(values: np.ndarray, ordering: str = "NESTED", name: str = "PROB") -> bytes:
    return as_fits({name: values}, ORDERING=ordering)


def centres(found: SkyMap) -> SkyCoord:
    order = 29 - int(np.log2((found.hi - found.lo)[0])) // 2
    index = (found.lo >> 2 * (29 - order)).astype(np.uint64)
    return SkyCoord(*healpix_to_lonlat(index, order))

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Column functions for positions on the sky as HEALPix indices."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812 - as in all of Fink

from fink_voevent.errors import InputError
from fink_voevent.spark.columns import as_column as _column

ORDER = 29  # of every HEALPix index here: the deepest that fits in 64 bits
# Each byte with its bit k moved to bit 2k. A table, because a chain of shifts and masks
# uses its operand 32 times, which Spark's code generator cannot compile.
_SPREAD_BYTE = "array({})".format(
    ", ".join(f"{int(f'{byte:b}', 4)}L" for byte in range(256))
)


def on_sky(ra: Column | str | float, dec: Column | str | float) -> Column:
    """Whether a position is finite, with `dec` in [-90, 90]; null if one is null."""
    ra, dec = _column(ra), _column(dec)
    return dec.between(-90, 90) & ~F.isnan(ra) & (F.abs(ra) < float("inf"))


def healpix_index(ra: Column | str | float, dec: Column | str | float) -> Column:
    """HEALPix index, nested, order 29 (bigint); shift right by 2 (29 - k) for order k.

    Gorski et al. 2005, ApJ 622, 759, section 5.3. Null if the position is not `on_sky`.
    """
    ra, dec = _column(ra), _column(dec)
    nside = float(1 << ORDER)
    z = F.sin(F.radians(dec))
    # right ascension in quarters of the circle, [0, 4)
    quarter = ((ra % 360.0 + 360.0) % 360.0) / 90.0
    rising = F.floor(nside * (0.5 + quarter) - nside * z * 0.75)
    falling = F.floor(nside * (0.5 + quarter) + nside * z * 0.75)
    base = F.least(F.floor(quarter), F.lit(3).cast("bigint"))
    inside = quarter - base
    # sqrt(3 (1 - |z|)), without the cancellation near a pole
    polar = (
        nside * F.sqrt(F.lit(6.0)) * F.abs(F.sin(F.radians((90.0 - F.abs(dec)) / 2.0)))
    )
    top = F.lit((1 << ORDER) - 1).cast("bigint")
    jp = F.least(F.floor(inside * polar), top)
    jm = F.least(F.floor((1.0 - inside) * polar), top)

    equatorial = F.abs(z) <= 2.0 / 3.0
    north = dec > 0
    face = (
        F.when(equatorial, _equatorial_face(rising, falling))
        .when(north, base)
        .otherwise(base + 8)
    )
    ix = F.when(equatorial, falling.bitwiseAND(top)).when(north, top - jm).otherwise(jp)
    iy = (
        F.when(equatorial, top - rising.bitwiseAND(top))
        .when(north, top - jp)
        .otherwise(jm)
    )
    index = (
        F.shiftleft(face.bitwiseAND(F.lit(15).cast("bigint")), 2 * ORDER)
        + _spread(ix)
        + F.shiftleft(_spread(iy), 1)
    )
    # a sum, not a condition: Spark shares the common parts of unconditional code only
    return index + F.when(on_sky(ra, dec), F.lit(0))


def _equatorial_face(rising: Column, falling: Column) -> Column:
    face_rising = F.shiftright(rising, ORDER)
    face_falling = F.shiftright(falling, ORDER)
    return (
        F.when(face_rising == face_falling, face_rising.bitwiseOR(F.lit(4)))
        .when(face_rising < face_falling, face_rising)
        .otherwise(face_falling + 8)
    )


def _spread(bits: Column) -> Column:
    """Move bit k of a 29-bit number to bit 2k."""
    table = F.expr(_SPREAD_BYTE)
    spread = table[bits.bitwiseAND(F.lit(255))]
    for shift in (8, 16, 24):
        byte = F.shiftright(bits, shift).bitwiseAND(F.lit(255))
        spread = spread + F.shiftleft(table[byte], 2 * shift)
    return spread


def cell(index: Column | str, order: int) -> Column:
    """Cell of `order`, 0 to 29, that contains an index of order 29.

    Raises
    ------
    InputError
        If `order` is out of its range.
    """
    if not 0 <= order <= ORDER:
        raise InputError(f"order={order}: it must lie between 0 and {ORDER}")
    return F.shiftright(_column(index), 2 * (ORDER - order))

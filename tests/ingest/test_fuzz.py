# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Mutated and invented documents are rows or reasons, within the limits of a reader.

`FUZZ` documents of each kind: a thousand by default, 100,000 in the nightly tests.
"""

from __future__ import annotations

import base64
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from helpers.fits_maps import flat_map, multi_order_map, raw_fits
from helpers.hostile import HONEST, SCHEMA, gcn_json, lvk
from helpers.landed import landed
from helpers.mutation import VALUES, mutate

from fink_voevent.ingest.reader import STOPPED, Reader

DATA = Path(__file__).parents[2] / "datatest"
COUNT = int(os.environ.get("FUZZ", "1000"))
AT_ONCE = 32
NAMES = (
    *("superevent_id", "alert_type", "time_created", "event", "time", "far", "skymap"),
    *("$schema", "id", "ra", "dec", "ra_dec_error", "alert_datetime", "trigger_time"),
    *("rectangular_error_corners", "containment_probability", "healpix_file", "search"),
    *("classification", "properties", "alert_tense", "record_number", "skymap_fits"),
)
TAGS = (
    *("VOEvent", "Who", "Date", "What", "Param", "Group", "Value", "WhereWhen"),
    *("ObsDataLocation", "ObservationLocation", "AstroCoords", "Time", "TimeInstant"),
    *("ISOTime", "Position2D", "Value2", "C1", "C2", "Error2Radius", "Citations"),
    *("EventIVORN", "Name1", "Name2", "AstroCoordSystem", "Description"),
)
ATTRIBUTES = (
    "ivorn",
    "role",
    "version",
    "name",
    "value",
    "unit",
    "cite",
    "id",
    "xmlns",
)
CARDS = (
    *("BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT", "TFIELDS", "NSIDE"),
    *("TTYPE1", "TFORM1", "TTYPE2", "TFORM2", "TTYPE3", "TFORM3", "ORDERING"),
    *("INDXSCHM", "COORDSYS", "FIRSTPIX", "LASTPIX", "MOCORDER", "THEAP", "TDIM1"),
)
CARD_VALUES = (
    *(
        0,
        1,
        2,
        8,
        12,
        16,
        768,
        -1,
        -64,
        2**31,
        10**11,
        True,
        1.5,
        "",
        "K",
        "D",
        "1024E",
    ),
    *("UNIQ", "PROBDENSITY", "PROB", "PIXEL", "NUNIQ", "NESTED", "RING", "EXPLICIT"),
    *("1PK(9)", "999999999K", "-1D", "0K", "16A", "X", "C", "G", "E", "ICRS"),
)


def voevents(rng: random.Random) -> bytes:
    """Return a mutated VOEvent."""
    return mutate(rng.choice(ORIGINALS["voevents"]), rng)


def json_notices(rng: random.Random) -> bytes:
    """Return a mutated JSON notice."""
    return mutate(rng.choice(ORIGINALS["json"]), rng)


def maps(rng: random.Random) -> bytes:
    """Return an alert with a map: mutated, or with any header."""
    if rng.random() < 0.5:
        return lvk(mutate(rng.choice(MAPS), rng))
    cards = {
        rng.choice(CARDS): rng.choice(CARD_VALUES) for _ in range(rng.randint(1, 12))
    }
    usual = {"NAXIS1": 16, "NAXIS2": 12, "TFIELDS": 2, "TTYPE1": "UNIQ", "TFORM1": "K"}
    return lvk(raw_fits({**usual, "TTYPE2": "PROBDENSITY", "TFORM2": "D", **cards}))


def nonsense(rng: random.Random) -> bytes:
    """Return well-formed JSON or XML of known names in any order and depth."""
    if rng.random() < 0.5:
        content = {
            rng.choice(NAMES): _any_json(rng, 5) for _ in range(rng.randint(1, 12))
        }
        content |= (
            {"$schema": SCHEMA} if rng.random() < 0.5 else {"superevent_id": "S1"}
        )
        return json.dumps(content).encode("utf-8", "replace")
    return b'<VOEvent ivorn="ivo://a.b/c#1">%s</VOEvent>' % _any_xml(rng, 6)


def _any_json(rng: random.Random, depth: int) -> object:
    kind = rng.randrange(8 if depth else 5)
    if kind == 0:
        return rng.choice([0, -1, 1e308, -0.0, 10**300, True, None, float("nan")])
    if kind in (1, 2):
        return rng.choice(VALUES).decode()
    if kind == 3:
        return rng.uniform(-400, 400)
    if kind == 4:
        return base64.b64encode(rng.choice(MAPS)[: rng.randrange(9000)]).decode()
    if kind == 5:
        return {rng.choice(NAMES): _any_json(rng, depth - 1) for _ in range(3)}
    return [_any_json(rng, depth - 1) for _ in range(rng.randrange(5))]


def _any_xml(rng: random.Random, depth: int) -> bytes:
    parts = []
    for _ in range(rng.randrange(4) if depth else 0):
        tag = rng.choice(TAGS).encode()
        names = rng.sample(ATTRIBUTES[1:], rng.randrange(3))
        given = [b' %s="%s"' % (n.encode(), _text(rng)) for n in names]
        inner = _any_xml(rng, depth - 1) + (_text(rng) if rng.random() < 0.4 else b"")
        parts.append(b"<%s%s>%s</%s>" % (tag, b"".join(given), inner, tag))
    return b"".join(parts)


def _text(rng: random.Random) -> bytes:
    return rng.choice(VALUES).replace(b"&", b"").replace(b'"', b"").replace(b"<", b"")


ORIGINALS = {
    "voevents": [
        p.read_bytes()
        for folder in ("voevents", "traps")
        for p in sorted((DATA / folder).iterdir())
        if p.suffix == ".xml"
    ],
    "json": [
        *(p.read_bytes() for p in sorted((DATA / "json").iterdir())),
        *(gcn_json(), lvk()),
    ],
}
MAPS = [
    multi_order_map(np.arange(1, 769, dtype=float)),
    flat_map(np.arange(1, 769, dtype=float)),
    flat_map(np.arange(1, 769, dtype=float), "RING"),
]


def check(make: Callable[[random.Random], bytes], reader: Reader) -> None:
    """Read documents, some honest ones among them, which must all be events."""
    rng = random.Random(20170817)  # noqa: S311 - repeatable, not secret
    for group in _groups(make, rng):
        converted = reader.convert(group)
        found = [i for i in converted["events"]["ivorn"].to_pylist() if "honest#" in i]
        assert len(found) == 1
        for row in converted["quarantine"].to_pylist():
            assert "please report" not in row["reason"], row
            assert STOPPED not in row["reason"], row
        total = converted["events"].num_rows + converted["quarantine"].num_rows
        assert total == group.num_rows


def _groups(
    make: Callable[[random.Random], bytes], rng: random.Random
) -> Iterator[pa.RecordBatch]:
    for first in range(0, COUNT, AT_ONCE):
        raws = [make(rng) for _ in range(min(AT_ONCE, COUNT - first))]
        place = rng.randrange(len(raws) + 1)
        yield landed(*raws[:place], HONEST % first, *raws[place:])


@pytest.mark.parametrize("make", [voevents, json_notices, maps, nonsense])
def test_documents_of_any_kind_are_rows_or_reasons_within_the_limits(make, registry):
    with Reader(registry) as reader:
        check(make, reader)

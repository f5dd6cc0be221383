# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Damage documents: bytes changed, cut, repeated or inserted, or values replaced."""

from __future__ import annotations

import random
import re

from fink_voevent.notices.gcn_json import is_json

FRAGMENTS = [
    b"<", b">", b"&", b'"', b"\x00", b"\xff\xfe", b"]]>", b"<!--", b"<![CDATA[", b"-1",
    b"NaN", b"1e999", b"9" * 40, b"<Param/>", b"<Group>", b"</What>", b"&#0;", b"inf",
    b"<!DOCTYPE x>", b'name="TrigID"', b"0000-00-00T00:00:00", b"99999-01-01T00:00:00",
    b"<C1/>", b"<ISOTime>", b"TT-", b"GAL", "é".encode(), b' unit="arcmin"', b"{", b"}",
]  # fmt: skip
VALUE = re.compile(rb"""(?:="|>)([^<>"&]+)(?="|<)""")
JSON_VALUE = re.compile(rb"""": "?([^",\n{}\[\]]+)""")
VALUES = [
    b"-1", b"NaN", b"inf", b"1e999", b"9" * 400, b"", b" ", b"0", b"-0.0", b"1e-320",
    b"0000-00-00T00:00:00", b"99999-01-01T00:00:00", b"9999-12-31T23:59:60",
    b"0001-01-01T00:00:00+14:00", b"TT-ICRS-TOPO", b"GPS-GAL-TOPO", b"TDB", b"GAL",
    b"arcmin", b"rad", b"true", b"164", b"2", b"{TrigID}", "é ".encode(),
    b"0x10", b"1_000", b"ivo://nasa.gsfc.gcn/INTEGRAL#Wakeup", b"Dec", b"180",
    b"359.99",
    b"ivo://nasa.gsfc.gcn/Fermi#GBM_Flt_Pos", b"retraction", b"MDC", b"90.0000001",
    b"null", b"[1, 2]", b"{}", b"[]", b"1e400",
    b"ivo://gwnet/LVC#S1-999999999999999999999-Initial", b"90", b"-90", b"1e-300",
]  # fmt: skip


def mutate(raw: bytes, rng: random.Random) -> bytes:
    """Return a document with a few faults: bytes changed, cut, repeated or inserted."""
    if rng.random() < 0.7:  # the structure is intact, but values are wrong
        for _ in range(rng.randint(1, 8)):
            pattern = JSON_VALUE if is_json(raw) else VALUE
            spots = [m.span(1) for m in pattern.finditer(raw)]
            start, stop = rng.choice(spots or [(0, 0)])
            raw = raw[:start] + rng.choice(VALUES) + raw[stop:]
        return raw
    data = bytearray(raw)
    for _ in range(rng.randint(1, 6)):
        start, fault = rng.randrange(len(data) + 1), rng.randrange(5)
        size = rng.choice((1, 3, 20, 200))
        if fault == 0:
            data[start : start + size] = b""
        elif fault == 1:
            data[start:start] = rng.choice(FRAGMENTS)
        elif fault == 2:
            data[start:start] = data[start : start + size] * rng.choice((2, 50))
        elif fault == 3 and data:
            data[start - 1] = rng.randrange(256)
        else:
            data[start : start + size] = rng.choice(FRAGMENTS)
    return bytes(data)

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Parts from which the trap documents are composed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

V20 = "http://www.ivoa.net/xml/VOEvent/v2.0"
GCN = "ivo://nasa.gsfc.gcn"
DATE = "2024-01-15T12:00:00"
DATED = 1_705_320_000_000  # version of a notice of rank 0 with this date
NO_PLACE = {"ra": None, "dec": None, "error_r90": None, "cells": None, "fisher": None}


@dataclass(frozen=True)
class Trap:
    """A document, and the values of columns that should be read in it."""

    name: str
    raw: bytes
    expected: dict[str, Any]


def param(name: str, value: object, unit: str = "") -> str:
    """Return a Param."""
    return f'<Param name="{name}" value="{value}" unit="{unit}"/>'


def params(**values: object) -> str:
    """Return Params without units."""
    return "".join(param(k, v) for k, v in values.items())


def group(name: str, inner: str) -> str:
    """Return a Group."""
    return f'<Group name="{name}">{inner}</Group>'


def position(
    ra: object, dec: object, error: object | None, unit: str = ' unit="deg"'
) -> str:
    """Return a Position2D, without Error2Radius if `error` is None."""
    radius = "" if error is None else f"<Error2Radius>{error}</Error2Radius>"
    return (
        f"<Position2D{unit}><Name1>RA</Name1><Name2>Dec</Name2><Value2><C1>{ra}</C1>"
        f"<C2>{dec}</C2></Value2>{radius}</Position2D>"
    )


def where(time: str | None, place: str = "", system: str = "UTC-FK5-GEO") -> str:
    """Return an ObsDataLocation."""
    moment = (
        f"<Time><TimeInstant><ISOTime>{time}</ISOTime></TimeInstant></Time>"
        if time
        else ""
    )
    return (
        '<ObsDataLocation><ObservatoryLocation id="GEOLUN"/><ObservationLocation>'
        f'<AstroCoordSystem id="{system}"/><AstroCoords coord_system_id="{system}">'
        f"{moment}{place}</AstroCoords></ObservationLocation></ObsDataLocation>"
    )


def cite(ivorn: str, kind: str) -> str:
    """Return an EventIVORN."""
    return f'<EventIVORN cite="{kind}">{ivorn}</EventIVORN>'


def document(
    ivorn: str,
    what: str = "",
    location: str = "",
    cites: str = "",
    *,
    role: str = ' role="observation"',
    date: str = DATE,
    root: str = "voe:VOEvent",
    space: str = f' xmlns:voe="{V20}"',
    version: str = ' version="2.0"',
) -> bytes:
    """Return the bytes of a VOEvent."""
    citations = f"<Citations>{cites}</Citations>" if cites else ""
    where_when = f"<WhereWhen>{location}</WhereWhen>" if location else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><{root}{space}{version}{role}'
        f' ivorn="{ivorn}"><Who><AuthorIVORN>ivo://org.fink-broker/x</AuthorIVORN>'
        f"<Date>{date}</Date></Who><What>{what}</What>{where_when}{citations}</{root}>"
    ).encode()


IVORN = "ivo://org.example/stream#1"
TIME = "2024-01-15T10:00:00.5"
READ_TIME = "2024-01-15T10:00:00.500000Z"
PLACE = where(TIME, position(10.5, -20.25, 0.5))
READ_PLACE = {"ra": 10.5, "dec": -20.25, "position_kind": "source", "time": READ_TIME}


def gcn(kind: str, packet: int, place: str, role: str = "observation", **more) -> bytes:
    """Return a VOEvent as GCN Classic writes it."""
    cites = more.pop("cites", "")
    date = more.pop("date", DATE)
    groups = more.pop("groups", "")
    what = params(Packet_Type=packet, **more) + groups
    return document(
        f"{GCN}/{kind}", what, place, cites, role=f' role="{role}"', date=date
    )

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What a user names to be searched: a circle, MOC, sky map, notice or event."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fink_voevent.archive.place import Place, circle, coverage, credible_region
from fink_voevent.config.settings import Settings
from fink_voevent.errors import InputError, NoticeError
from fink_voevent.tables.times import TimeRange

if TYPE_CHECKING:
    from fink_voevent.show.records import Records

_CIRCLE = re.compile(r"([^,]+),([^,]+),\s*([-+.\deE]+)\s*(deg|arcmin|arcsec|'|\")?\s*")
_UNITS = {"": 1.0, "deg": 1.0, "'": 60.0, "arcmin": 60.0, '"': 3600.0, "arcsec": 3600.0}
_MOC_TEXT = re.compile(rb'\s*(\d+/|\{\s*"\d+"\s*:)')
_GZIP = b"\x1f\x8b"


class Target(NamedTuple):
    """What is searched.

    Parameters
    ----------
    name : str
        As people read it.
    place : Place
    window : TimeRange or None
        Of the event, if it is one with a time.
    """

    name: str
    place: Place
    window: TimeRange | None = None


def find_target(settings: Settings, what: str) -> Target:
    """Return the place and the time that a user has named.

    Parameters
    ----------
    settings : Settings
        `credible_level` of regions, `window`, `streams`, and where the tables are.
    what : str
        ``RA,DEC,RADIUS`` (deg; the radius with another unit as ``1arcmin``); a MOC as
        text; the path of a MOC, a sky map or a notice; or the name of an event of our
        tables.

    Raises
    ------
    InputError
        If it is none of these, or has no region.
    """
    found = _CIRCLE.fullmatch(what)
    if found is not None:
        return _circle(what, found)
    if _MOC_TEXT.match(what.encode()):
        return _moc("the MOC", what.encode())
    if Path(what).is_file():
        return _of_file(settings, Path(what))
    return _of_event(settings, what)


def _circle(what: str, found: re.Match[str]) -> Target:
    try:
        ra, dec, radius = (float(found[n]) for n in (1, 2, 3))
    except ValueError:
        raise InputError(
            f"{what!r} is not RA,DEC,RADIUS in degrees, as 210.8,54.3,1 or"
            " 210.8,54.3,1arcmin"
        ) from None
    radius_deg = radius / _UNITS[found[4] or ""]
    place = circle(ra, dec, radius_deg)
    return Target(f"{radius_deg:.6g} deg around {ra:g} {dec:+g}", place)


def _of_file(settings: Settings, path: Path) -> Target:
    content = path.read_bytes()
    try:
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
        if content.startswith(b"SIMPLE"):
            return _fits(settings, path, content)
        if _MOC_TEXT.match(content):
            return _moc(path.name, content)
    except (NoticeError, InputError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: {error}") from None
    from fink_voevent.show import records

    read = records.from_notices(_with_tests(settings), [str(path)])
    names = read.all_names()
    if len(names) != 1:
        raise InputError(
            f"{path} has notices of {len(names)} events that can be matched: give a"
            " file with notices of one"
        )
    return _of_records(settings, read, names[0])


def _fits(settings: Settings, path: Path, content: bytes) -> Target:
    from fink_voevent.sky import skymap
    from fink_voevent.sky.map_file import open_table
    from fink_voevent.sky.region import Region, RegionPixels

    table = open_table(content)
    if len(table.columns) == 1 and table.columns[0].is_integer:
        return _moc(path.name, content)
    found = skymap.read(content)
    pixels = RegionPixels(found.lo, found.hi, found.level, found.density)
    region = Region(float("nan"), float("nan"), pixels=pixels)
    place = credible_region(region, settings.credible_level)
    return Target(_region_name(path.name, settings), place)


def _moc(name: str, content: bytes) -> Target:
    from fink_voevent.sky.moc import read_moc

    return Target(name, coverage(read_moc(content)))


def _of_event(settings: Settings, name: str) -> Target:
    from fink_voevent.show import records

    try:
        read = records.from_tables(_with_tests(settings))
    except InputError:
        raise _unknown(name, "and there are no notices in the tables") from None
    if name not in read.all_names():
        raise _unknown(name, "nor an event of the tables")
    return _of_records(settings, read, name)


def _unknown(name: str, more: str) -> InputError:
    return InputError(
        f"{name} is neither a file nor RA,DEC,RADIUS nor a MOC, {more}:"
        " `fink_voevent events` lists the events"
    )


def _of_records(settings: Settings, read: Records, name: str) -> Target:
    (record,) = read.read([name])
    if record.region is None:
        raise InputError(f"{name} has no region: its notices give no position")
    place = credible_region(record.region, settings.credible_level)
    return Target(_region_name(name, settings), place, read.window(name))


def _region_name(name: str, settings: Settings) -> str:
    return f"{100 * settings.credible_level:g} % of {name}"


def _with_tests(settings: Settings) -> Settings:
    """Return settings by which a test counts: the user has named it."""
    return settings.model_copy(update={"allow_tests": True})

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Documents that are made to stop, stall or exhaust whoever reads them, by kind."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

from helpers.fits_maps import raw_fits

SCHEMA = (
    "https://gcn.nasa.gov/schema/v4/gcn/notices/einstein_probe/wxt/alert.schema.json"
)
HONEST = (
    b'<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0" version="2.0"'
    b' role="observation" ivorn="ivo://org.example/honest#%d"><Who><AuthorIVORN>'
    b"ivo://org.example</AuthorIVORN><Date>2024-01-15T03:00:00</Date></Who>"
    b"</voe:VOEvent>"
)
BLANKS = " " * 500_000


def voevent(
    *,
    ivorn: str = "ivo://org.example/hostile#1",
    time: str = "2024-01-15T02:00:00",
    date: str = "2024-01-15T03:00:00",
    ra: str = "10",
    radius: str = "1",
    what: str = "",
    rest: str = "",
    locations: int = 1,
) -> bytes:
    """Return a VOEvent with one of its parts replaced."""
    where = (
        "<ObsDataLocation><ObservatoryLocation/><ObservationLocation>"
        '<AstroCoordSystem id="UTC-FK5-GEO"/>'
        '<AstroCoords coord_system_id="UTC-FK5-GEO">'
        f"<Time><TimeInstant><ISOTime>{time}</ISOTime></TimeInstant></Time>"
        f'<Position2D unit="deg"><Value2><C1>{ra}</C1><C2>10</C2></Value2>'
        f"<Error2Radius>{radius}</Error2Radius></Position2D></AstroCoords>"
        "</ObservationLocation></ObsDataLocation>"
    )
    return (
        '<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0" version="2.0"'
        f' role="observation" ivorn="{ivorn}"><Who><Date>{date}</Date></Who>'
        f"<What>{what}</What><WhereWhen>{where * locations}</WhereWhen>{rest}"
        "</voe:VOEvent>"
    ).encode()


def gcn_json(**fields: object) -> bytes:
    """Return a notice of GCN's JSON schema with some of its fields replaced."""
    content = {
        "$schema": SCHEMA,
        "id": ["EP1"],
        "alert_datetime": "2024-01-15T03:00:00Z",
        "trigger_time": "2024-01-15T02:00:00Z",
        "ra": 10.0,
        "dec": 10.0,
        "ra_dec_error": 1.0,
    }
    return json.dumps(content | fields).encode()


def lvk(sky_map: bytes | None = None, **fields: object) -> bytes:
    """Return an alert of LVK with some of its fields replaced."""
    event: dict[str, object] = {"time": "2024-01-15T02:00:00Z", "far": 1e-10}
    if sky_map is not None:
        event["skymap"] = base64.b64encode(sky_map).decode()
    content = {
        "superevent_id": "S240115a",
        "alert_type": "INITIAL",
        "time_created": "2024-01-15T03:00:00Z",
        "event": event,
    }
    return json.dumps(content | fields).encode()


def _huge_table() -> bytes:
    """Map whose header declares more columns than any memory has room for."""
    return raw_fits({"NAXIS1": 16, "NAXIS2": 1, "TFIELDS": 99_999_999})


# What is right: "event", or a part of the reason in quarantine.
KINDS: dict[str, tuple[Callable[[], bytes], str]] = {
    "blanks in a time": (lambda: voevent(time=f"2024-01-15{BLANKS}x"), "characters"),
    "blanks in the date": (lambda: voevent(date=f"2024-01-15{BLANKS}x"), "characters"),
    "blanks in a short time": (
        lambda: voevent(time=f"2024-01-15{' ' * 60_000}x"),
        "event",
    ),
    "blanks in a time of JSON": (
        lambda: gcn_json(trigger_time=f"2024-01-15{' ' * 60_000}x"),
        "event",
    ),
    "a repeated schema": (
        lambda: json.dumps({"$schema": "gcn/notices/" * 80_000}).encode(),
        "without a $schema",
    ),
    "half a character": (lambda: gcn_json(note="a\ud800b"), "not a character"),
    "half a character as a name": (
        lambda: gcn_json(**{"note\udfff": 1}),
        "not a character",
    ),
    "half a character in the id": (lambda: gcn_json(id="\ud800"), "not a character"),
    "half a character in UTF-8": (
        lambda: gcn_json(note="@@@").replace(b"@@@", b"\xed\xa0\x80"),
        "not JSON",
    ),
    "a control character in the ivorn": (
        lambda: voevent(ivorn="ivo://org.example/a#1&#10;b"),
        "control character",
    ),
    "a control character in the id": (
        lambda: gcn_json(id="a\u001b[31mb"),
        "control character",
    ),
    "a zero in the id": (lambda: gcn_json(id="a\0b"), "control character U+0000"),
    "an id from right to left": (
        lambda: gcn_json(id="a\u202eb"),
        "control character U+202E",
    ),
    "an ivorn that looks like another": (
        lambda: voevent(ivorn="ivo://org.example/a#1\u200b"),
        "control character U+200B",
    ),
    "an id that XML cannot contain": (
        lambda: gcn_json(id="a\ufffeb"),
        "control character U+FFFE",
    ),
    "nested lists": (
        lambda: lvk(n=0).replace(b'"n": 0', b'"n": ' + b"[" * 900 + b"]" * 900),
        "levels deep",
    ),
    "lists nested beyond the parser": (
        lambda: lvk(n=0).replace(b'"n": 0', b'"n": ' + b"[" * 10**5 + b"]" * 10**5),
        "not JSON",
    ),
    "nested objects": (
        lambda: lvk(n=0).replace(
            b'"n": 0', b'"n": ' + b'{"a":' * 900 + b"1" + b"}" * 900
        ),
        "levels deep",
    ),
    "millions of numbers": (lambda: lvk(n=[1] * 4_000_000), "values"),
    "a number of many digits": (
        lambda: lvk(n=0).replace(b'"n": 0', b'"n": ' + b"9" * 4000),
        "digits",
    ),
    "numbers that are none": (
        lambda: gcn_json(ra=float("nan"), dec=float("inf"), n=-float("inf")),
        "event",
    ),
    "hundreds of thousands of Params": (
        lambda: voevent(what="<Param/>" * 300_000),
        "elements",
    ),
    "too many Params": (lambda: voevent(what='<Param name="a"/>' * 20_000), "Params"),
    "too many citations": (
        lambda: voevent(
            rest="<Citations>"
            + '<EventIVORN cite="supersedes">ivo://a/b#c</EventIVORN>' * 2000
            + "</Citations>"
        ),
        "citations",
    ),
    "too many locations": (lambda: voevent(locations=500), "locations"),
    "names that multiply": (
        lambda: voevent(
            what="".join(f'<Group name="{"g" * 90}">' for _ in range(12))
            + '<Param name="a"/>' * 5000
            + "</Group>" * 12
        ),
        "the name of a Group",
    ),
    "a long name of a Group": (
        lambda: voevent(
            what=f'<Group name="{"g" * 10**6}">'
            + '<Group name="a"/>' * 90_000
            + "</Group>"
        ),
        "the name of a Group",
    ),
    "a long name of an object": (
        lambda: gcn_json(**{"g" * 10**6: [{"a": n} for n in range(4000)]}),
        "the name of a Group",
    ),
    "a long name of a Param": (
        lambda: voevent(what=f'<Param name="{"p" * 2000}"/>'),
        "the name of a Param",
    ),
    "citations that end in slashes": (
        lambda: voevent(
            rest="<Citations>"
            + f'<EventIVORN cite="supersedes">ivo://a{"/" * 60_000}b</EventIVORN>' * 9
            + "</Citations>"
        ),
        "the ivorn of a citation",
    ),
    "short citations that end in slashes": (
        lambda: voevent(
            rest="<Citations>"
            + f'<EventIVORN cite="supersedes">ivo://a{"/" * 900}b</EventIVORN>' * 1000
            + "</Citations>"
        ),
        "event",
    ),
    "nested Groups": (
        lambda: voevent(what="<Group>" * 200 + "</Group>" * 200),
        "nested",
    ),
    "a long value": (
        lambda: voevent(what=f'<Param name="a" value="{"v" * 10**6}"/>'),
        "a text has",
    ),
    "a long ivorn": (lambda: voevent(ivorn=f"ivo://a/{'b' * 10**6}"), "its ivorn has"),
    "a long id": (lambda: gcn_json(id="x" * 2000), "its ivorn has"),
    "a number as long as a book": (lambda: voevent(radius="9" * 60_000), "event"),
    "an entity that grows": (
        lambda: (
            b'<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "'
            + b"&a;" * 1000
            + b'">]><VOEvent ivorn="&b;"/>'
        ),
        "DTD",
    ),
    "a corner for every degree": (
        lambda: gcn_json(
            ra_dec_error=None,
            rectangular_error_corners=[[10 + n / 1e4, 10.0] for n in range(2000)],
        ),
        "corners",
    ),
    "a map of millions of columns": (lambda: lvk(_huge_table()), "event"),
    "an ellipse without width": (lambda: gcn_json(ra_dec_error=[0, 0.2, 30]), "event"),
    "no map": (lambda: lvk(b"\x1f\x8b" + b"\0" * 1000), "event"),
    "an empty document": (lambda: b"", "empty"),
    "tags that do not end": (lambda: b"<a" * 10**6, "elements"),
    "too large": (lambda: b"<a>" + b" " * 16 * 2**20 + b"</a>", "larger than"),
}

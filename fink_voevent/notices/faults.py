# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What a publisher should mend in a notice that can be read, but not as intended.

None of these faults refuses a notice. Each says what is done with the notice all the
same, and what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from fink_voevent.notices import identity
from fink_voevent.notices.document import Document, Location, parse_number
from fink_voevent.notices.quantities import format_angle, format_percent
from fink_voevent.notices.streams import Stream
from fink_voevent.notices.times import SCALES, parse_iso

ROLES = ("observation", "prediction", "utility", "test")
CITES = ("followup", "supersedes", "retraction")
FRAMES = ("ICRS", "FK5")  # others than galactic coordinates are taken as these
_IVORN = re.compile(r"ivo://\w[\w.-]+/[^\s#?]+[#?]\S+\Z", re.ASCII)
_NO_ROOT = "No matching global declaration"  # of libxml2, about the root element
_FACET, _ONE_OF = "[facet 'enumeration'] ", " is not an element of the set"
_EXAMPLE_TIME = "2024-01-15T02:03:04.5"
_QUOTED = 80  # characters of a text that are shown
LATEST_TRIGGER = timedelta(hours=1)  # after the issue: notices of mergers come early
# Tenses of the notices that are matched, or would be if they were no tests.
_MATCHED = ("observation", "test", "injection")


class Fault(NamedTuple):
    """One thing to mend.

    Parameters
    ----------
    found : str
        What is missing or wrong.
    effect : str
        What is done with the notice.
    advice : str
        What to write instead.
    """

    found: str
    effect: str
    advice: str


def find_faults(
    document: Document, stream: Stream, row: dict[str, Any], invalid: str | None
) -> list[Fault]:
    """Return what the publisher of a notice should mend.

    Parameters
    ----------
    document : Document
        The notice.
    stream : Stream
        Its stream.
    row : dict
        Its row, as `normalisation.normalise` returns it.
    invalid : str or None
        Why it is not valid, as `voevent.find_invalid` returns it.

    Returns
    -------
    list of Fault
        In the order of importance: stream, time, position, then the rest. Empty if
        there is nothing to mend.
    """
    faults = [*_stream_faults(stream)]
    foreign = _foreign_citation(document, row)
    if foreign is not None:
        faults.append(foreign)
    if row["tense"] == "unknown":
        faults += _tense_faults(identity.unknown_word(document, stream))
    if row["kind"] == "retraction":
        faults += _retraction_faults(row) if foreign is None else []
    elif row["live"] and row["tense"] in _MATCHED:
        faults += _time_faults(document, row)
        faults += _position_faults(document, stream, row)
    if row["schema_version"] is not None:  # a VOEvent
        faults += _voevent_faults(document, row, invalid)
    return [*faults, *_date_faults(document, row)]


def _stream_faults(stream: Stream) -> Iterator[Fault]:
    if stream.messenger != "unknown" or not stream.live:
        return
    before, after = stream.window_days
    containment = format_percent(stream.containment)
    yield Fault(
        "the stream is not known: streams.toml has no block for it",
        f"the defaults are used: an error contains {containment}, and alerts"
        f" from {before:g} d before to {after:g} d after the event are matched",
        "a block of streams.toml, with the messenger and what your error contains",
    )


def _tense_faults(word: str | None) -> Iterator[Fault]:
    yield Fault(
        f"the word {_quoted(word)} for its role, tense or alert type is not known",
        "it is never matched: it may be a test",
        "as the tense current, test or injection; as the type initial, update or"
        " retraction",
    )


def _foreign_citation(document: Document, row: dict[str, Any]) -> Fault | None:
    """Fault of a notice that supersedes or retracts that of another publisher."""
    acting = [
        (ivorn, cite.lower())
        for ivorn, cite in document.cites
        if cite.lower() in ("supersedes", "retraction")
        and ivorn not in ("", document.ivorn)
    ]
    if not acting or row["event_id"] != row["ivorn"]:
        return None
    ivorn, cite = acting[0]
    return Fault(
        f"{cite} of {_quoted(ivorn)}, a notice of another publisher",
        "it only relates the two: a notice of others is not changed",
        "the ivorn of a notice of yours, with the same beginning up to #, or a table"
        " [publisher.NAME] of streams.toml with all of your ivorns",
    )


def _retraction_faults(row: dict[str, Any]) -> Iterator[Fault]:
    if row["event_id"] != row["ivorn"]:
        return
    yield Fault(
        "a retraction of nothing: it cites no notice and names no event",
        "it changes nothing",
        'EventIVORN cite="retraction", with the ivorn of what is retracted',
    )


def _time_faults(document: Document, row: dict[str, Any]) -> Iterator[Fault]:
    written = next((w for w in document.locations if w.time), None)
    advice = f"ISOTime in UTC, as {_EXAMPLE_TIME}"
    if row["schema_version"] is None:
        advice = f"trigger_time in UTC, as {_EXAMPLE_TIME}Z"
    wrong = written is not None and parse_iso(written.time) is None
    if row["time"] is None:
        found = (
            f"{_quoted(written.time)} is not a time" if written and wrong else "no time"
        )
        yield Fault(
            found,
            "it is not matched, unless another notice of the event has a time",
            advice,
        )
        return
    if row["time_source"] == "issued":
        effect = "the time of the issue is used"
    else:
        effect = "the Params *_TJD and *_SOD are used"
    if written is not None and wrong:
        yield Fault(f"{_quoted(written.time)} is not a time", effect, advice)
    elif row["time_source"] == "issued":
        yield Fault("no time", effect, advice)
    if written is not None and row["schema_version"] is not None:
        yield from _scale_faults(written)
    if row["issued"] and row["time"] - row["issued"] > LATEST_TRIGGER:
        yield Fault(
            "the event is later than the issue of the notice",
            "the time of the event is used as it is written",
            "both times in UTC",
        )


def _scale_faults(location: Location) -> Iterator[Fault]:
    system = location.coord_system
    scale = system.partition("-")[0].lower()
    if scale not in SCALES:
        what = f"the time scale of {_quoted(system)} is not known" if system else ""
        yield Fault(
            what or "no AstroCoordSystem",
            "UTC and ICRS are assumed",
            'AstroCoordSystem id="UTC-ICRS-TOPO", and times in UTC',
        )


def _position_faults(
    document: Document, stream: Stream, row: dict[str, Any]
) -> Iterator[Fault]:
    if row["skymap_state"] not in ("none", "read"):
        yield Fault(
            f"the sky map cannot be used: {row['skymap_state']}",
            "the notice is used without it",
            "a HEALPix map whose probability adds up to 1",
        )
    location = next((w for w in document.locations if w.c1 and w.c2), None)
    if row["ra"] is None:
        if stream.position == "auto" and row["cells"] is None:
            yield _no_position(location, row)
        return
    if location is None:
        return
    if row["error_raw"] is None:
        yield _no_error(location, stream, row)
    frame = location.coord_system.upper()
    if frame and "GAL" not in frame and not any(name in frame for name in FRAMES):
        yield Fault(
            f"the frame of {_quoted(location.coord_system)} is not known",
            "the coordinates are taken as right ascension and declination, ICRS",
            'AstroCoordSystem id="UTC-ICRS-TOPO"',
        )
    count = sum(1 for w in document.locations if w.c1 and w.c2)
    if count > 1:
        yield Fault(
            f"{count} positions",
            "the first is used",
            "one ObsDataLocation with a position",
        )


def _no_position(location: Location | None, row: dict[str, Any]) -> Fault:
    effect = "it is not matched, unless another notice of the event has a position"
    advice = "Position2D in degrees, ICRS, with Error2Radius; or a sky map"
    if row["schema_version"] is None:
        advice = "ra, dec and ra_dec_error in degrees; or healpix_file"
    if row["skymap_url"] is not None:
        effect = "it is matched in time only, until its sky map is fetched"
    if location is None:
        return Fault("no position", effect, advice)
    place = _quoted(f"{location.c1} {location.c2}")
    found = f"{place} is not used as a position"
    if row["position_kind"] == "dummy":
        found = f"{place} is not a position{_why_dummy(location)}"
    elif row["position_kind"] == "pointing":
        found = f"{place} is a pointing, by Coords_Type 2"
    elif row["position_kind"] == "none":
        found = f"{place} is no position, by Coords_Type 0"
    return Fault(found, effect, advice)


def _why_dummy(location: Location) -> str:
    first, second = parse_number(location.c1), parse_number(location.c2)
    error = parse_number(location.error)
    if first is None or second is None:
        return ": they are not two numbers"
    if (first, second) == (0.0, 0.0) and not error:
        return ": 0 0 without an error means none"
    if error is not None and error >= 180:
        return ": its error is the whole sky"
    return ": out of range (right ascension 0 to 360, declination -90 to 90)"


def _no_error(location: Location, stream: Stream, row: dict[str, Any]) -> Fault:
    name = stream.error_param or "Error2Radius"
    if row["schema_version"] is None:
        name = "ra_dec_error"
    written = location.error if stream.error_param is None else None
    found = f"no {name}"
    if written is not None:
        found = f"{name} is {_quoted(written)}, which is not an error"
    if stream.asymmetric_params and row["pixels"]:
        return Fault(found, "the four errors by side are used", f"{name} too")
    return Fault(
        found,
        f"{format_angle(stream.default_error_deg)} is used, the default of the stream",
        f"{name} in degrees, the radius that contains"
        f" {format_percent(row['containment'])}",
    )


def _voevent_faults(
    document: Document, row: dict[str, Any], invalid: str | None
) -> Iterator[Fault]:
    if not _IVORN.match(document.ivorn):
        yield Fault(
            f"the ivorn {_quoted(document.ivorn)} is unusual",
            "it is kept as it is; brokers may refuse it",
            "ivo://your.authority/stream#name, with another name in each notice",
        )
    if document.role not in ROLES:
        yield Fault(
            "no role"
            if document.role is None
            else f"the role {_quoted(document.role)} is not known",
            f"it is taken as {_a(row['tense'])}; Comet does not pass it on",
            'role="observation", "test", "utility" or "prediction"',
        )
    if row["schema_version"] != "2.0":
        yield Fault(
            f"it is a VOEvent {row['schema_version']}",
            "it is read all the same; Comet takes only 2.0 from an author",
            "VOEvent 2.0",
        )
    elif invalid is not None:
        yield _invalid_fault(invalid)
    strange = sorted({cite for _, cite in document.cites} - set(CITES))
    if strange:
        yield Fault(
            f"a citation with cite={_quoted(strange[0])}" if strange[0] else "no cite",
            "the two notices are not linked by it",
            'cite="supersedes" in an update, "retraction" or "followup"',
        )


def _invalid_fault(invalid: str) -> Fault:
    if _ONE_OF in invalid:  # of a list that can be long
        invalid = f"{invalid.partition(_ONE_OF)[0].replace(_FACET, '')} is not allowed"
    found, advice = (
        f"not valid by the schema of VOEvent 2.0: {invalid}",
        "what that schema allows",
    )
    if _NO_ROOT in invalid:
        found = "the root element is not in the namespace of VOEvent 2.0"
        advice = '<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0" ...>'
    effect = "it is read all the same; Comet does not take it from an author"
    return Fault(found, effect, advice)


def _date_faults(document: Document, row: dict[str, Any]) -> Iterator[Fault]:
    if row["issued"] is not None:
        return
    name = "Who/Date" if row["schema_version"] is not None else "alert_datetime"
    found = f"{_quoted(document.date)} is not a date" if document.date else f"no {name}"
    yield Fault(
        found,
        "which of two notices is later may not be known",
        f"{name} in UTC, as {_EXAMPLE_TIME}",
    )


def _quoted(text: str | None) -> str:
    """Return what a publisher wrote, in quotes; the beginning if it is long."""
    text = text or ""
    return repr(text) if len(text) <= _QUOTED else f"{text[:_QUOTED]!r}..."


def _a(tense: str) -> str:
    return f"{'an' if tense[:1] in 'aeio' else 'a'} {tense}"

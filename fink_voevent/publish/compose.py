# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Compose the VOEvent 2.0 of a transient and of what it coincides with.

The same transient, coincidence and citations always give the same bytes and the same
ivorn.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from lxml import etree

from fink_voevent import __version__
from fink_voevent.alerts.transient import Transient
from fink_voevent.errors import NoticeError
from fink_voevent.notices import voevent
from fink_voevent.publish import digits

VOE = "http://www.ivoa.net/xml/VOEvent/v2.0"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
SCHEMA = f"{VOE} http://www.ivoa.net/xml/VOEvent/VOEvent-v2.0.xsd"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
MOST_BYTES = 99_999  # Comet closes the connection if a packet is larger
NOT_REAL = ("test", "injection", "unknown")  # tenses that are sent with role test
SITES = {"ztf": "Palomar Observatory", "rubin": "Vera C. Rubin Observatory"}


class CoincidenceParam(NamedTuple):
    """A Param of a coincidence.

    Parameters
    ----------
    name : str
        Also that of the column of the table coincidences.
    unit, ucd : str
    meaning : str
        Its Description, for a reader who knows nothing of our tables.
    digits : int, optional
        Significant digits of a number.
    """

    name: str
    unit: str
    ucd: str
    meaning: str
    digits: int = 0


COINCIDENCE_PARAMS = (
    CoincidenceParam("event_id", "", "meta.id", "the event, as its publisher names it"),
    CoincidenceParam("messenger", "", "meta.code.class", "what carries its signal"),
    CoincidenceParam("stream", "", "meta.id", "kind of its current notice"),
    CoincidenceParam(
        "status",
        "",
        "meta.code.status",
        "new, update, withdrawn (the alert is no longer in the region) or retracted"
        " (the event is retracted)",
    ),
    CoincidenceParam(
        "separation",
        "deg",
        "pos.angDistance",
        "angle between the alert and the position in the notice",
        4,
    ),
    CoincidenceParam(
        "credible_level",
        "",
        "stat.probability",
        "probability of all places of the event's region that are more probable than"
        " that of the alert: 0 at the most probable place, 0.9 at the edge of the 90 %"
        " region",
        4,
    ),
    CoincidenceParam(
        "density",
        "sr-1",
        "stat.probability",
        "probability per solid angle that the event is at the place of the alert",
        3,
    ),
    CoincidenceParam(
        "delay", "d", "time.interval", "time from the event to the alert", 6
    ),
    CoincidenceParam(
        "prior_activity",
        "",
        "meta.code",
        "whether the object was detected before the event: active, new or unknown",
    ),
    CoincidenceParam(
        "p_chance",
        "",
        "stat.probability",
        "probability that unrelated alerts alone give one in this region and window"
        " that ranks as high. It is not the probability that this alert is unrelated",
        3,
    ),
    CoincidenceParam(
        "background_rate",
        "deg-2.d-1",
        "stat.mean",
        "unrelated alerts that pass the same cuts, at this place",
        3,
    ),
    CoincidenceParam("coincidence_id", "", "meta.id", "identifier of the coincidence"),
)
CONTAINMENT = 0.68  # probability that the object is within Error2Radius
_IN_REGION = (
    "The alert is in the region and the time window of {event}. Whether the two are"
    " related is not known: see the Params of the Group coincidence."
)
_ENDED = {
    "withdrawn": "The alert is no longer in the region and the time window of {event}.",
    "retracted": "{event} was retracted.",
}


class Citation(NamedTuple):
    """A citation of another VOEvent.

    Parameters
    ----------
    ivorn : str
        The cited VOEvent.
    kind : {"followup", "supersedes", "retraction"}
    """

    ivorn: str
    kind: str


@dataclass(frozen=True)
class Author:
    """Who publishes a VOEvent.

    Parameters
    ----------
    ivo : str
        Identifier of the author, ``ivo://<authority>/<stream>``.
    contact : str, optional
        E-mail address for questions.
    """

    ivo: str
    contact: str = ""


@dataclass(frozen=True)
class Packet:
    """A VOEvent.

    Parameters
    ----------
    ivorn : str
        Its identifier.
    raw : bytes
        The XML document.
    """

    ivorn: str
    raw: bytes


def compose(
    transient: Transient,
    author: Author,
    coincidence: Mapping[str, Any] | None = None,
    citations: Iterable[Citation] = (),
) -> Packet:
    """Compose the VOEvent of a transient.

    Parameters
    ----------
    transient : Transient
    author : Author
    coincidence : mapping, optional
        Row of the table coincidences. If its event is a test or an injection, the role
        of the VOEvent is ``test``.
    citations : iterable of Citation
        Written in this order, without duplicates. If there are so many that the result
        would be too large, only the last one of each kind is written.

    Raises
    ------
    NoticeError
        If the result would not be a valid VOEvent, or would be too large for Comet.
    """
    citations = tuple(dict.fromkeys(citations))
    packet = _packet(transient, author, coincidence, citations)
    if len(packet.raw) > MOST_BYTES:
        last = tuple({citation.kind: citation for citation in citations}.values())
        packet = _packet(transient, author, coincidence, last)
    if len(packet.raw) > MOST_BYTES:
        raise NoticeError(
            f"{packet.ivorn} has {len(packet.raw)} bytes; the limit is {MOST_BYTES}"
        )
    voevent.check(packet.raw)
    return packet


def _packet(
    transient: Transient,
    author: Author,
    coincidence: Mapping[str, Any] | None,
    citations: tuple[Citation, ...],
) -> Packet:
    # The identifier contains a hash of the document without it, so that documents of
    # different content have different identifiers.
    draft = _bytes(_document(transient, author, coincidence, citations, author.ivo))
    digest = hashlib.sha256(draft).hexdigest()[:16]
    ivorn = f"{author.ivo}#{transient.survey}-{transient.alert_id}-{digest}"
    raw = _bytes(_document(transient, author, coincidence, citations, ivorn))
    return Packet(ivorn, raw)


def _bytes(root: etree._Element) -> bytes:
    """Write a document, one element a line."""
    etree.indent(root)
    text: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return text


def _document(
    transient: Transient,
    author: Author,
    coincidence: Mapping[str, Any] | None,
    citations: tuple[Citation, ...],
    ivorn: str,
) -> etree._Element:
    root = etree.Element(f"{{{VOE}}}VOEvent", nsmap={"voe": VOE, "xsi": XSI})
    root.set("version", "2.0")
    is_test = coincidence is not None and coincidence["tense"] in NOT_REAL
    root.set("role", "test" if is_test else "observation")
    root.set("ivorn", ivorn)
    root.set(f"{{{XSI}}}schemaLocation", SCHEMA)
    _add_who(root, author, _date(transient, coincidence))
    what = _add(root, "What")
    _add_alert(what, transient)
    if coincidence is not None:
        group = _add(what, "Group", name="coincidence", type="coincidence")
        for param in COINCIDENCE_PARAMS:
            value = _measured(coincidence[param.name], param.digits)
            _add_param(group, param.name, value, param.unit, param.ucd, param.meaning)
    _add_where_when(root, transient)
    _add_how(root, transient)
    _add_why(root, transient, coincidence)
    if citations:
        cited = _add(root, "Citations")
        for citation in citations:
            _add(cited, "EventIVORN", citation.ivorn, cite=citation.kind)
    return root


def _date(transient: Transient, coincidence: Mapping[str, Any] | None) -> datetime:
    """Return the moment when the whole content was known, UTC.

    The current time would give another document each time.
    """
    if coincidence is None:
        return transient.time
    return max(transient.time, coincidence["notice_received_at"])


def _add_who(root: etree._Element, author: Author, date: datetime) -> None:
    who = _add(root, "Who")
    _add(who, "AuthorIVORN", author.ivo.removeprefix("ivo://"))
    _add(who, "Date", f"{date:%Y-%m-%dT%H:%M:%S}")
    element = _add(who, "Author")
    _add(element, "title", "Fink: alerts of interest")
    _add(element, "shortName", "Fink")
    if author.contact:
        _add(element, "contactEmail", author.contact)


def _add_alert(what: etree._Element, transient: Transient) -> None:
    magnitude, error = transient.magnitude, transient.magnitude_error
    if magnitude is not None and error:
        measured = Number(digits.fixed(magnitude, digits.decimals(error)))
    else:
        measured = _measured(magnitude, 5)
    group = _add(what, "Group", name="alert", type="alert")
    _add_param(group, "survey", transient.survey, "", "meta.id;instr")
    _add_param(group, "alert_id", str(transient.alert_id), "", "meta.id")
    _add_param(group, "object_id", transient.object_id, "", "meta.id;src")
    _add_param(
        *(group, "magnitude", measured, "mag", "phot.mag"),
        "AB magnitude in the difference image",
    )
    _add_param(
        *(group, "magnitude_error", _measured(error, 2), "mag"),
        *("stat.error;phot.mag", "standard deviation"),
    )
    _add_param(group, "band", transient.band, "", "meta.id;instr.bandpass")
    _add_param(
        *(group, "quality", _measured(transient.quality, 3), "", "meta.code.qual"),
        "score of the survey: 1 is a real source, 0 is not",
    )
    _add_param(group, "classification", transient.classification, "", "src.class")
    _add_param(
        *(group, "Error2Radius_containment", _measured(CONTAINMENT, 2), ""),
        *("stat.probability", "probability that the object is within Error2Radius"),
    )


def _measured(value: Any, count: int) -> Any:
    """Write a number with some significant digits; return anything else as it is.

    None, NaN and infinity become None.
    """
    if not isinstance(value, float):
        return value
    return Number(digits.significant(value, count)) if math.isfinite(value) else None


def _add_where_when(root: etree._Element, transient: Transient) -> None:
    data = _add(_add(root, "WhereWhen"), "ObsDataLocation")
    _add(data, "ObservatoryLocation", id=SITES[transient.survey])
    observation = _add(data, "ObservationLocation")
    _add(observation, "AstroCoordSystem", id="UTC-ICRS-TOPO")
    coords = _add(observation, "AstroCoords", coord_system_id="UTC-ICRS-TOPO")
    time = _add(_add(coords, "Time", unit="s"), "TimeInstant")
    _add(time, "ISOTime", digits.moment(transient.time))
    position = _add(coords, "Position2D", unit="deg")
    _add(position, "Name1", "RA")
    _add(position, "Name2", "Dec")
    value = _add(position, "Value2")
    count = digits.decimals(transient.error)
    _add(value, "C1", digits.longitude(transient.ra, count))
    _add(value, "C2", digits.fixed(transient.dec, count))
    _add(position, "Error2Radius", digits.significant(transient.error, 2))


def _add_how(root: etree._Element, transient: Transient) -> None:
    how = _add(root, "How")
    fink = transient.fink_version or "Fink"
    text = f"{SITES[transient.survey]}; {fink}; fink-voevent {__version__}"
    _add(how, "Description", text)
    _add(how, "Reference", uri="https://fink-broker.org")
    if transient.address is not None:
        _add(how, "Reference", uri=transient.address)


def _add_why(
    root: etree._Element, transient: Transient, coincidence: Mapping[str, Any] | None
) -> None:
    """Add why it is sent, and the class of the object.

    No number is here: readers take an importance, or the probability of an Inference,
    for the probability that the two belong together, which is not known.
    """
    if coincidence is None and transient.classification is None:
        return  # the schema does not allow an empty Why
    why = _add(root, "Why")
    if coincidence is not None:
        text = _ENDED.get(coincidence["status"], _IN_REGION)
        _add(why, "Description", text.format(event=coincidence["event_id"]))
    if transient.classification is not None:
        identified = _add(why, "Inference", relation="identified")
        _add(identified, "Name", transient.object_id or str(transient.alert_id))
        _add(identified, "Concept", transient.classification)
        _add(identified, "Description", "class of the object, as Fink gives it")


class Number(str):
    """A number as it is written, with the digits that were measured."""


def _add_param(
    group: etree._Element,
    name: str,
    value: Any,
    unit: str,
    ucd: str,
    meaning: str = "",
) -> None:
    """Add a Param, with its Description; add nothing if the value is None."""
    if value is None:
        return
    kind = "float" if isinstance(value, Number) else "string"
    text = _xml_text(value)
    param = _add(group, "Param", name=name, value=text, dataType=kind, ucd=ucd)
    if unit:
        param.set("unit", unit)
    if meaning:
        _add(param, "Description", meaning)


def _add(
    parent: etree._Element, tag: str, text: str | None = None, /, **attributes: str
) -> etree._Element:
    child = etree.SubElement(parent, tag, attributes)
    if text is not None:
        child.text = _xml_text(text)
    return child


def _xml_text(value: Any) -> str:
    """Convert a value to text, without the characters that XML does not allow."""
    return _NOT_XML.sub("", str(value))

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A transient, and what it coincides with, as the bytes of a VOEvent 2.0.

The same transient, coincidence and citations give the same bytes and the same ivorn,
whenever and wherever they are made.
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

VOE = "http://www.ivoa.net/xml/VOEvent/v2.0"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
SCHEMA = f"{VOE} http://www.ivoa.net/xml/VOEvent/VOEvent-v2.0.xsd"
MOST_BYTES = 99_999  # Comet closes the connection on more
SITES = {"ztf": "Palomar Observatory", "rubin": "Vera C. Rubin Observatory"}
# Name, column, unit and UCD of what is told of a coincidence.
TOLD = (
    ("event_id", "event_id", "", "meta.id"),
    ("messenger", "messenger", "", "meta.code.class"),
    ("stream", "stream", "", "meta.id"),
    ("status", "status", "", "meta.code.status"),
    ("separation", "separation", "deg", "pos.angDistance"),
    ("credible_level", "credible_level", "", "stat.probability"),
    ("density", "density", "sr-1", "stat.probability"),
    ("delay", "delay", "d", "time.interval"),
    ("prior_activity", "prior_activity", "", "meta.code"),
    ("p_chance", "p_chance", "", "stat.probability"),
    ("background_rate", "background_rate", "deg-2.d-1", "stat.mean"),
    ("coincidence_id", "coincidence_id", "", "meta.id"),
)


class Cite(NamedTuple):
    """An ivorn that is cited, and how: followup, supersedes or retraction."""

    ivorn: str
    how: str


@dataclass(frozen=True)
class Author:
    """Who sends: ``ivo://<authority>/<stream>``, and an address for questions."""

    ivo: str
    contact: str = ""


@dataclass(frozen=True)
class Packet:
    """A VOEvent and its identifier."""

    ivorn: str
    raw: bytes


def compose(
    transient: Transient,
    author: Author,
    coincidence: Mapping[str, Any] | None = None,
    cites: Iterable[Cite] = (),
) -> Packet:
    """Make the VOEvent of a transient.

    Parameters
    ----------
    transient : Transient
    author : Author
    coincidence : mapping, optional
        Row of coincidences; a test of an event makes the VOEvent one.
    cites : iterable of Cite
        In the order in which they are written.

    Raises
    ------
    NoticeError
        Where the result would not be valid: nothing that is not leaves us.
    """
    cites = tuple(dict.fromkeys(cites))
    # The identifier is made of all that is told: other content is another packet.
    plain = _bytes(_tree(transient, author, coincidence, cites, author.ivo))
    digest = hashlib.sha256(plain).hexdigest()[:16]
    ivorn = f"{author.ivo}#{transient.survey}-{transient.alert_id}-{digest}"
    raw = _bytes(_tree(transient, author, coincidence, cites, ivorn))
    if len(raw) > MOST_BYTES:
        raise NoticeError(f"{ivorn} has {len(raw)} bytes, {MOST_BYTES} at most")
    voevent.check(raw)
    return Packet(ivorn, raw)


def _bytes(root: etree._Element) -> bytes:
    text: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return text


def _tree(
    transient: Transient,
    author: Author,
    coincidence: Mapping[str, Any] | None,
    cites: tuple[Cite, ...],
    ivorn: str,
) -> etree._Element:
    root = etree.Element(f"{{{VOE}}}VOEvent", nsmap={"voe": VOE, "xsi": XSI})
    root.set("version", "2.0")
    is_test = coincidence is not None and coincidence["tense"] in ("test", "injection")
    root.set("role", "test" if is_test else "observation")
    root.set("ivorn", ivorn)
    root.set(f"{{{XSI}}}schemaLocation", SCHEMA)
    _who(root, author, _latest(transient, coincidence))
    what = add(root, "What")
    _alert(what, transient)
    if coincidence is not None:
        group = add(what, "Group", name="coincidence", type="coincidence")
        for name, column, unit, ucd in TOLD:
            param(group, name, coincidence[column], unit, ucd)
    _where(root, transient)
    _how(root, transient)
    explain(root, transient, coincidence)
    if cites:
        citations = add(root, "Citations")
        for cited, how in cites:
            add(citations, "EventIVORN", cited, cite=how)
    return root


def _latest(transient: Transient, coincidence: Mapping[str, Any] | None) -> datetime:
    """Moment at which all that is told was known."""
    if coincidence is None:
        return transient.time
    return max(transient.time, coincidence["notice_received_at"])


def _who(root: etree._Element, author: Author, moment: datetime) -> None:
    who = add(root, "Who")
    add(who, "AuthorIVORN", author.ivo.removeprefix("ivo://"))
    add(who, "Date", _iso(moment)[:19])
    told = add(who, "Author")
    add(told, "title", "Fink: alerts of interest")
    add(told, "shortName", "Fink")
    if author.contact:
        add(told, "contactEmail", author.contact)


def _alert(what: etree._Element, transient: Transient) -> None:
    group = add(what, "Group", name="alert", type="alert")
    param(group, "survey", transient.survey, "", "meta.id;instr")
    param(group, "alert_id", str(transient.alert_id), "", "meta.id")
    param(group, "object_id", transient.object_id, "", "meta.id;src")
    param(group, "magnitude", transient.magnitude, "mag", "phot.mag")
    param(
        group,
        "magnitude_error",
        transient.magnitude_error,
        "mag",
        "stat.error;phot.mag",
    )
    param(group, "band", transient.band, "", "meta.id;instr.bandpass")
    param(group, "quality", transient.quality, "", "meta.code.qual")
    param(group, "classification", transient.classification, "", "src.class")


def _where(root: etree._Element, transient: Transient) -> None:
    data = add(add(root, "WhereWhen"), "ObsDataLocation")
    add(data, "ObservatoryLocation", id=SITES[transient.survey])
    observation = add(data, "ObservationLocation")
    add(observation, "AstroCoordSystem", id="UTC-ICRS-TOPO")
    coords = add(observation, "AstroCoords", coord_system_id="UTC-ICRS-TOPO")
    time = add(add(coords, "Time", unit="s"), "TimeInstant")
    add(time, "ISOTime", _iso(transient.time))
    position = add(coords, "Position2D", unit="deg")
    add(position, "Name1", "RA")
    add(position, "Name2", "Dec")
    value = add(position, "Value2")
    add(value, "C1", repr(transient.ra))
    add(value, "C2", repr(transient.dec))
    add(position, "Error2Radius", repr(transient.error))


def _how(root: etree._Element, transient: Transient) -> None:
    how = add(root, "How")
    fink = transient.fink_version or "Fink"
    text = f"{SITES[transient.survey]}; {fink}; fink-voevent {__version__}"
    add(how, "Description", text)
    add(how, "Reference", uri="https://fink-broker.org")
    if transient.address is not None:
        add(how, "Reference", uri=transient.address)


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")


def explain(
    root: etree._Element, transient: Transient, coincidence: Mapping[str, Any] | None
) -> None:
    """Add what the object is, where Fink knows it, and how sure the pair is.

    Sure is what is not by chance: the probability is there where a rate is known.
    """
    if coincidence is None and transient.classification is None:
        return  # the schema has no empty Why
    why = add(root, "Why")
    if coincidence is not None:
        _associated(why, coincidence)
    if transient.classification is not None:
        identified = add(why, "Inference", relation="identified")
        add(identified, "Name", transient.object_id or str(transient.alert_id))
        add(identified, "Concept", transient.classification)
        add(identified, "Description", "class of the object, as Fink gives it")


def _associated(why: etree._Element, coincidence: Mapping[str, Any]) -> None:
    inference = add(why, "Inference", relation="associated")
    by_chance = coincidence["p_chance"]
    if by_chance is not None and math.isfinite(by_chance):
        why.set("importance", repr(1.0 - by_chance))
        inference.set("probability", repr(1.0 - by_chance))
    add(inference, "Name", str(coincidence["event_id"]))
    add(
        inference,
        "Description",
        "in the region and time window of the event; the probability is that of not"
        " being there by chance",
    )


def param(group: etree._Element, name: str, value: Any, unit: str, ucd: str) -> None:
    """Add a Param; none for what is not known, or not a number."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return
    kind = "float" if isinstance(value, float) else "string"
    param = add(group, "Param", name=name, value=clean(value), dataType=kind, ucd=ucd)
    if unit:
        param.set("unit", unit)


def add(
    parent: etree._Element, tag: str, text: str | None = None, /, **attributes: str
) -> etree._Element:
    """Add an element, its text without what XML cannot hold."""
    child = etree.SubElement(parent, tag, attributes)
    if text is not None:
        child.text = clean(text)
    return child


def clean(value: Any) -> str:
    """Text without what XML cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd]", "", str(value))

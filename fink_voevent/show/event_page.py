# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What the page of an event says: texts and numbers, without any layout.

All texts of the page that depend on the event are made here, from its record and its
candidates. Nothing is read, and nothing is drawn.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from fink_voevent.alerts.known_as import galaxy_distance_mpc, known_as
from fink_voevent.alerts.transient import portal_address
from fink_voevent.filters import blocks
from fink_voevent.show import wording
from fink_voevent.show.candidates import Candidate, Ranked
from fink_voevent.show.records import EventRecord
from fink_voevent.show.searched import CELL_DEG2, Searched, searched
from fink_voevent.sky.region import Region, separation_deg

WORTH = ("gold", "silver")  # tiers that are worth a telescope
ALMOST_ALL = 0.995  # rounded to 100 %
_SUPEREVENT = re.compile(r"M?S\d{6}[a-z]{1,6}")
_NOT_SEEN = "its sky map is not known yet, so alerts are matched in time only"
Packets = Mapping[int, Mapping[str, Any]]  # by alert_id


@dataclass(frozen=True)
class Link:
    """A text that leads to an address."""

    text: str
    address: str


@dataclass(frozen=True)
class Fact:
    """A line of a list: label, value, and what the value means."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Verdict:
    """What to do, in words: before, name of the object (if any), after.

    `candidate` is the candidate that it names.
    """

    before: str
    candidate: Candidate | None = None
    after: str = ""

    @property
    def text(self) -> str:
        """The whole sentence."""
        name = "" if self.candidate is None else self.candidate.name
        return f"{self.before}{name}{self.after}"


@dataclass(frozen=True)
class NoticeLine:
    """One notice of the event, and what it changed."""

    number: int
    kind: str
    issued: str
    changed: tuple[str, ...]
    alerts: str
    ivorn: str


@dataclass(frozen=True)
class CandidateText:
    """A candidate in words."""

    candidate: Candidate
    anchor: str
    position: str
    sexagesimal: str
    expected: str
    first_seen: str
    limit: str
    place: str
    brightness: str
    why: tuple[str, ...]
    known_as: tuple[str, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True)
class WithdrawnText:
    """A candidate that is no longer valid, and why."""

    candidate: Candidate
    reason: str


@dataclass(frozen=True)
class EventPage:
    """What the page of an event says.

    Parameters
    ----------
    event_id, title : str
        The identifier, and the same as a heading: printable and short.
    messenger, night : str
        In words; YYYYMMDD (UTC) of the event, or empty.
    what : str
        One sentence: what happened, how far, when, where.
    verdict : Verdict
        One sentence: what to point at and why, or that nothing is worth it.
    counts : str
        How many alerts there were, and why the rest is not in the list.
    candidates : tuple of CandidateText
    withdrawn : tuple of WithdrawnText
    searched : tuple of str
        Sentences.
    searched_share : float
        0-1.
    facts : tuple of Fact
    notices : tuple of NoticeLine
    links : tuple of Link
    """

    event_id: str
    title: str
    messenger: str
    night: str
    what: str
    verdict: Verdict
    counts: str
    candidates: tuple[CandidateText, ...]
    withdrawn: tuple[WithdrawnText, ...]
    searched: tuple[str, ...]
    searched_share: float
    facts: tuple[Fact, ...]
    notices: tuple[NoticeLine, ...]
    links: tuple[Link, ...]

    @property
    def sentence(self) -> str:
        """The page in one line of plain text, for packets and messages."""
        return f"{self.what} {self.verdict.text}"


def event_page(record: EventRecord, ranked: Ranked, packets: Packets) -> EventPage:
    """Return what the page of an event says.

    Parameters
    ----------
    record : EventRecord
    ranked : Ranked
        Its candidates.
    packets : mapping of int to mapping
        Packets by `alert_id`, as far as they are known.
    """
    found = None
    if record.region is not None:
        found = searched(record.region, record.coincidences)
    distance = record.current["distance"]
    texts = tuple(
        _candidate_text(c, packets.get(c.rows[-1]["alert_id"]), distance)
        for c in ranked.candidates
    )
    return EventPage(
        event_id=record.event_id,
        title=wording.short(record.event_id),
        messenger=wording.messenger(record.current["messenger"]),
        night="" if record.event_time is None else f"{record.event_time:%Y%m%d}",
        what=_what(record),
        verdict=_verdict(record, ranked, texts),
        counts=_counts(record, ranked),
        candidates=texts,
        withdrawn=tuple(_withdrawn(c, record) for c in ranked.withdrawn),
        searched=tuple(_searched(record, found)),
        searched_share=0.0 if found is None else found.share,
        facts=tuple(_facts(record)),
        notices=tuple(_notices(record)),
        links=tuple(_event_links(record)),
    )


def _what(record: EventRecord) -> str:
    """Say what happened, how far, when, where."""
    current = record.current
    parts = [wording.messenger(current["messenger"])]
    if current["tense"] != "observation":
        parts[0] += f" ({current['tense']}: not a real event)"
    likely = wording.likely_class(dict(current["classification"] or {}))
    if likely and current["messenger"] == "gw":
        parts.append(likely)
    if current["distance"] is not None:
        parts.append(_distance(current["distance"]))
    parts.append(wording.time(record.event_time))
    if record.region is not None:
        parts.append(f"90 % within {wording.area(record.region.area_deg2(0.9))}")
    return f"{', '.join(parts)}."


def _distance(distance: Mapping[str, Any]) -> str:
    spread = "" if distance["std"] is None else f" ± {distance['std']:.0f}"
    return f"{distance['mean']:.0f}{spread} Mpc"


def _verdict(
    record: EventRecord, ranked: Ranked, texts: tuple[CandidateText, ...]
) -> Verdict:
    """Say what to point at and why."""
    if record.is_retracted:
        issued = wording.time(record.current["issued"])
        return Verdict(f"Retracted by its publisher ({issued}): nothing to observe.")
    if not texts:
        if not ranked.alerts:
            return Verdict("No alert lies in its region and window so far.")
        return Verdict(
            f"Nothing to point at: none of the {ranked.objects} objects in its region"
            " and window can belong to it."
        )
    best = texts[0]
    why = ", ".join(best.why)
    if best.candidate.tier in WORTH:
        return Verdict(
            "Point at ",
            best.candidate,
            f": {why}; {_unrelated(best)}.",
        )
    if best.candidate.expected_unrelated is not None:
        return Verdict(
            f"Nothing is worth a telescope yet: the best of {len(texts):,}, ",
            best.candidate,
            f", is {why}, but {_unrelated(best)}.",
        )
    return Verdict(
        "Look first at ",
        best.candidate,
        f": {why}. How many unrelated objects like it are expected is not known,"
        " because no rates of such objects were measured.",
    )


def _unrelated(text: CandidateText) -> str:
    return f"{text.expected} unrelated objects like it are expected"


def _counts(record: EventRecord, ranked: Ranked) -> str:
    """How many alerts there were, and why the rest is not in the list."""
    names = sorted({wording.survey(row["survey"]) for row in record.coincidences})
    alerts = "1 alert" if ranked.alerts == 1 else f"{ranked.alerts:,} alerts"
    objects = "1 object" if ranked.objects == 1 else f"{ranked.objects:,} objects"
    text = f"{alerts} of {' and '.join(names)}" if names else alerts
    text += f" in region and window, of {objects}; {len(ranked.candidates):,} listed."
    if ranked.left_out:
        reasons = (f"{count:,} {reason}" for reason, count in ranked.left_out.items())
        text += f" Not listed: {'; '.join(reasons)}."
    return text


def _candidate_text(
    candidate: Candidate,
    packet: Mapping[str, Any] | None,
    distance: Mapping[str, Any] | None,
) -> CandidateText:
    first = "–"
    if candidate.onset_to is not None:
        first = f"{candidate.onset_to:+.2f} d"
    return CandidateText(
        candidate=candidate,
        anchor=f"candidate-{candidate.rank}",
        position=wording.position(candidate.ra, candidate.dec),
        sexagesimal=wording.sexagesimal(candidate.ra, candidate.dec),
        expected=wording.expected(candidate.expected_unrelated),
        first_seen=first,
        limit=_limit(candidate),
        place=_place(candidate),
        brightness=wording.magnitude(candidate.magnitude, candidate.band),
        why=(*_why(candidate), *_host(packet, distance)),
        known_as=() if packet is None else known_as(packet),
        links=tuple(_object_links(candidate)),
    )


def _limit(candidate: Candidate) -> str:
    """When it was last not seen, relative to its first detection."""
    if candidate.onset_from is None or candidate.onset_to is None:
        return "no earlier limit known"
    return (
        f"not seen {wording.duration(candidate.onset_to - candidate.onset_from)} before"
    )


def _place(candidate: Candidate) -> str:
    if candidate.credible_level is None:
        return "in time only"
    return f"in the inner {wording.percent(max(candidate.credible_level, 0.01))}"


def _why(candidate: Candidate) -> Iterator[str]:
    """Yield the reasons for and against a candidate, in words."""
    onset = candidate.onset_to
    if candidate.prior_activity == "new" and onset is not None:
        yield f"new {wording.duration(onset)} after the event"
    elif candidate.prior_activity == "active" and onset is not None:
        yield f"first seen {wording.duration(onset)} before the event"
    elif onset is not None and onset >= 0:
        known = "" if candidate.onset_from is not None else ", no limit before"
        yield f"first seen {wording.duration(onset)} after the event{known}"
    if candidate.magnitude_rate is not None:
        rate, band = candidate.magnitude_rate, candidate.rate_band
        in_band = f" ({band})" if band else ""
        if abs(rate) < 0.05:
            yield f"constant{in_band}"
        else:
            word = "fading" if rate > 0 else "rising"
            yield f"{word} {abs(rate):.2g} mag a day{in_band}"
    count = candidate.detections
    yield "1 detection" if count == 1 else f"{count} detections"
    if candidate.credible_level is not None:
        yield _place(candidate) + " of the region"


def _host(
    packet: Mapping[str, Any] | None, distance: Mapping[str, Any] | None
) -> Iterator[str]:
    """Yield whether there is a galaxy, and whether it is as far away as the event."""
    galaxy_mpc = None if packet is None else galaxy_distance_mpc(packet)
    if galaxy_mpc is None:
        return
    text = f"near a galaxy at {galaxy_mpc:.0f} Mpc"
    if distance is not None and distance["std"]:
        fits = abs(galaxy_mpc - distance["mean"]) <= 2.0 * distance["std"]
        text += ", as far as the event" if fits else ", not as far as the event"
    yield text


def _object_links(candidate: Candidate) -> Iterator[Link]:
    """Where to look an object up; the page itself needs none of them."""
    name = candidate.rows[-1]["object_id"]
    if name is not None:
        yield Link("Fink", portal_address(candidate.survey, name))
    place = f"{candidate.ra:.6f} {candidate.dec:+.6f}"
    query = {"Coord": place, "Radius": "10", "Radius.unit": "arcsec"}
    yield Link(
        "SIMBAD", f"https://simbad.cds.unistra.fr/simbad/sim-coo?{urlencode(query)}"
    )
    query = {
        "ra": f"{candidate.ra:.6f}",
        "decl": f"{candidate.dec:.6f}",
        "radius": "10",
        "coords_unit": "arcsec",
    }
    yield Link("TNS", f"https://www.wis-tns.org/search?{urlencode(query)}")
    query = {"target": place, "fov": "0.05"}
    yield Link(
        "Aladin", f"https://aladin.cds.unistra.fr/AladinLite/?{urlencode(query)}"
    )


def _withdrawn(candidate: Candidate, record: EventRecord) -> WithdrawnText:
    last = candidate.rows[-1]
    by = next((n for n in record.notices if n["notice_id"] == last["notice_id"]), None)
    notice = "a later notice"
    if by is not None:
        notice = f"the notice of {wording.time(by['issued'] or by['received_at'])}"
    if candidate.status == "retracted":
        return WithdrawnText(candidate, f"the event was retracted by {notice}")
    return WithdrawnText(
        candidate, f"no longer in the region or window, according to {notice}"
    )


def _searched(record: EventRecord, found: Searched | None) -> Iterator[str]:
    """Sentences about what was searched."""
    names = sorted({wording.survey(row["survey"]) for row in record.coincidences})
    surveys = " and ".join(names) or "the survey"
    if record.region is None:
        if not record.is_retracted:
            yield f"Not known: {_NOT_SEEN}."
        return
    if found is None:
        yield (
            f"No alert of {surveys} after the event lies in the region: whether it was"
            " observed cannot be known from alerts."
        )
        return
    area = ""
    if found.area_deg2 is not None:
        whole = record.region.area_deg2(0.9)
        area = f" ({found.area_deg2:,.0f} of the {whole:,.0f} deg² of the 90 % region)"
    share = "All"
    if found.share < ALMOST_ALL:
        share = f"At least {wording.percent(found.share)}"
    yield (
        f"{share} of the probability{area} was observed by {surveys}, {_when(found)}"
        " after the event."
    )
    if found.depths:
        depths = ", ".join(f"{mag:.1f} mag ({band})" for band, mag in found.depths)
        yield f"Alerts there are as faint as {depths}."
    if found.share < ALMOST_ALL:
        yield (
            f"Cells of {CELL_DEG2:.2g} deg² without an alert count as not observed,"
            " though some may have been."
        )


def _when(found: Searched) -> str:
    """Say when a region was searched, relative to the event."""
    first, last = (wording.duration(d) for d in (found.first_days, found.last_days))
    return first if first == last else f"{first} to {last}"


def _facts(record: EventRecord) -> Iterator[Fact]:
    """Yield the event in numbers, each with its meaning."""
    current = record.current
    names = (current["observatory"] or "", current["instrument"] or "")
    observatory = wording.short(" ".join(names).strip())
    yield Fact("Observatory", observatory or "not known")
    yield Fact("Time", wording.time(record.event_time), "of the trigger")
    if current["far"] is not None:
        yield Fact(
            "False alarms",
            wording.false_alarms(current["far"]),
            "how often noise alone gives an event like this",
        )
    classes = sorted(dict(current["classification"] or {}).items(), key=lambda c: -c[1])
    if classes:
        shown = (f"{wording.short(n, 20)} {wording.percent(p)}" for n, p in classes[:5])
        yield Fact("Classes", " · ".join(shown), "probabilities, as published")
    if current["distance"] is not None:
        yield Fact("Distance", _distance(current["distance"]), "luminosity distance")
    if record.region is not None:
        yield from _region_facts(record.region)
        if record.event_time is not None:
            yield _sun_and_moon(record.region, record.event_time)
    if record.window_days is not None:
        before, after = record.window_days
        yield Fact(
            "Window",
            f"{0.0 - before:g} to {after:+g} d",
            "around the event, in which alerts are matched",
        )
    yield Fact(
        "Received", f"over {current['transport']}", wording.short(current["stream"])
    )
    if record.related_event_ids:
        related = ", ".join(wording.short(name) for name in record.related_event_ids)
        yield Fact("Same burst", related, "events of the same time and place")


def _region_facts(region: Region) -> Iterator[Fact]:
    half, most = (wording.area(region.area_deg2(level)) for level in (0.5, 0.9))
    yield Fact("Area", f"50 % in {half}, 90 % in {most}", "of the region")
    label = "Best place" if region.kind == "pixels" else "Centre"
    yield Fact(
        label,
        wording.position(region.ra, region.dec),
        wording.sexagesimal(region.ra, region.dec),
    )


def _sun_and_moon(region: Region, moment: datetime) -> Fact:
    """Say how far Sun and Moon are from the best place at the time of the event."""
    from astropy.coordinates import get_body
    from astropy.time import Time

    instant = Time(moment)
    sun, moon = get_body("sun", instant), get_body("moon", instant)
    away = [
        float(separation_deg(region.ra, region.dec, body.ra.deg, body.dec.deg))
        for body in (sun, moon)
    ]
    between = float(separation_deg(sun.ra.deg, sun.dec.deg, moon.ra.deg, moon.dec.deg))
    lit = (1.0 - math.cos(math.radians(between))) / 2.0
    value = f"Sun {away[0]:.0f}°, Moon {away[1]:.0f}° ({wording.percent(lit)} lit)"
    return Fact("Distance to", value, "from the best place, at the time of the event")


def _notices(record: EventRecord) -> Iterator[NoticeLine]:
    """Yield the notices in order, and what each changed."""
    statuses: dict[str, Counter[str]] = {}
    for row in record.coincidences:
        statuses.setdefault(row["notice_id"], Counter())[row["status"]] += 1
    before: Mapping[str, Any] | None = None
    for number, notice in enumerate(record.notices, start=1):
        counts = statuses.get(notice["notice_id"], Counter())
        alerts = ", ".join(
            f"{counts[status]:,} {word}"
            for status, word in (
                ("new", "new"),
                ("update", "updated"),
                ("withdrawn", "withdrawn"),
                ("retracted", "retracted"),
            )
            if counts[status]
        )
        words = (notice["instrument"] or "", notice["notice_type"] or notice["kind"])
        kind = " ".join(word for word in words if word)
        yield NoticeLine(
            number=number,
            kind=wording.short(kind),
            issued=wording.time(notice["issued"] or notice["received_at"]),
            changed=tuple(_changes(before, notice)),
            alerts=alerts or "none",
            ivorn=wording.short(notice["ivorn"], 120),
        )
        before = notice


def _changes(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> list[str]:
    """Say what a notice changed."""
    if now["kind"] == "retraction":
        return ["retracts the event"]
    if before is None:
        found = ["first notice"]
        if now["area_90"] is not None:
            found.append(f"90 % in {wording.area(now['area_90'])}")
        return found
    found = []
    if before["ra"] is not None and now["ra"] is not None:
        moved = float(
            separation_deg(before["ra"], before["dec"], now["ra"], now["dec"])
        )
        if moved > 0.1 / 3600:
            found.append(f"position moved by {wording.angle(moved)}")
    found += _area_change(before["area_90"], now["area_90"])
    if before["time"] and now["time"]:
        shift = (now["time"] - before["time"]).total_seconds()
        if abs(shift) >= 1:
            found.append(f"time changed by {shift:+.0f} s")
    for name, label in (("far", "false alarms"), ("classification", "class")):
        one, other = (_said(row, name) for row in (before, now))
        if other and one != other:
            found.append(f"{label}: {other}")
    return found or ["nothing that is matched"]


def _area_change(before: float | None, now: float | None) -> list[str]:
    if now is None:
        return [] if before is None else ["has no region of its own"]
    if before is None:
        return [f"first region: 90 % in {wording.area(now)}"]
    if abs(now - before) <= 0.01 * before:
        return []
    return [f"90 % region from {wording.area(before)} to {wording.area(now)}"]


def _said(row: Mapping[str, Any], name: str) -> str:
    value = row[name]
    if value is None:
        return ""
    if name == "far":
        return wording.false_alarms(value)
    return wording.likely_class(dict(value))


def _event_links(record: EventRecord) -> Iterator[Link]:
    name = record.event_id
    if record.current["messenger"] == "gw" and _SUPEREVENT.fullmatch(name):
        address = f"https://gracedb.ligo.org/superevents/{quote(name, safe='')}/view/"
        yield Link("GraceDB", address)
    query = urlencode({"query": wording.short(name)})
    yield Link("GCN circulars", f"https://gcn.nasa.gov/circulars?{query}")


# The numbers of the page, for those who see them for the first time.
EXPLAINED = (
    Fact(
        "Unrelated expected",
        "How many objects that have nothing to do with the event are expected to rank"
        " as high, from the measured rate of such objects at this place. Far below 1"
        " the object is surprising; at 3 it is what chance gives.",
    ),
    Fact(
        "Tier",
        "Bronze: a real alert of an object that is nothing known. Silver: also new"
        " since the event (or, for neutrinos, flaring), with"
        f" {blocks.SILVER_EXPECTED:g} unrelated object expected or fewer. Gold: with"
        f" {blocks.GOLD_EXPECTED:g} or fewer, and seen twice at least 15 minutes apart"
        " or rising by 1 mag within a day.",
    ),
    Fact(
        "First seen",
        "Time of the first detection of the object, relative to the event, and how long"
        " before it was last not seen although observed.",
    ),
    Fact(
        "Inner part of the region",
        "The credible level: the probability of all places that are more probable than"
        " that of the object. 0 % is the best place, 90 % the edge of the 90 % region.",
    ),
    Fact(
        "Light curve",
        "Magnitudes (AB) in difference images against days since the event: filled for"
        " detections, open triangles for limits (5 sigma). The line is the event.",
    ),
)

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The pictures of a page: made of its region, its candidates and their packets."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fink_voevent import plot
from fink_voevent.alerts import light_curve, stamps
from fink_voevent.alerts.light_curve import LightCurve
from fink_voevent.plot.cutout_pictures import png_of
from fink_voevent.plot.light_curve_pictures import points
from fink_voevent.show import wording
from fink_voevent.show.candidates import Candidate, Ranked
from fink_voevent.show.records import EventRecord
from fink_voevent.show.small_light_curve import small_light_curve

DETAILED = 8  # candidates with a large light curve and cutouts
Packets = Mapping[int, Mapping[str, Any]]  # by alert_id


@dataclass(frozen=True)
class Pictures:
    """Pictures as SVG elements and data URIs; by rank, if they are of candidates.

    Parameters
    ----------
    sky, near : str
        SVG; empty without a region.
    files : dict of str to bytes
        The same as files for messages, by their names.
    small : dict of int to str
        Light curves of all candidates.
    curves : dict of int to str
        Large light curves of the best candidates.
    complete : dict of int to bool
        Whether these are from packets, with limits.
    stamps : dict of int to (dict of str to str)
        Cutouts of the best candidates by name; empty if there are none.
    """

    sky: str
    near: str
    files: Mapping[str, bytes]
    small: Mapping[int, str]
    curves: Mapping[int, str]
    complete: Mapping[int, bool]
    stamps: Mapping[int, Mapping[str, str]]


def draw(record: EventRecord, ranked: Ranked, packets: Packets) -> Pictures:
    """Draw the pictures of a page.

    Parameters
    ----------
    record : EventRecord
    ranked : Ranked
    packets : mapping of int to mapping
        Packets of the best candidates by `alert_id`, as far as they are known.

    Raises
    ------
    InputError
        If matplotlib is not installed.
    """
    sky, near, files = _maps(record, ranked)
    small, curves, complete, images = {}, {}, {}, {}
    for one in ranked.candidates:
        measured = _light_curve(one, packets)
        days = points(measured, one.rows[0]["event_time"])
        small[one.rank] = small_light_curve(days, f"Light curve of {one.name}")
        if one.rank <= DETAILED:
            figure = plot.light_curve(measured, one.rows[0]["event_time"])
            title = f"Light curve of {wording.short(one.name)}"
            described = f"{len(measured.detections())} detections"
            curves[one.rank] = plot.svg(figure, f"lc{one.rank}", title, described)
            complete[one.rank] = measured.is_complete
            images[one.rank] = _stamps(one, packets)
    return Pictures(sky, near, files, small, curves, complete, images)


def _maps(record: EventRecord, ranked: Ranked) -> tuple[str, str, Mapping[str, bytes]]:
    if record.region is None:
        return "", "", {}
    marks = [plot.Mark(c.rank, c.ra, c.dec, c.tier) for c in ranked.candidates]
    name = wording.short(record.event_id)
    area = wording.area(record.region.area_deg2(0.9))
    described = f"90 % of the probability within {area}; {len(marks)} candidates."
    whole = plot.sky(record.region, marks)
    close = plot.near(record.region, marks)
    return (
        plot.svg(whole, "sky", f"Region of {name} on the whole sky", described),
        plot.svg(close, "near", f"Region of {name} near the best place", described),
        {"sky.png": plot.png(whole), "near.png": plot.png(close)},
    )


def _light_curve(candidate: Candidate, packets: Packets) -> LightCurve:
    known = [packets[r["alert_id"]] for r in candidate.rows if r["alert_id"] in packets]
    if not known:
        return light_curve.from_rows(candidate.rows)
    return light_curve.from_packets(known)


def _stamps(candidate: Candidate, packets: Packets) -> Mapping[str, str]:
    packet = packets.get(candidate.rows[-1]["alert_id"])
    found = None if packet is None else stamps.from_packet(packet)
    if found is None:
        return {}
    return {
        name: "data:image/png;base64," + base64.b64encode(png_of(image)).decode()
        for name, image in found.images.items()
    }

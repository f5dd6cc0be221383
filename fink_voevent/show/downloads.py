# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Files to take along from a page: region, table, VOEvents, draft of a circular."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from fink_voevent.alerts.transient import from_coincidence
from fink_voevent.errors import NoticeError
from fink_voevent.publish.compose import Author, Citation, compose
from fink_voevent.show.candidates import Candidate, Ranked
from fink_voevent.show.event_page import EventPage
from fink_voevent.sky.moc import region_moc
from fink_voevent.sky.region import Region

MOST_VOEVENTS = 3  # candidates of which a VOEvent is written
_COLUMNS = (
    *("rank", "object", "survey", "ra_deg", "dec_deg", "tier", "expected_unrelated"),
    *("credible_level", "onset_from_d", "onset_to_d", "detections", "magnitude"),
    *("band", "magnitude_rate_mag_per_d", "prior_activity", "status", "link"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would compute such a text


def moc_files(region: Region) -> dict[str, bytes]:
    """Return the 50 and 90 % regions as MOCs, in the IVOA's JSON, by name of the file.

    Raises
    ------
    InputError
        If mocpy is not installed.
    """
    return {
        f"region-{round(100 * level)}.moc.json": region_moc(region, level)
        .to_string("json")
        .encode()
        for level in (0.5, 0.9)
    }


def candidates_csv(page: EventPage) -> bytes:
    """Return the candidates, and those that were withdrawn, as CSV."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for text in page.candidates:
        link = text.links[0].address if text.links else ""
        writer.writerow(_values(text.candidate, link))
    for gone in page.withdrawn:
        writer.writerow(_values(gone.candidate, ""))
    return stream.getvalue().encode()


def _values(one: Candidate, link: str) -> list[object]:
    values = [
        *(one.rank or None, one.name, one.survey, one.ra, one.dec, one.tier),
        *(one.expected_unrelated, one.credible_level, one.onset_from, one.onset_to),
        *(one.detections, one.magnitude, one.band, one.magnitude_rate),
        *(one.prior_activity, one.status, link),
    ]
    return [_as_text(value) for value in values]


def _as_text(value: object) -> object:
    """Write a text that looks like a formula as a text."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


def voevents(ranked: Ranked, author: str) -> Mapping[str, bytes]:
    """Return VOEvents of the best candidates by name of the file.

    They are what ``fink_voevent publish`` would compose of the latest alert, but for
    what only the routed packet knows: class and versions of Fink.
    """
    found = {}
    for one in ranked.candidates[:MOST_VOEVENTS]:
        row = dict(one.rows[-1]) | {"classification": None, "fink_version": None}
        try:
            packet = compose(
                from_coincidence(row),
                Author(author),
                row,
                [Citation(row["ivorn"], "followup")],
            )
        except NoticeError:
            continue  # too large, or an ivorn that no VOEvent can cite: no file
        found[f"candidate-{one.rank}.xml"] = packet.raw
    return found

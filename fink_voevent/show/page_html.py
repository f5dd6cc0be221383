# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Pages as HTML, made of templates; all texts are escaped, as others made them."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from fink_voevent import __version__
from fink_voevent.errors import InputError
from fink_voevent.plot.style import COLOURS
from fink_voevent.show import wording
from fink_voevent.show.event_page import EXPLAINED, EventPage, Link
from fink_voevent.show.pictures import Pictures

SHOWN = 40  # candidates in the first table; the others can be opened
TEMPLATES = "templates"
# The colours of `COLOURS` on a dark page.
DARK = {
    "ink": "#e7e9ef",
    "muted": "#a6aebd",
    "grid": "#363d4c",
    "paper": "#10131a",
    "accent": "#a3a8ff",
    "milky-way": "#232836",
    "gold": "#e3ae4b",
    "silver": "#b6bfcd",
    "bronze": "#dc9468",
    "band-u": "#c79bf2",
    "band-g": "#5fd3a8",
    "band-r": "#ff8a96",
    "band-i": "#e3ae6b",
    "band-z": "#b9b9c2",
    "band-y": "#d0d0d8",
}


@dataclass(frozen=True)
class Entry:
    """An event in the index.

    Parameters
    ----------
    folder, title, messenger, night, verdict, tier : str
        See `EventPage`; the tier is that of the best candidate.
    candidates : int
    """

    folder: str
    title: str
    messenger: str
    night: str
    verdict: str
    tier: str
    candidates: int


def event_html(
    page: EventPage,
    pictures: Pictures,
    downloads: Sequence[Link],
    made_at: str,
    script: str = "",
) -> str:
    """Return the page of an event.

    Parameters
    ----------
    page : EventPage
    pictures : Pictures
    downloads : sequence of Link
        Addresses relative to the page.
    made_at : str
        When it is made.
    script : str, optional
        Address of a script that the page loads; without it, the page allows none.

    Raises
    ------
    InputError
        If jinja2 is not installed.
    """
    return _render(
        "event.html.j2",
        page=page,
        pictures=pictures,
        downloads=downloads,
        explained=EXPLAINED,
        shown=SHOWN,
        percent=wording.percent,
        made_at=made_at,
        script=script,
    )


def index_html(
    entries: Sequence[Entry],
    messengers: Mapping[str, str],
    here: str,
    made_at: str,
    script: str = "",
) -> str:
    """Return the index of events by night, the newest first.

    Parameters
    ----------
    entries : sequence of Entry
    messengers : mapping of str to str
        All messengers in words, and the file of the index of each.
    here : str
        The file of this index.
    made_at : str
        When it is made.
    script : str, optional
        As of `event_html`.
    """
    chosen = [e for e in entries if here in ("index.html", messengers[e.messenger])]
    nights: dict[str, list[Entry]] = {}
    for entry in sorted(chosen, key=lambda e: e.title):
        nights.setdefault(entry.night, []).append(entry)
    choices = [Link("All", "index.html")]
    choices += [Link(text, file) for text, file in sorted(messengers.items())]
    named = {file: text for text, file in messengers.items()}
    count = "1 event" if len(chosen) == 1 else f"{len(chosen):,} events"
    return _render(
        "index.html.j2",
        heading=f"Events: {named[here]}" if here in named else "Events",
        summary=f"{count}, the newest night first. Times are UTC.",
        nights=sorted(nights.items(), reverse=True),
        choices=choices,
        here=here,
        made_at=made_at,
        script=script,
    )


def circular_text(page: EventPage, surveys: str) -> str:
    """Return the draft of a GCN circular on an event."""
    text = _environment(is_html=False).get_template("circular.txt.j2")
    rendered: str = text.render(page=page, surveys=surveys, version=__version__)
    return rendered


def look_digest() -> str:
    """Return a digest of all that decides how a page looks: templates and version."""
    found = hashlib.sha256(__version__.encode())
    folder = files(__package__).joinpath(TEMPLATES)
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".j2"):
            found.update(file.read_bytes())
    return found.hexdigest()


def _render(template: str, **values: Any) -> str:
    page = _environment(is_html=True).get_template(template)
    text: str = page.render(version=__version__, light=COLOURS, dark=DARK, **values)
    return text


@functools.cache
def _environment(*, is_html: bool) -> Any:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise InputError(
            "pages need the library jinja2: pip install 'fink-voevent[pages]'"
        ) from None
    return Environment(
        loader=PackageLoader(str(__package__), TEMPLATES),
        autoescape=is_html,  # noqa: S701 - the other templates are plain text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

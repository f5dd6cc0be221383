# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Write the pages of events, and their index, into a folder.

A page is made again only if what it shows has changed; `page.json` beside it has a
digest of that, and what the index says about the event.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from fink_voevent.errors import InputError, StorageError
from fink_voevent.plot.style import svg_file
from fink_voevent.show import candidates, downloads, page_html, wording
from fink_voevent.show.candidates import Ranked
from fink_voevent.show.event_page import EventPage, Link, event_page
from fink_voevent.show.packets import read_packets
from fink_voevent.show.page_html import Entry
from fink_voevent.show.pictures import DETAILED, Pictures, draw
from fink_voevent.show.records import EventRecord, Records

PAGE, NOTE = "index.html", "page.json"
AT_ONCE = 50  # events whose regions are in memory together
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
# Files of the index of each messenger: no folder of an event has a name like these.
INDEXES = {text: f"{name}.html" for name, text in wording.MESSENGERS.items()}
OTHER = "other.html"  # of messengers that are not known


@dataclass(frozen=True)
class PagesWritten:
    """What `write_pages` has done.

    Parameters
    ----------
    made, unchanged : int
        Pages that were made, and that were left as they are.
    index : Path
        The index of all events.
    folders : tuple of str
        Names of the folders of the pages that were made.
    """

    made: int
    unchanged: int
    index: Path
    folders: tuple[str, ...] = ()


def folder_name(event_id: str) -> str:
    """Return the name of the folder of an event: safe, and different for each event.

    Letters, digits, hyphens and underscores remain; any other name gets a part of its
    SHA-256.

    >>> folder_name("S230518h"), folder_name("../../etc")
    ('S230518h', 'etc-6fbb05b68e9d')
    """
    if _PLAIN_NAME.fullmatch(event_id):
        return event_id
    digest = hashlib.sha256(event_id.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", event_id).strip("-_")[-48:].lstrip("-_")
    return f"{plain}-{digest}" if plain else digest


def write_pages(
    records: Records,
    names: Sequence[str],
    out: Path,
    author: str,
    made_at: datetime,
    report: Callable[[str, int, int], None],
    script: str = "",
) -> PagesWritten:
    """Write the pages of events that have changed, and the index of all pages.

    Parameters
    ----------
    records : Records
    names : sequence of str
        Names of events.
    out : Path
        Folder; pages of other events stay as they are.
    author : str
        Identifier of the author of VOEvents: the setting `local_ivo`.
    made_at : datetime
        When the pages are made, UTC.
    report : callable
        Called before each event with its name, its number from 1, and how many there
        are.
    script : str, optional
        Address of a script that each page loads from its own server; without it, pages
        allow no script.

    Raises
    ------
    InputError
        If a library for pages is not installed.
    StorageError
        If the folder cannot be written.
    """
    look = f"{page_html.look_digest()} {script}" if script else page_html.look_digest()
    moment = wording.time(made_at)
    made: list[str] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for start in range(0, len(names), AT_ONCE):
            group = names[start : start + AT_ONCE]
            for number, record in enumerate(records.read(group), start=start + 1):
                report(record.event_id, number, len(names))
                if _write_event(record, out, author, moment, look, script):
                    made.append(folder_name(record.event_id))
        write_index(out, moment, script)
    except OSError as error:
        raise StorageError(f"cannot write pages to {out}: {error}") from None
    return PagesWritten(len(made), len(names) - len(made), out / PAGE, tuple(made))


def _write_event(
    record: EventRecord, out: Path, author: str, moment: str, look: str, script: str
) -> bool:
    """Write the page of an event; return whether it had changed."""
    folder = out / folder_name(record.event_id)
    digest = _digest(record, look)
    note = _read_note(folder)
    if note is not None and note.get("digest") == digest:
        return False
    ranked = candidates.of_event(
        record.coincidences, record.candidates, record.current["messenger"]
    )
    detailed = ranked.candidates[:DETAILED]
    packets = read_packets([one.rows[-1] for one in detailed])
    page = event_page(record, ranked, packets)
    pictures = draw(record, ranked, packets)
    folder.mkdir(exist_ok=True)
    files = _files(record, ranked, page, pictures, author)
    links = [Link(text, name) for name, (text, _) in files.items()]
    for name, (_, content) in files.items():
        _write(folder / name, content)
    html = page_html.event_html(page, pictures, links, moment, script)
    _write(folder / PAGE, html.encode("utf-8", "replace"))
    entry = _entry(page, folder.name)
    _write(
        folder / NOTE, json.dumps({"digest": digest, "entry": asdict(entry)}).encode()
    )
    return True


def _digest(record: EventRecord, look: str) -> str:
    """Return a digest of all that a page shows; the region is named by its key."""
    shown = replace(record, region=None)
    return hashlib.sha256(f"{look} {shown!r}".encode("utf-8", "replace")).hexdigest()


def _files(
    record: EventRecord,
    ranked: Ranked,
    page: EventPage,
    pictures: Pictures,
    author: str,
) -> dict[str, tuple[str, bytes]]:
    """Text of the link, and content, of each file that can be taken along."""
    files: dict[str, tuple[str, bytes]] = {}
    if record.region is not None:
        for name, content in downloads.moc_files(record.region).items():
            level = name.removeprefix("region-").partition(".")[0]
            files[name] = (f"{level} % region as a MOC (JSON, for Aladin)", content)
    table = downloads.candidates_csv(page)
    files["candidates.csv"] = ("Table of the candidates (CSV)", table)
    surveys = " and ".join(
        sorted({wording.survey(row["survey"]) for row in record.coincidences})
    )
    draft = page_html.circular_text(page, surveys or "the survey")
    files["circular.txt"] = ("Draft of a GCN circular (text)", draft.encode())
    for name, content in downloads.voevents(ranked, author).items():
        rank = name.removeprefix("candidate-").removesuffix(".xml")
        files[name] = (f"VOEvent of candidate {rank} (XML, not sent)", content)
    for name, content in pictures.files.items():
        what = "Whole sky" if name.startswith("sky") else "Near the best place"
        files[name] = (f"{what} (PNG)", content)
    for name, text in (("sky.svg", pictures.sky), ("near.svg", pictures.near)):
        if text:
            what = "Whole sky" if name.startswith("sky") else "Near the best place"
            files[name] = (f"{what} (SVG)", svg_file(text))
    return files


def _entry(page: EventPage, folder: str) -> Entry:
    best = page.candidates[0].candidate.tier if page.candidates else ""
    return Entry(
        folder=folder,
        title=page.title,
        messenger=page.messenger,
        night=page.night,
        verdict=page.verdict.text,
        tier=best,
        candidates=len(page.candidates),
    )


def write_index(out: Path, moment: str, script: str = "") -> None:
    """Write the index of all pages in a folder, and one for each messenger."""
    notes = (_read_note(folder) for folder in sorted(out.iterdir()) if folder.is_dir())
    entries = [Entry(**note["entry"]) for note in notes if note is not None]
    known = {entry.messenger for entry in entries}
    files = {text: INDEXES.get(text, OTHER) for text in known}
    for here in sorted({PAGE, *files.values()}):
        text = page_html.index_html(entries, files, here, moment, script)
        _write(out / here, text.encode("utf-8", "replace"))


def _read_note(folder: Path) -> dict[str, Any] | None:
    """Return the note of a page; None if there is no page, or another program's."""
    try:
        note = json.loads((folder / NOTE).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        raise InputError(
            f"{folder / NOTE} is damaged: remove {folder}, and its page is made again"
        ) from None
    return note if isinstance(note, dict) and "entry" in note else None


def _write(path: Path, content: bytes) -> None:
    """Replace a file: a reader sees the old one or the new one."""
    draft = path.with_name(f".{path.name}.part")
    draft.write_bytes(content)
    draft.replace(path)

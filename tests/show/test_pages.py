# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Pages as files: valid, accessible, safe whatever notices contain, made once."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

import html5lib
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from helpers.example_events import write_crowded, write_match, write_tables
from hypothesis import given, settings
from hypothesis import strategies as st
from mocpy import MOC

from fink_voevent.cli import main
from fink_voevent.notices import voevent
from fink_voevent.plot.style import COLOURS
from fink_voevent.show import page_html
from fink_voevent.show.pages import folder_name

MOST_BYTES = 2_000_000
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def make(out: Path, folder: Path, notices: list[str], *more: str):
    """Run `fink_voevent page`; return its output."""
    paths = [word for path in notices for word in ("--notices", path)]
    arguments = ["page", "--on", str(folder), *paths, "--out", str(out)]
    done = CliRunner().invoke(main, [*arguments, "--days", "40000", *more])
    return done


@pytest.fixture(scope="module")
def match(tmp_path_factory):
    return write_match(tmp_path_factory.mktemp("pages") / "match")


@pytest.fixture(scope="module")
def out(match, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "pages"
    done = make(folder, *match)
    assert done.exit_code == 0, done.output
    return folder


def parsed(path: Path):
    """Parse a page; an error of HTML fails."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return parser.parse(path.read_text(encoding="utf-8"))


def pages(out: Path) -> list[Path]:
    return sorted(out.rglob("*.html"))


def text_of(element) -> str:
    return " ".join("".join(element.itertext()).split())


def test_every_page_is_valid_and_has_unique_identifiers(out):
    assert len(pages(out)) == 7  # three events; the index, and one of each messenger
    for path in pages(out):
        tree = parsed(path)
        ids = Counter(e.get("id") for e in tree.iter() if e.get("id"))
        assert not [name for name, count in ids.items() if count > 1]
        for element in tree.iter("a"):
            target = element.get("href")
            if target.startswith("#"):
                assert target[1:] in ids
            elif not target.startswith("https://"):
                assert (path.parent / target.partition("#")[0]).exists()


def test_every_page_can_be_read_by_a_screen_reader(out):
    """Language, title, landmarks, order of headings, names of pictures and tables."""
    for path in pages(out):
        tree = parsed(path)
        assert tree.get("lang") == "en"
        assert text_of(next(tree.iter("title")))
        for landmark in ("main", "header", "footer", "nav"):
            assert len(list(tree.iter(landmark))) == 1
        levels = [
            int(e.tag[1]) for e in tree.iter() if re.fullmatch("h[1-6]", str(e.tag))
        ]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(b - a <= 1 for a, b in zip(levels, levels[1:], strict=False))
        for image in tree.iter("img"):
            assert image.get("alt")
        for svg in (e for e in tree.iter() if str(e.tag).endswith("svg")):
            assert svg.get("role") == "img"
            assert svg.get("aria-label") or svg.get("aria-labelledby")
        for table in tree.iter("table"):
            heads = [th.get("scope") for th in table.iter("th")]
            assert heads == ["col"] * len(heads)
        for link in tree.iter("a"):
            assert text_of(link)


def test_a_page_needs_no_network(out):
    for path in pages(out):
        tree = parsed(path)
        assert not [e for e in tree.iter() if e.tag in ("script", "link", "iframe")]
        for image in tree.iter("img"):
            assert image.get("src").startswith("data:image/png;base64,")
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"@import|url\((?!#)", text)
        assert "default-src 'none'" in text


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    ("colours", "papers"),
    [(COLOURS, ("#ffffff", "#f6f7fa")), (page_html.DARK, ("#181c25", "#10131a"))],
)
def test_text_and_marks_have_enough_contrast(colours, papers):
    for paper in papers:
        for name in ("ink", "muted", "accent", "gold", "silver", "bronze"):
            assert contrast(colours[name], paper) >= 4.5, (name, paper)
        for band in "ugrizy":
            assert contrast(colours[f"band-{band}"], paper) >= 3
    marks = {"#ffffff": "#fdf0cd", "#181c25": "#3b3213"}
    assert contrast(colours["ink"], marks[papers[0]]) >= 4.5


def test_the_page_of_the_merger_shows_its_counterpart_first(out):
    tree = parsed(out / "S170817a" / "index.html")
    rows = [r for r in tree.iter("tr") if r.find("td") is not None]
    cells = [text_of(cell) for cell in rows[0].iter("td")]
    assert cells[0] == "1"
    assert cells[1].startswith("AT2017gfo")
    assert cells[2:4] == ["gold", "0.004"]
    assert "as far as the event" in cells[6]
    images = [image.get("alt") for image in tree.iter("img")]
    assert "difference image around AT2017gfo" in images


def test_what_is_taken_along_can_be_read(out):
    folder = out / "S170817a"
    moc = MOC.load(str(folder / "region-90.moc.json"), "json")
    assert float(moc.sky_fraction) * 41252.96 == pytest.approx(88.97, rel=1e-3)
    table = list(csv.DictReader(io.StringIO((folder / "candidates.csv").read_text())))
    assert (table[0]["object"], table[0]["tier"]) == ("AT2017gfo", "gold")
    assert table[-1]["status"] == "withdrawn"
    voevent.check((folder / "candidate-1.xml").read_bytes())
    draft = (folder / "circular.txt").read_text()
    assert draft.startswith("DRAFT")
    assert "AT2017gfo" in draft
    for name in ("sky.png", "near.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_the_index_lists_nights_and_messengers(out):
    tree = parsed(out / "index.html")
    assert [text_of(h) for h in tree.iter("h2")] == [
        "Night 2024-04-14",
        "Night 2022-10-09",
        "Night 2017-08-17",
    ]
    only = parsed(out / "gw.html")
    assert [text_of(h) for h in only.iter("h2")] == ["Night 2017-08-17"]


def test_only_what_changed_is_made_again(match, tmp_path):
    folder, notices = match
    out = tmp_path / "pages"
    assert "1 pages made" in make(out, folder, notices, "S170817a").output
    page = out / "S170817a" / "index.html"
    before = page.stat().st_mtime_ns
    again = make(out, folder, notices, "S170817a")
    assert "0 pages made, 1 unchanged" in again.output
    assert page.stat().st_mtime_ns == before
    changed = tmp_path / "changed"
    changed.mkdir()
    rows = pq.read_table(folder / "coincidences.parquet").to_pylist()
    for row in rows:
        row["p_chance"] = 0.9 if row["object_id"] == "AT2017gfo" else row["p_chance"]
    write_tables(changed, rows)
    assert "1 pages made" in make(out, changed, notices, "S170817a").output
    note = json.loads((out / "S170817a" / "page.json").read_bytes())
    assert note["entry"]["verdict"].startswith("Nothing is worth a telescope yet")


def test_hostile_names_are_text_and_leave_the_folder_alone(tmp_path):
    """An ivorn and the name of an object can be anything that XML allows."""
    folder, notices = write_match(tmp_path / "match", names=["grb221009a_xrt.xml"])
    rows = pq.read_table(folder / "coincidences.parquet").to_pylist()
    hostile = "ivo://evil.example/../../x#" + HOSTILE.replace('"', "")
    notice = tmp_path / "hostile.xml"
    source = Path(notices[-1]).read_text()
    escaped = hostile.replace("<", "&lt;").replace(">", "&gt;")
    notice.write_text(re.sub(r'ivorn="[^"]*"', f'ivorn="{escaped}"', source, count=1))
    for row in rows:
        row |= {"object_id": HOSTILE, "band": "<b>", "event_id": hostile}
    write_tables(folder, rows)
    out = tmp_path / "pages"
    done = make(out, folder, [str(notice)])
    assert done.exit_code == 0, done.output
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "hostile.xml",
        "match",
        "pages",
    ]
    (page,) = [p for p in pages(out) if p.parent != out]
    for path in pages(out):
        tree = parsed(path)
        assert not list(tree.iter("script"))
        assert not [e for e in tree.iter() for a in e.attrib if str(a).startswith("on")]
        assert all(i.get("src").startswith("data:") for i in tree.iter("img"))
    assert HOSTILE[:20] in text_of(parsed(page))
    draft = (page.parent / "candidates.csv").read_text()
    assert next(csv.DictReader(io.StringIO(draft)))["object"] == HOSTILE


@settings(max_examples=50)
@given(st.text(max_size=80), st.text(max_size=80))
def test_names_of_folders_are_safe_and_different(one, other):
    name = folder_name(one)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name)
    assert (folder_name(other) == name) == (one == other)


def test_a_thousand_candidates_in_a_quarter_of_the_sky_are_below_2_mb(tmp_path):
    folder, notices = write_crowded(tmp_path / "crowded")
    out = tmp_path / "pages"
    done = make(out, folder, notices)
    assert done.exit_code == 0, done.output
    page = out / "S240115q" / "index.html"
    assert page.stat().st_size < MOST_BYTES
    assert page.read_text().count('<svg class="lc"') == 1000


def test_errors_are_one_sentence(match, tmp_path):
    folder, notices = match
    for arguments, words in (
        (["page", "--on", str(folder)], "belong together"),
        (["page", "--data-prefix", str(tmp_path)], "no notices in"),
        (["page", "--on", str(tmp_path), "--notices", notices[0]], "match"),
        (
            ["page", "nothing", "--on", str(folder), "--notices", notices[0]],
            "no event nothing",
        ),
    ):
        done = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "out")])
        assert done.exit_code == 2
        assert words in done.output
        assert "Traceback" not in done.output


def test_a_folder_that_cannot_be_written_is_one_sentence(match, tmp_path):
    (tmp_path / "file").write_text("")
    done = make(tmp_path / "file" / "pages", *match)
    assert done.exit_code == 2
    assert "cannot write pages to" in done.output


def test_packets_that_are_gone_leave_a_page_without_cutouts(tmp_path):
    folder, notices = write_match(tmp_path / "match", names=["grb221009a_xrt.xml"])
    for file in folder.glob("packets-*"):
        file.unlink()
    out = tmp_path / "pages"
    assert make(out, folder, notices).exit_code == 0
    text = (out / "Swift-1126853" / "index.html").read_text()
    assert "No cutouts" in text
    assert "Only alerts on record" in text


def test_the_moment_of_making_is_on_the_page(out):
    year = f"{datetime.now(timezone.utc):%Y-%m-}"
    assert f"Made {year}" in text_of(parsed(out / "index.html"))

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Colours of all pictures, and the conversion of a figure to SVG or PNG.

In SVG, each colour is a variable of CSS with the colour of this module as its default:
so a page can draw the same picture dark.
"""

from __future__ import annotations

import io
import re
from typing import Any

from fink_voevent.errors import InputError

# By name of the variable of CSS: the colour on white.
COLOURS = {
    "ink": "#1f2430",
    "muted": "#5a6373",
    "grid": "#d5d9e2",
    "paper": "#fffffe",
    "accent": "#4547b8",
    "milky-way": "#e9ebf0",
    "gold": "#945c00",
    "silver": "#5b6676",
    "bronze": "#96502c",
    "band-u": "#7a3fb5",
    "band-g": "#12805c",
    "band-r": "#c0354a",
    "band-i": "#8d5a12",
    "band-z": "#4d4d52",
    "band-y": "#303036",
}
FONT_PT = 8.0
_DATA = re.compile(r'(?<= d=")[^"]*(?=")')
_NUMBER = re.compile(r"-?\d+\.\d+")
_ID = re.compile(r'(\bid="|url\(#|href="#)([\w.-]+)')
_BLANK = re.compile(r"\n\s*")


def colour(name: str) -> str:
    """Return a colour of `COLOURS`; an unknown name is that of muted ink."""
    return COLOURS.get(name, COLOURS["muted"])


def new_figure(width_in: float, height_in: float) -> Any:
    """Return an empty matplotlib Figure with a transparent background.

    Raises
    ------
    InputError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError(
            "pictures need the library matplotlib: pip install 'fink-voevent[pages]'"
        ) from None
    return Figure(figsize=(width_in, height_in), facecolor="none")


def svg(figure: Any, prefix: str, title: str, description: str = "") -> str:
    """Return a figure as an SVG element, to be put into a page or a file.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    prefix : str
        First part of all identifiers in the element; each picture of a page needs its
        own. Letters, digits and hyphens.
    title, description : str
        What the picture shows, for those who cannot see it.

    Returns
    -------
    str
        The same figure always gives the same text.
    """
    from html import escape

    import matplotlib as mpl

    stream = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "fink-voevent"}):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = _DATA.sub(_short_path, text)
    text = _ID.sub(lambda found: f"{found[1]}{prefix}-{found[2]}", text)
    for name, value in COLOURS.items():
        text = text.replace(value, f"var(--{name},{value})")
    text = text.replace("'DejaVu Sans'", "system-ui, sans-serif")
    text = re.sub(r' width="[\d.]+pt" height="[\d.]+pt"', "", text, count=1)
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    labels = (
        'stroke-linejoin="round" role="img"'
        f' aria-labelledby="{prefix}-title {prefix}-desc"'
    )
    head = (
        f'<title id="{prefix}-title">{escape(title)}</title>'
        f'<desc id="{prefix}-desc">{escape(description)}</desc>'
    )
    text = text.replace("<svg ", f"<svg {labels} ", 1)
    start = text.index(">") + 1
    return _BLANK.sub("\n", text[:start] + head + text[start:]).strip()


def png(figure: Any, dots_per_inch: int = 160) -> bytes:
    """Return a figure as a PNG file on white, for messages."""
    stream = io.BytesIO()
    figure.savefig(
        stream,
        format="png",
        dpi=dots_per_inch,
        facecolor="white",
        metadata={"Software": None},
    )
    return stream.getvalue()


def _short_path(data: re.Match[str]) -> str:
    """Write the data of a path in one line, with short numbers."""
    return _NUMBER.sub(_rounded, " ".join(data[0].split()))


def _rounded(number: re.Match[str]) -> str:
    """Write a coordinate (pt) with one digit after the point."""
    return f"{float(number[0]):.1f}".removesuffix(".0")


def svg_file(element: str) -> bytes:
    """Return an SVG element of `svg` as a file."""
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    return (head + element + "\n").encode()

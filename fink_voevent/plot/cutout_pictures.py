# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Picture of the cutouts of an alert: science, template, difference."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from fink_voevent.alerts.stamps import NAMES, Image, Stamps
from fink_voevent.errors import InputError
from fink_voevent.plot.style import FONT_PT, colour, new_figure

LOW_PERCENT, HIGH_PERCENT = 2.0, 99.5  # of the pixels: black and white
STRETCH = 3.0  # of the inverse hyperbolic sine: how much faint parts are raised


def cutouts(stamps: Stamps) -> Any:
    """Draw the cutouts of an alert beside each other.

    Parameters
    ----------
    stamps : Stamps

    Returns
    -------
    matplotlib.figure.Figure
        With three axes; a cutout that is missing is an empty one.

    Raises
    ------
    InputError
        If matplotlib is not installed.
    """
    figure = new_figure(3.6, 1.35)
    for number, name in enumerate(NAMES):
        axes = figure.add_axes((number / 3.0 + 0.008, 0.02, 0.317, 0.84))
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_facecolor(colour("milky-way"))
        for spine in axes.spines.values():
            spine.set_color(colour("grid"))
        if name in stamps.images:
            axes.imshow(grey(stamps.images[name]), cmap="gray", vmin=0, vmax=255)
        axes.set_title(name, fontsize=FONT_PT, color=colour("muted"), pad=3)
    return figure


def grey(image: Image) -> npt.NDArray[np.uint8]:
    """Return an image as grey levels, the first row at the top.

    Parameters
    ----------
    image : ndarray of float32, shape (n, m)
        The first row is at the bottom; NaN becomes black.

    Returns
    -------
    ndarray of uint8, shape (n, m)
    """
    known = image[np.isfinite(image)]
    if not known.size:
        return np.zeros(image.shape, np.uint8)
    low, high = np.percentile(known, (LOW_PERCENT, HIGH_PERCENT))
    span = max(float(high - low), 1e-12)
    share = np.clip((np.nan_to_num(image, nan=float(low)) - low) / span, 0.0, 1.0)
    bright = np.arcsinh(STRETCH * share) / np.arcsinh(STRETCH)
    return np.round(255.0 * bright[::-1]).astype(np.uint8)


def png_of(image: Image) -> bytes:
    """Return one cutout as a small PNG file, one pixel for each pixel."""
    try:
        from PIL import Image as Pillow
    except ImportError:
        raise InputError(
            "pictures need the library Pillow: pip install 'fink-voevent[pages]'"
        ) from None
    stream = io.BytesIO()
    Pillow.fromarray(grey(image)).save(stream, format="png", optimize=True)
    return stream.getvalue()

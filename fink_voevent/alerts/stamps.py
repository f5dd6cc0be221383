# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The cutouts of an alert packet as images: science, template, difference."""

from __future__ import annotations

import gzip
import io
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

NAMES = ("science", "template", "difference")
MOST_BYTES = 2**22  # of an uncompressed cutout; those of ZTF have 20 kB
MOST_SIDE = 256  # pixels that are shown along a side
Image = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Stamps:
    """Images around an object, north up as far as the survey delivers them so.

    Parameters
    ----------
    images : dict of str to ndarray of float32, shape (n, n)
        By one of `NAMES`, with the first row at the bottom. NaN is no data.
    """

    images: Mapping[str, Image]


def from_packet(packet: Mapping[str, Any]) -> Stamps | None:
    """Return the cutouts of a packet; None if it has none that can be read.

    Parameters
    ----------
    packet : mapping
        Packet of ZTF (``cutoutScience.stampData``) or Rubin (``cutoutScience``): FITS
        files, compressed with gzip or not.
    """
    images = {}
    for name in NAMES:
        content = packet.get(f"cutout{name.capitalize()}")
        if isinstance(content, Mapping):
            content = content.get("stampData")
        image = None if not content else _image(content)
        if image is not None:
            images[name] = image
    return Stamps(images) if images else None


def _image(content: bytes) -> Image | None:
    from astropy.io import fits
    from astropy.utils.exceptions import AstropyWarning

    try:
        if content[:2] == b"\x1f\x8b":
            with gzip.open(io.BytesIO(content)) as stream:
                content = stream.read(MOST_BYTES)
        with warnings.catch_warnings():  # Rubin's cutouts break rules of the header
            warnings.simplefilter("ignore", AstropyWarning)
            with fits.open(io.BytesIO(content), memmap=False) as units:
                data = next(unit.data for unit in units if unit.data is not None)
                image = np.array(data, np.float32)
    except (OSError, EOFError, zlib.error, ValueError, StopIteration, TypeError):
        return None  # the page says that there is no such cutout
    if image.ndim != 2 or not 2 <= min(image.shape) <= max(image.shape) <= MOST_SIDE:
        return None
    return image

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Pictures of events and candidates, for pages, messages and notebooks.

Each function returns a matplotlib Figure; `svg` and `png` turn it into text or bytes.
matplotlib is loaded when the first picture is drawn; `pip install
'fink-voevent[pages]'` installs it.
"""

from __future__ import annotations

from fink_voevent.plot.cutout_pictures import cutouts
from fink_voevent.plot.light_curve_pictures import light_curve
from fink_voevent.plot.sky_pictures import Mark, View, finder, near, sky
from fink_voevent.plot.style import png, svg

__all__ = [
    "Mark",
    "View",
    "cutouts",
    "finder",
    "light_curve",
    "near",
    "png",
    "sky",
    "svg",
]

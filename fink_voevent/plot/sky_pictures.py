# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a region on the sky: the whole sky, and near the best candidates.

Right ascension grows to the left. Contours of the credible levels 0.5 and 0.9 are
smoothed by about half a pixel of the sky map; the numbers that go with them are not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fink_voevent.plot.style import FONT_PT, colour, new_figure
from fink_voevent.sky.region import OUTSIDE, Region, separation_deg

LEVELS = (0.5, 0.9)
SMALL_DEG = 2.5  # a smaller 90 % region is marked by a ring on the whole sky
MILKY_WAY_DEG = 8.0  # galactic latitude up to which the Milky Way is shaded
WIDEST_DEG, NARROWEST_DEG = 40.0, 0.004  # half-widths of the near view
MOLLWEIDE_DEG = 4.0 * math.sqrt(2.0) / math.pi * 180.0  # width of the whole sky
MOST_MARKS, MOST_NUMBERS = 300, 10  # that are drawn, and numbered
TOGETHER_DEG = 40.0  # candidates in one near view are at most so far apart
_WHOLE, _NEAR = (720, 360), (320, 320)  # samples along the axes
_NORTH_GALACTIC_POLE = (192.85948, 27.12825)  # deg, ICRS


class Mark(NamedTuple):
    """An object in a picture.

    Parameters
    ----------
    number : int
        Its rank, which is written beside it.
    ra, dec : float
        Degrees, ICRS.
    tier : str
        gold, silver or bronze: its colour. Any other text is muted.
    """

    number: int
    ra: float
    dec: float
    tier: str = ""


class View(NamedTuple):
    """What the near view shows: centre and half of its width (deg)."""

    ra: float
    dec: float
    half_deg: float


def sky(region: Region, marks: Sequence[Mark] = ()) -> Any:
    """Draw a region on the whole sky (Mollweide), with candidates.

    Parameters
    ----------
    region : Region
    marks : sequence of Mark
        Of these, the ones that lie apart are numbered.

    Returns
    -------
    matplotlib.figure.Figure
        Its only axes are WCSAxes, so that more can be drawn with
        ``transform=axes.get_transform("icrs")``.

    Raises
    ------
    InputError
        If matplotlib is not installed.
    """
    figure = new_figure(4.6, 2.4)
    from astropy.visualization.wcsaxes import WCSAxes
    from astropy.visualization.wcsaxes.frame import EllipticalFrame

    middle = round(region.ra / 30.0) * 30.0 % 360.0
    wcs = _wcs("MOL", (middle, 0.0), _WHOLE, MOLLWEIDE_DEG)
    axes = WCSAxes(
        figure, (0.01, 0.02, 0.98, 0.96), wcs=wcs, frame_class=EllipticalFrame
    )
    figure.add_axes(axes)
    _prepare(axes, _WHOLE)
    _draw_milky_way(axes, wcs, _WHOLE)
    _draw_region(axes, wcs, _WHOLE, region)
    _label_whole_sky(axes, wcs, middle)
    if region.radius_deg(0.9) < SMALL_DEG:
        _ring(axes, wcs, region)
    _draw_marks(axes, wcs, marks, numbered=_apart(wcs, marks, 26.0))
    return figure


def near(region: Region, marks: Sequence[Mark] = (), view: View | None = None) -> Any:
    """Draw the part of a region near the best candidates.

    Parameters
    ----------
    region : Region
    marks : sequence of Mark
        Best first.
    view : View, optional
        By default that of `near_view`.

    Returns
    -------
    matplotlib.figure.Figure
        Its only axes are WCSAxes: see `sky`.

    Raises
    ------
    InputError
        If matplotlib is not installed.
    """
    figure = new_figure(3.6, 3.35)
    from astropy.visualization.wcsaxes import WCSAxes

    view = near_view(region, marks) if view is None else view
    wcs = _wcs("ZEA", (view.ra, view.dec), _NEAR, 2.0 * view.half_deg)
    axes = WCSAxes(figure, (0.21, 0.135, 0.77, 0.84), wcs=wcs)
    figure.add_axes(axes)
    _prepare(axes, _NEAR)
    _draw_milky_way(axes, wcs, _NEAR)
    _draw_region(axes, wcs, _NEAR, region)
    _label_near(axes)
    shown = [mark for mark in marks if _is_in(wcs, mark, _NEAR)]
    _draw_marks(axes, wcs, shown, numbered=_apart(wcs, shown, 12.0))
    return figure


def finder(ra_deg: float, dec_deg: float, marks: Sequence[Mark], region: Region) -> Any:
    """Draw the surroundings of one candidate: the region, and the other candidates.

    Parameters
    ----------
    ra_deg, dec_deg : float
        Centre (deg, ICRS).
    marks : sequence of Mark
    region : Region

    Returns
    -------
    matplotlib.figure.Figure
        As of `near`. Half of its width is a tenth of the radius of the 90 % region,
        from 1 arcmin to 1 deg.
    """
    half = float(np.clip(region.radius_deg(0.9) / 10.0, 1.0 / 60.0, 1.0))
    return near(region, marks, View(ra_deg, dec_deg, half))


def near_view(region: Region, marks: Sequence[Mark]) -> View:
    """Return the view that shows candidates 1 to 3, as far as one view can.

    Candidates that are more than `TOGETHER_DEG` from the first are left out. Without
    candidates it is the most probable part of the region.
    """
    size = math.sqrt(max(region.area_deg2(0.9), 1e-12) / math.pi)
    if not marks:
        return View(region.ra, region.dec, _clipped(1.6 * size))
    first = marks[0]
    close = [
        mark
        for mark in marks[:3]
        if separation_deg(first.ra, first.dec, mark.ra, mark.dec) <= TOGETHER_DEG
    ]
    ra, dec = _middle(close)
    apart = float(
        separation_deg(ra, dec, [m.ra for m in close], [m.dec for m in close]).max()
    )
    to_centre = float(separation_deg(ra, dec, region.ra, region.dec))
    if to_centre <= 2.0 * size:  # small enough to be shown as a whole
        return View(ra, dec, _clipped(max(1.3 * apart, to_centre + 1.5 * size)))
    return View(ra, dec, _clipped(max(1.3 * apart, 0.9 * size)))


def _clipped(half_deg: float) -> float:
    return float(np.clip(half_deg, NARROWEST_DEG, WIDEST_DEG))


def _middle(marks: Sequence[Mark]) -> tuple[float, float]:
    """Direction of the sum of the unit vectors of places."""
    ra = np.radians([mark.ra for mark in marks])
    dec = np.radians([mark.dec for mark in marks])
    x, y, z = (
        float(part.sum())
        for part in (np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec))
    )
    return math.degrees(math.atan2(y, x)) % 360.0, math.degrees(
        math.atan2(z, math.hypot(x, y))
    )


def _wcs(
    projection: str,
    centre_deg: tuple[float, float],
    shape: tuple[int, int],
    width_deg: float,
) -> Any:
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
    wcs.wcs.crval = list(centre_deg)
    wcs.wcs.crpix = [shape[0] / 2.0 + 0.5, shape[1] / 2.0 + 0.5]
    step = width_deg / shape[0]
    wcs.wcs.cdelt = [-step, step]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.radesys = "ICRS"
    return wcs


def _places(wcs: Any, shape: tuple[int, int]) -> tuple[Any, Any]:
    """Place (deg) of each sample; NaN outside the sky."""
    x, y = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]))
    with np.errstate(invalid="ignore"):
        ra, dec = wcs.wcs_pix2world(x.ravel(), y.ravel(), 0)
    again = wcs.wcs_world2pix(ra, dec, 0)
    is_off = ~np.isclose(again[0], x.ravel(), atol=1e-3)  # mapped to elsewhere
    ra[is_off], dec[is_off] = np.nan, np.nan
    return ra.reshape(x.shape), dec.reshape(x.shape)


def _prepare(axes: Any, shape: tuple[int, int]) -> None:
    axes.set_xlim(-0.5, shape[0] - 0.5)
    axes.set_ylim(-0.5, shape[1] - 0.5)
    axes.set_facecolor("none")
    axes.coords.frame.set_color(colour("muted"))
    axes.coords.frame.set_linewidth(0.7)


def _draw_milky_way(axes: Any, wcs: Any, shape: tuple[int, int]) -> None:
    ra, dec = _places(wcs, shape)
    pole_ra, pole_dec = _NORTH_GALACTIC_POLE
    latitude = 90.0 - separation_deg(pole_ra, pole_dec, ra, dec)
    away = np.abs(np.where(np.isfinite(latitude), latitude, 90.0))
    if away.min() < MILKY_WAY_DEG:
        axes.contourf(
            away,
            levels=[-1.0, MILKY_WAY_DEG],
            colors=[colour("milky-way")],
            zorder=0.5,
        )


def _draw_region(axes: Any, wcs: Any, shape: tuple[int, int], region: Region) -> None:
    ra, dec = _places(wcs, shape)
    levels = region.level_at(ra, dec)
    step_deg = abs(wcs.wcs.cdelt[0])
    sigma = float(np.clip(0.6 * region.pixel_deg() / step_deg, 0.5, 8.0))
    smooth = _smoothed(levels, sigma)
    accent = colour("accent")
    for level, opacity in zip(LEVELS[::-1], (0.16, 0.34), strict=True):
        if smooth.min() < level:
            axes.contourf(
                smooth, levels=[-1.0, level], colors=[accent], alpha=opacity, zorder=1
            )
            axes.contour(
                smooth, levels=[level], colors=[accent], linewidths=0.8, zorder=2
            )


def _smoothed(values: npt.NDArray[np.float64], sigma: float) -> Any:
    """Convolve with a Gaussian (samples); beyond the edges it is outside."""
    reach = max(1, math.ceil(3.0 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(values, reach, mode="edge")
    rows = np.apply_along_axis(np.convolve, 1, padded, kernel, "valid")
    found = np.apply_along_axis(np.convolve, 0, rows, kernel, "valid")
    # Smoothing must not hide a region that is smaller than the kernel.
    return (
        found if found.min() < LEVELS[-1] else np.where(values < OUTSIDE, values, found)
    )


def _label_whole_sky(axes: Any, wcs: Any, middle: float) -> None:
    for coordinate in axes.coords:
        coordinate.set_ticklabel_visible(False)
        coordinate.set_ticks_visible(False)
        coordinate.set_axislabel("")
    axes.coords[0].set_ticks(np.arange(0, 360, 60) * _degrees())
    axes.coords[1].set_ticks(np.array([-60, -30, 0, 30, 60]) * _degrees())
    axes.coords.grid(color=colour("grid"), linewidth=0.6, linestyle="solid")
    style = {"fontsize": FONT_PT, "color": colour("muted"), "zorder": 3}
    for offset in (-120, -60, 0, 60, 120):
        ra = (middle + offset) % 360.0
        x, y = wcs.wcs_world2pix([ra], [0.0], 0)
        axes.text(
            x[0], y[0] + 3, f"{ra / 15.0:.0f}h", ha="center", va="bottom", **style
        )
    for dec in (-60, -30, 30, 60):
        x, y = wcs.wcs_world2pix([middle], [float(dec)], 0)
        axes.text(x[0] + 3, y[0], f"{dec:+d}°", ha="left", va="bottom", **style)


def _degrees() -> Any:
    from astropy import units

    return units.deg


def _label_near(axes: Any) -> None:
    ra, dec = axes.coords
    for coordinate, name in ((ra, "RA (ICRS)"), (dec, "Dec")):
        coordinate.set_axislabel(
            name, color=colour("muted"), fontsize=FONT_PT, minpad=0.7
        )
        coordinate.set_ticklabel(
            color=colour("muted"), fontsize=FONT_PT, exclude_overlapping=True
        )
        coordinate.set_ticks(color=colour("muted"), number=4, size=3)
    axes.coords.grid(color=colour("grid"), linewidth=0.6, linestyle="solid")


def _pixels(wcs: Any, marks: Sequence[Mark]) -> npt.NDArray[np.float64]:
    """Positions of marks in the picture, shape (n, 2)."""
    if not marks:
        return np.zeros((0, 2))
    ra, dec = [mark.ra for mark in marks], [mark.dec for mark in marks]
    return np.stack(wcs.wcs_world2pix(ra, dec, 0), axis=1)


def _is_in(wcs: Any, mark: Mark, shape: tuple[int, int]) -> bool:
    ((x, y),) = _pixels(wcs, [mark])
    return bool(0 <= x < shape[0] and 0 <= y < shape[1])


def _apart(wcs: Any, marks: Sequence[Mark], least: float) -> set[int]:
    """Numbers of the marks that can be numbered without covering a better one's."""
    kept: list[int] = []
    places = _pixels(wcs, marks)
    for index in range(min(len(marks), MOST_NUMBERS)):
        steps = places[kept] - places[index]
        if not kept or np.hypot(*steps.T).min() >= least:
            kept.append(index)
    return {marks[index].number for index in kept}


def _draw_marks(axes: Any, wcs: Any, marks: Sequence[Mark], numbered: set[int]) -> None:
    """Draw marks, the best on top; more than `MOST_MARKS` would only be a stain."""
    shown = list(marks[:MOST_MARKS])
    _draw_small(axes, wcs, [m for m in shown if m.number not in numbered])
    chosen = [mark for mark in shown if mark.number in numbered]
    for mark, (x, y) in reversed(list(zip(chosen, _pixels(wcs, chosen), strict=True))):
        axes.plot(
            [x],
            [y],
            color=colour(mark.tier),
            marker="o",
            markersize=5.5,
            markeredgecolor=colour("paper"),
            markeredgewidth=0.7,
            zorder=5,
        )
        axes.annotate(
            str(mark.number),
            (x, y),
            xytext=(4, 4),
            textcoords="offset points",
            fontsize=FONT_PT + 1,
            fontweight="bold",
            color=colour("ink"),
            zorder=6,
        )


def _draw_small(axes: Any, wcs: Any, marks: Sequence[Mark]) -> None:
    """Draw marks without numbers, all of one tier at once."""
    for tier in sorted({mark.tier for mark in marks}):
        places = _pixels(wcs, [mark for mark in marks if mark.tier == tier])
        axes.scatter(
            *places.T,
            s=10,
            color=colour(tier),
            edgecolors=colour("paper"),
            linewidths=0.5,
            zorder=4,
        )


def _ring(axes: Any, wcs: Any, region: Region) -> None:
    ((x, y),) = _pixels(wcs, [Mark(0, region.ra, region.dec)])
    axes.plot(
        [x],
        [y],
        color=colour("accent"),
        marker="o",
        markersize=11,
        markerfacecolor="none",
        markeredgecolor=colour("accent"),
        markeredgewidth=1.2,
        zorder=4,
    )

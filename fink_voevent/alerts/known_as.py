# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What the catalogues in an alert packet say at the place of the alert, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from fink_voevent.alerts.surveys import FAILED, UNKNOWN_TYPES

_NOTHING = {*UNKNOWN_TYPES, "None", "none"}
MANGROVE_ARCMIN = 1.0  # radius in which Fink looks for galaxies of Mangrove
LEAST_GALAXY_MPC = 3.0  # entries that are nearer are mostly stars


def known_as(packet: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is known at the place of an alert, most certain first.

    Parameters
    ----------
    packet : mapping
        Packet of ZTF or Rubin with the values that Fink adds.

    Returns
    -------
    tuple of str
        Empty if the packet knows nothing.
    """
    return tuple(_facts(packet))


def _facts(packet: Mapping[str, Any]) -> Iterator[str]:
    matches = packet.get("xm") or {}
    simbad = _text(packet.get("cdsxmatch") or matches.get("simbad_otype"))
    if simbad and not simbad.startswith(FAILED):
        yield f"SIMBAD: {simbad}"
    tns = _text(packet.get("tns") or matches.get("tns_type"))
    if tns:
        yield f"TNS: {tns}"
    distance = galaxy_distance_mpc(packet)
    if distance is not None:
        galaxy = dict(packet.get("mangrove") or ())
        name = _text(
            galaxy.get("HyperLEDA_name", matches.get("mangrove_HyperLEDA_name"))
        )
        known = f" HyperLEDA {name}" if name else ""
        yield f"within {MANGROVE_ARCMIN:g}' of the galaxy{known} at {distance:.3g} Mpc"
    redshift = _number(matches.get("legacydr8_zphot"))
    if redshift is not None and redshift > 0:
        error = _number(matches.get("legacydr8_e_zphot"))
        spread = "" if error is None else f" ± {error:.2g}"
        yield f"photometric redshift {redshift:.2g}{spread} (Legacy Survey DR8)"


def galaxy_distance_mpc(packet: Mapping[str, Any]) -> float | None:
    """Return the luminosity distance (Mpc) of a galaxy near an alert; None without one.

    Parameters
    ----------
    packet : mapping
        As of `known_as`; the galaxy is that of the catalogue Mangrove.
    """
    galaxy, matches = dict(packet.get("mangrove") or ()), packet.get("xm") or {}
    distance = _number(galaxy.get("lum_dist", matches.get("mangrove_lum_dist")))
    return None if distance is None or distance < LEAST_GALAXY_MPC else distance


def _text(value: Any) -> str:
    text = "" if value is None else str(value).strip()
    return "" if text in _NOTHING else text


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None

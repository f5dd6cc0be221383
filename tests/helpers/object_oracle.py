# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What an alert says of its object, computed packet by packet, without code of ours.

The lists of types are those of the real alerts that the tests compare.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.cosmology import FlatLambdaCDM

COSMOLOGY = FlatLambdaCDM(H0=67.74, Om0=0.3075, Tcmb0=0)
QUARTER_OF_AN_HOUR = 0.25 / 24
NUCLEI = {
    *("AGN", "QSO", "BLLac", "Blazar", "LINER", "RadioG"),
    *("Seyfert", "Seyfert1", "Seyfert2", "Seyfert_1", "Seyfert_2"),
}
GALAXIES = {
    *("Galaxy", "EmG", "EmissionG", "GinCl", "GtowardsCl", "GtowardsGroup", "GinPair"),
    *("HIIG", "StarburstG", "InteractingG", "PairG", "BrightestCG", "BlueCompactG"),
    *("LowSurfBrghtG", "LensedG", "PartofG"),
}
SUPERNOVAE = {"SN", "Supernova"}
OTHER_STARS = {
    *("Star", "YSO", "WhiteDwarf", "PlanetaryNeb", "BlueSG", "RedSG", "YellowSG"),
    *("Supergiant", "BlueStraggler", "HotSubdwarf", "Pulsar", "Planet"),
}
# Stars, by an asterisk in their type, of which the type alone says nothing of changes.
STEADY = {
    *("C*", "S*", "Be*", "Ae*", "RGB*", "AGB*", "post-AGB*", "HighPM*", "PM*", "Em*"),
    *("OH/IR*", "WolfRayet*", "WR*", "HorBranch*", "HB*", "low-mass*", "Low-Mass*"),
    *("brownD*", "BrownD*", "ChemPec*", "EmLine*", "MainSequence*", "WD*", "Pec*"),
    *("Massive*", "Massiv*", "Neutron*", "HighVel*", "Evolved*", "RedSG*", "BlueSG*"),
}
VARIABLES = {
    *("RRLyr", "RRLyrae", "Cepheid", "ClassicalCep", "Type2Cep", "Mira", "EclBin"),
    *("EllipVar", "XB", "LMXB", "HMXB", "XrayBin", "LowMassXBin", "HighMassXBin"),
    *("Nova", "PulsV*WVir", "PulsV*RVTau", "PulsV*delSct", "BYDra", "RSCVn", "RCrB"),
    *("deltaCep", "gammaDor"),
}
GROUPS = {"Cl*", "Cluster*", "As*", "Association*", "Stream*", "SN*"}


def objects(packet: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of a thin alert that describe its object."""
    return ztf(packet) if "candidate" in packet else rubin(packet)


def number(value: Any) -> float | None:
    if value is None or value == "None":
        return None
    found = float(value)
    return None if math.isnan(found) else found


def text(value: Any) -> str | None:
    if value is None or value.strip() in ("", "nan", "None", "Unknown"):
        return None
    return None if value.startswith("Fail") else value.strip()


def of_simbad(kind: str | None) -> set[str]:
    """Return what a SIMBAD type says: star, variable, nucleus, galaxy, supernova."""
    if text(kind) is None:
        return set()
    base = re.sub(r"_Candidate$|^Candidate_", "", kind)
    if base in NUCLEI:
        return {"nucleus"}
    if base in GALAXIES:
        return {"galaxy"}
    if base in SUPERNOVAE:
        return {"supernova"}
    if base == "Radio":
        return {"radio"}
    if base in OTHER_STARS or base in STEADY:
        return {"star"}
    if base in VARIABLES or (base.endswith("*") and base not in GROUPS):
        return {"star", "variable"}
    return set()


def of_variability(kind: str | None) -> set[str]:
    """Return what a type of VSX or GCVS says."""
    named = text(kind)
    if named is None:
        return set()
    parts = re.split(r"[|+/]", named.replace(":", ""))
    if {"AGN", "QSO", "BLLAC", "GAL"} & set(parts):
        return {"nucleus"}
    if parts[0].startswith("SN"):
        return {"supernova"}
    if parts in (["VAR"], ["MISC"], ["S"], ["I"], ["CST"], ["*"]):
        return {"suspected"}
    return {"star", "variable"}


def of_tns(kind: str | None) -> set[str]:
    if kind and kind.startswith(("SN", "SLSN", "TDE")):
        return {"supernova"}
    return {"nucleus"} if kind in ("AGN", "QSO") else set()


def flags(
    said: set[str],
    point: bool | None,
    found: bool,
    parallax: float,
    x3hsp: str | None,
    x4lac: str | None,
    place: SkyCoord,
    far: bool = False,
) -> dict[str, bool | None]:
    """Return stellar, variable and active_nucleus."""
    free = parallax < 5 and "variable" not in said
    blazar = (x4lac is not None and found and free) or near_blazar(x3hsp, place)
    outside = bool(said & {"nucleus", "galaxy", "supernova"}) or blazar or far
    outside = outside or ("radio" in said and free)
    stellar: bool | None = None
    if outside:
        stellar = False
    elif "star" in said or parallax >= 5 or point:
        stellar = True
    elif point is False:
        stellar = False
    variable: bool | None = None
    if outside:
        variable = False
    elif "variable" in said or ("suspected" in said and stellar):
        variable = True
    nucleus: bool | None = None
    if "nucleus" in said or blazar:
        nucleus = True
    elif stellar or "galaxy" in said:
        nucleus = False
    return {"stellar": stellar, "variable": variable, "active_nucleus": nucleus}


def near_blazar(name: str | None, place: SkyCoord) -> bool:
    if text(name) is None:
        return False
    found = re.fullmatch(r"3HSPJ(\d\d)(\d\d)(\d\d\.\d)([+-]\d\d)(\d\d)(\d\d)", name)
    there = SkyCoord("{}h{}m{}s {}d{}m{}s".format(*found.groups()))
    return bool(there.separation(place) < 3 * u.arcsec)


def sigma(value: Any, error: Any) -> float:
    """Return a value in units of its error, -inf if it is unknown."""
    one, other = number(value), number(error)
    return -math.inf if one is None or not other else one / other


def mangrove(names: dict[str, Any], place: SkyCoord, nucleus: bool | None):
    """Return the galaxy of Mangrove as a host, or None."""
    leda, two_mass = text(names["HyperLEDA_name"]), text(names["2MASS_name"])
    distance = number(names["lum_dist"])
    if distance is None or not (leda or two_mass):
        return None
    angle = None
    if two_mass:
        h, m, s, d, dm, ds = re.fullmatch(
            r"(\d\d)(\d\d)(\d{4})([+-]\d\d)(\d\d)(\d{3})", two_mass
        ).groups()
        there = SkyCoord(f"{h}h{m}m{s[:2]}.{s[2:]}s {d}d{dm}m{ds[:2]}.{ds[2:]}s")
        angle = there.separation(place).arcsec
    if nucleus and (angle is None or angle > 3):
        return None
    reach = math.hypot(60.0 if angle is None else angle, 2062.6481 / distance)
    per_arcsec2 = 1.6 * (distance / 100) ** 1.7 / 3600**2
    name = f"PGC {leda}" if leda and leda.isdigit() else leda or f"2MASX J{two_mass}"
    return {
        "host": name,
        "host_separation": None if angle is None else angle / 3600,
        "host_distance": distance,
        "host_distance_error": (300 if leda else 0.015 * 299792.458) / 67.74,
        "host_chance": 1 - math.exp(-math.pi * reach**2 * per_arcsec2),
        "redshift": math.sqrt(distance / number(names["ang_dist"])) - 1,
    }


NO_HOST = dict.fromkeys(
    [
        *("host", "host_separation", "host_distance", "host_distance_error"),
        *("host_chance", "redshift"),
    ]
)


def chance(reach: float, magnitude: float) -> float:
    """Return the probability of a galaxy that is as bright (Bloom et al. 2002)."""
    slope = 0.334
    counts = 10 ** (slope * (magnitude - 22.963) + 4.320) / (slope * math.log(10))
    return 1 - math.exp(-math.pi * reach**2 * counts / 3600**2)


def ztf(packet: dict[str, Any]) -> dict[str, Any]:
    now = packet["candidate"]
    place = SkyCoord(now["ra"], now["dec"], unit="deg")
    said = of_simbad(packet["cdsxmatch"]) | of_tns(packet.get("tns"))
    said |= of_variability(packet["vsx"]) | of_variability(packet["gcvs"])
    said |= {"star"} if text(packet.get("spicy_class")) else set()
    said |= {"suspected"} if packet.get("gaiaVarFlag") == 1 else set()
    near = None if now["distpsnr1"] < 0 else now["distpsnr1"] < 1.5
    point = None
    if near is False:
        point = False
    elif near and now["sgscore1"] != 0.5 and now["sgscore1"] >= 0:
        point = True if now["sgscore1"] >= 0.76 else None
        point = False if now["sgscore1"] <= 0.24 else point
    found = flags(
        said, point, bool(near), sigma(packet["Plx"], packet["e_Plx"]),
        text(packet["x3hsp"]), text(packet["x4lac"]), place,
    )  # fmt: skip
    known_asteroid = packet["roid"] == 3
    earlier = packet["prv_candidates"] or []
    seen = [v for v in earlier if v["magpsf"] is not None and v["jd"] != now["jd"]]
    limits = [v for v in earlier if v["magpsf"] is None and v["diffmaglim"]]
    times = [now["jd"], *(v["jd"] for v in seen)]
    span = max(times) - min(times)
    moving = True if known_asteroid else (False if span >= QUARTER_OF_AN_HOUR else None)
    positive = {"t": True, "1": True, "f": False, "0": False}[now["isdiffpos"]]

    same = [v for v in seen if (v["field"], v["rcid"]) == (now["field"], now["rcid"])]
    first, start = min(times), now["jdstarthist"]
    uncounted = now["ndethist"] - 1 - len(same)
    confirmed = uncounted > 1 or now["ndethist"] - 1 - len(seen) > 1
    between = [v for v in limits if start < v["jd"] < first]
    if start < first and (confirmed or not between):
        first = start
    before = [v for v in limits if v["jd"] < first]
    last = max(before, key=lambda v: v["jd"], default=None)

    change = None
    if 0 <= now["distnr"] <= 1.5 and now["magnr"] > 0:
        ratio = 10 ** (-0.4 * (np.float64(now["magpsf"]) - now["magnr"]))
        total = 1 + ratio if positive else 1 - ratio
        change = 2.5 * math.log10(total) if total > 0 else None

    host = None
    if not found["stellar"] and not known_asteroid:
        names = dict(packet["mangrove"])
        host = mangrove(names, place, found["active_nucleus"]) or pan_starrs(now)
    return {
        **found, "moving": moving, "positive": positive, "flux_change": change,
        "detections": len(times), "detection_span": span, "first": first,
        "limit": last and last["jd"], "limit_magnitude": last and last["diffmaglim"],
        **(host or NO_HOST),
    }  # fmt: skip


def pan_starrs(now: dict[str, Any]) -> dict[str, Any] | None:
    """Return the most probable of the sources of Pan-STARRS 1 that are galaxies."""
    best: dict[str, Any] | None = None
    for n in "123":
        score, angle, r = (now[f"{k}{n}"] for k in ("sgscore", "distpsnr", "srmag"))
        if not 0 <= score <= 0.24 or angle < 0 or r <= 0:
            continue
        chance_here = chance(math.hypot(angle, 1.5), r)
        if best is None or chance_here < best["host_chance"]:
            best = NO_HOST | {
                "host": f"PS1 {now[f'objectidps{n}']}", "host_chance": chance_here,
                "host_separation": angle / 3600,
            }  # fmt: skip
    return best


def rubin(packet: dict[str, Any]) -> dict[str, Any]:
    now, xm, whole = packet["diaSource"], packet["xm"], packet["diaObject"] or {}
    place = SkyCoord(now["ra"], now["dec"], unit="deg")
    said = of_simbad(xm["simbad_otype"]) | of_tns(xm["tns_type"])
    said |= of_variability(xm["vsx_Type"]) | of_variability(xm["gcvs_type"])
    said |= {"star"} if text(xm["spicy_class"]) else set()
    said |= {"suspected"} if xm["gaiadr3_VarFlag"] == 1 else set()
    star, z = number(xm["legacydr8_pstar"]), number(xm["legacydr8_zphot"])
    point = None
    if star is not None:
        point = True if star >= 0.8 else (False if star <= 0.2 else None)
    good = star is not None and star <= 0.2 and xm["legacydr8_fqual"] == 1
    found = flags(
        said, point, text(xm["gaiadr3_DR3Name"]) is not None or star is not None,
        sigma(xm["gaiadr3_Plx"], xm["gaiadr3_e_Plx"]),
        text(xm["x3hsp_type"]), text(xm["x4lac_type"]), place, bool(good and z),
    )  # fmt: skip
    asteroid = packet["pred"]["is_sso"] or bool(now["ssObjectId"])
    earlier = packet["prvDiaSources"] or []
    forced = packet["prvDiaForcedSources"] or []
    times = [now["midpointMjdTai"], *(v["midpointMjdTai"] for v in earlier)]
    span = max(times) - min(times)
    moving = True if asteroid else (False if span >= QUARTER_OF_AN_HOUR else None)
    positive: bool | None = None
    if not now["isDipole"]:
        positive = not (now["isNegative"] or now["psfFlux"] < 0)
    first = min([*times, whole.get("firstDiaSourceMjdTai") or math.inf])
    change = None
    if now["templateFlux"] > 3 * now["templateFluxErr"] and now["scienceFlux"] > 0:
        change = 2.5 * math.log10(now["scienceFlux"] / now["templateFlux"])
    host = None
    if not found["stellar"] and not asteroid:
        names = {
            k.removeprefix("mangrove_"): str(v)
            for k, v in xm.items()
            if k.startswith("mangrove_")
        }
        host = mangrove(names, place, found["active_nucleus"])
        if host is None and good and z:
            host = NO_HOST | {
                "host": "Legacy Surveys DR8", "redshift": z,
                "host_distance": COSMOLOGY.luminosity_distance(z).value,
                "host_chance": chance(math.hypot(1.5, 1.5), 23.4),
            }  # fmt: skip
    assert not forced, "limits of forced photometry are not in this oracle"
    return {
        **found, "moving": moving, "positive": positive, "flux_change": change,
        "detections": len(times), "detection_span": span, "first": first,
        "limit": None, "limit_magnitude": None, **(host or NO_HOST),
    }  # fmt: skip

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What thin alerts say of an object; real alerts are in test_real_objects."""

from __future__ import annotations

import math

import pytest
from helpers.object_oracle import COSMOLOGY
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.alerts import hosts
from fink_voevent.alerts.thin_alerts import thin

JD, MJD = 2460324.5, 61041.25
RA, DEC = 150.0, 2.0
NAN = math.nan
STAR = {"sgscore1": 0.99, "distpsnr1": 0.3}
GALAXY = {"sgscore1": 0.01, "distpsnr1": 0.3}

CANDIDATE = {
    "jd": ("double", JD), "ra": ("double", RA), "dec": ("double", DEC),
    "fid": ("int", 1), "magpsf": ("float", 19.0), "isdiffpos": ("string", "t"),
    "jdstarthist": ("double", JD), "ndethist": ("int", 1), "field": ("int", 500),
    "rcid": ("int", 7), "drb": ("float", 0.9), "rb": ("float", 0.8),
    "magnr": ("float", -999.0), "distnr": ("float", 9.0),
    "ssdistnr": ("float", -999.0), "sgscore1": ("float", 0.5),
    "distpsnr1": ("float", 0.3), "srmag1": ("float", -999.0),
    "objectidps1": ("bigint", 71), "sgscore2": ("float", -999.0),
    "distpsnr2": ("float", -999.0), "srmag2": ("float", -999.0),
    "objectidps2": ("bigint", 72), "sgscore3": ("float", -999.0),
    "distpsnr3": ("float", -999.0), "srmag3": ("float", -999.0),
    "objectidps3": ("bigint", 73),
}  # fmt: skip
NO_GALAXY = dict.fromkeys(
    ("HyperLEDA_name", "2MASS_name", "lum_dist", "ang_dist"), "None"
)
ZTF = {
    "cdsxmatch": ("string", "Unknown"), "vsx": ("string", "Unknown"),
    "gcvs": ("string", "Unknown"), "tns": ("string", ""),
    "gaiaClass": ("string", "nan"), "gaiaVarFlag": ("int", 0),
    "spicy_class": ("string", "Unknown"), "x3hsp": ("string", "Unknown"),
    "x4lac": ("string", "Unknown"), "Plx": ("float", NAN), "e_Plx": ("float", NAN),
    "roid": ("int", 0), "mangrove": ("map<string,string>", NO_GALAXY),
}  # fmt: skip
PREVIOUS = (
    "array<struct<jd:double, fid:int, magpsf:float, isdiffpos:string,"
    " diffmaglim:float, field:int, rcid:int>>"
)


def seen(days: float, magnitude: float = 19.5, sign: str = "t", field: int = 500):
    """Return an earlier detection of ZTF."""
    return (JD + days, 1, magnitude, sign, 20.5, field, 7)


def limit(days: float, magnitude: float = 20.5):
    """Return an earlier upper limit of ZTF."""
    return (JD + days, 1, None, None, magnitude, 500, 7)


def galaxy(name="None", two_mass="None", distance="100.0", angular="95.0"):
    """Return a galaxy of Mangrove in ZTF's form."""
    values = (name, two_mass, distance, angular)
    return {"mangrove": dict(zip(NO_GALAXY, values, strict=True))}


AT_PLACE = "10000001+0200000"  # of 2MASS, 0.15" from RA, DEC
LIMITS = [limit(-9.0), limit(-2.0, 20.9)]
HISTORY = "history"
# Name of a case: (what differs from the packet above, what the thin alert has to say).
ZTF_CASES: dict[str, tuple[dict, dict]] = {
    "nothing known": (
        {},
        {"stellar": None, "variable": None, "active_nucleus": None, "moving": None,
         "positive": True, "host": None, "host_chance": None, "redshift": None,
         "detections": 1, "detection_span": 0.0, "limit_magnitude": None,
         "flux_change": None, "quality": 0.9},
    ),
    "star": (STAR, {"stellar": True, "variable": None, "active_nucleus": False}),
    "doubtful star": ({"sgscore1": 0.6}, {"stellar": None}),
    "no score": ({"sgscore1": -999.0}, {"stellar": None}),
    "star farther away": ({"sgscore1": 0.99, "distpsnr1": 1.6}, {"stellar": False}),
    "no source known": ({"sgscore1": 0.99, "distpsnr1": -999.0}, {"stellar": None}),
    "galaxy": (GALAXY, {"stellar": False, "active_nucleus": None}),
    "quasar like a star": (
        {**STAR, "cdsxmatch": "QSO"},
        {"stellar": False, "active_nucleus": True, "variable": False},
    ),
    "candidate of the new SIMBAD": (
        {**STAR, "cdsxmatch": "AGN_Candidate"}, {"active_nucleus": True},
    ),
    "quiet galaxy": (
        {**STAR, "cdsxmatch": "GinCl"}, {"stellar": False, "active_nucleus": False},
    ),
    "parallax": ({"Plx": 1.0, "e_Plx": 0.1}, {"stellar": True}),
    "parallax of a galaxy": ({**GALAXY, "Plx": 1.0, "e_Plx": 0.1}, {"stellar": True}),
    "weak parallax": ({"Plx": 0.4, "e_Plx": 0.1}, {"stellar": None}),
    "parallax without error": ({"Plx": 1.0, "e_Plx": 0.0}, {"stellar": None}),
    "variable of VSX": (
        {"vsx": "UGSU+E"}, {"stellar": True, "variable": True, "active_nucleus": False},
    ),
    "VSX is not sure": ({"vsx": "VAR:"}, {"stellar": None, "variable": None}),
    "VSX is not sure of a star": ({**STAR, "vsx": "VAR"}, {"variable": True}),
    "blazar of VSX": ({**STAR, "vsx": "BLLAC"}, {"active_nucleus": True}),
    "variable of GCVS": ({"gcvs": "EA/SD"}, {"variable": True}),
    "supernova of GCVS": ({"gcvs": "SNI"}, {"stellar": False, "variable": False}),
    "variable of SIMBAD": ({"cdsxmatch": "EB*_Candidate"}, {"variable": True}),
    "old candidate": ({"cdsxmatch": "Candidate_RRLyr"}, {"variable": True}),
    "any star of SIMBAD": (
        {"cdsxmatch": "RGB*"}, {"stellar": True, "variable": None},
    ),
    "cluster of stars": ({"cdsxmatch": "Cl*"}, {"stellar": None}),
    "SIMBAD did not answer": ({**STAR, "cdsxmatch": "Fail 504"}, {"stellar": True}),
    "type that says nothing": ({"cdsxmatch": "X"}, {"stellar": None}),
    "radio source": (
        {**STAR, "cdsxmatch": "Radio"}, {"stellar": False, "active_nucleus": None},
    ),
    "radio star": (
        {**STAR, "cdsxmatch": "Radio", "Plx": 9.0, "e_Plx": 0.1}, {"stellar": True},
    ),
    "class of Gaia": ({"gaiaClass": "RS"}, {"stellar": True, "variable": True}),
    "nucleus of Gaia": ({**STAR, "gaiaClass": "AGN"}, {"active_nucleus": True}),
    "variable of Gaia": ({"gaiaVarFlag": 1}, {"variable": None, "stellar": None}),
    "variable star of Gaia": ({**STAR, "gaiaVarFlag": 1}, {"variable": True}),
    "supernova of TNS": ({**STAR, "tns": "SN Ia"}, {"stellar": False}),
    "cataclysmic variable of TNS": ({"tns": "CV"}, {"variable": True}),
    "young star": ({"spicy_class": "ClassII"}, {"stellar": True}),
    "blazar of 3HSP": (
        {**STAR, "x3hsp": "3HSPJ100000.1+020001"}, {"active_nucleus": True},
    ),
    "blazar of 3HSP 30 arcsec away": (
        {**STAR, "x3hsp": "3HSPJ100002.0+020000"},
        {"stellar": True, "active_nucleus": False},
    ),
    "blazar of 4LAC": (
        {**STAR, "x4lac": "4FGL J1000.0+0200"},
        {"stellar": False, "active_nucleus": True},
    ),
    "star near a blazar of 4LAC": (
        {**STAR, "x4lac": "4FGL J1000.0+0200", "Plx": 9.0, "e_Plx": 0.1},
        {"stellar": True, "active_nucleus": False},
    ),
    "negative": ({"isdiffpos": "f"}, {"positive": False}),
    "negative as a number": ({"isdiffpos": "0"}, {"positive": False}),
    "positive as a number": ({"isdiffpos": "1"}, {"positive": True}),
    "sign unknown": (
        {"isdiffpos": None, "magnr": 19.0, "distnr": 0.2},
        {"positive": None, "flux_change": None},
    ),
    "known asteroid": ({"roid": 3, **GALAXY, "srmag1": 18.0},
                       {"moving": True, "host": None}),
    "asteroid without Fink": ({"roid": None, "ssdistnr": 1.0}, {"moving": True}),
    "asteroid at a variable": (
        {"roid": None, "ssdistnr": 1.0, "ndethist": 80}, {"moving": None},
    ),
    "possible asteroid": ({"roid": 2}, {"moving": None}),
    "two detections at one place": (
        {HISTORY: [seen(-0.02)]},
        {"moving": False, "detections": 2, "detection_span": 0.02},
    ),
    "two detections at once": ({HISTORY: [seen(-0.005)]}, {"moving": None}),
    "limits are no detections": (
        {HISTORY: [limit(-3.0, 20.1)]},
        {"moving": None, "detections": 1, "limit_magnitude": 20.1},
    ),
    "brighter than the reference": (
        {"magnr": 19.0, "distnr": 0.2}, {"flux_change": 2.5 * math.log10(2)},
    ),
    "fainter than the reference": (
        {"magnr": 18.0, "distnr": 0.2, "isdiffpos": "f"},
        {"flux_change": 2.5 * math.log10(1 - 10**-0.4)},
    ),
    "fainter than nothing": (
        {"magnr": 20.0, "distnr": 0.2, "isdiffpos": "f"}, {"flux_change": None},
    ),
    "no score of reality": ({"drb": NAN, "rb": None}, {"quality": None}),
    "fades": (
        {HISTORY: [seen(-2.0, 18.0)]}, {"magnitude_rate": 0.5},
    ),
    "nothing fades if it is negative": (
        {HISTORY: [seen(-2.0, 18.0, "f")], "isdiffpos": "f"}, {"magnitude_rate": None},
    ),
    "lone detection years ago": (
        {HISTORY: LIMITS, "jdstarthist": JD - 900, "ndethist": 2},
        {"age": 0.0, "limit_age": 2.0, "limit_magnitude": 20.9},
    ),
    "lone detection years ago, of a new object seen again": (
        {HISTORY: [*LIMITS, seen(-1.0)], "jdstarthist": JD - 900, "ndethist": 3},
        {"age": 1.0, "limit_age": 2.0},
    ),
    "detections years ago": (
        {HISTORY: LIMITS, "jdstarthist": JD - 900, "ndethist": 3},
        {"age": 900.0, "limit_age": None},
    ),
    "detections years ago, and others in another field": (
        {HISTORY: [*LIMITS, seen(-1.0, field=1), seen(-0.9, field=1)],
         "jdstarthist": JD - 900, "ndethist": 4},
        {"age": 900.0},
    ),
    "lone detection years ago, without limits": (
        {"jdstarthist": JD - 900, "ndethist": 2}, {"age": 900.0},
    ),
    "near galaxy": (
        {**galaxy("75356", AT_PLACE), **GALAXY, "srmag1": 15.0},
        {"host": "PGC 75356", "host_separation": 0.15 / 3600, "host_distance": 100.0,
         "host_distance_error": 300 / 67.74, "redshift": math.sqrt(100 / 95) - 1},
    ),
    "near galaxy of 2MASS alone": (
        galaxy("None", "09595800+0200000"),
        {"host": "2MASX J09595800+0200000", "host_separation": 30 / 3600,
         "host_distance_error": 0.015 * 299792.458 / 67.74},
    ),
    "near galaxy without a position": (
        galaxy("UGC11801"), {"host": "UGC11801", "host_separation": None},
    ),
    "globular cluster without a name": (
        galaxy(), {"host": None, "host_distance": None, "redshift": None},
    ),
    "a star has no host": (
        {**STAR, **galaxy("75356", AT_PLACE)}, {"host": None, "redshift": None},
    ),
    "a nucleus is not of a galaxy 30 arcsec away": (
        {**galaxy("7", "09595800+0200000"), "cdsxmatch": "QSO"}, {"host": None},
    ),
    "the most probable of three sources": (
        {"sgscore1": 0.01, "distpsnr1": 9.0, "srmag1": 22.0,
         "sgscore2": 0.01, "distpsnr2": 12.0, "srmag2": 16.0,
         "sgscore3": 0.9, "distpsnr3": 13.0, "srmag3": 13.0},
        {"host": "PS1 72", "host_separation": 12 / 3600, "host_distance": None},
    ),
}  # fmt: skip

SOURCE = {
    "midpointMjdTai": ("double", MJD), "ra": ("double", RA), "dec": ("double", DEC),
    "diaObjectId": ("bigint", 5), "ssObjectId": ("bigint", 0), "band": ("string", "r"),
    "psfFlux": ("float", 1000.0), "reliability": ("float", 0.9),
    "isNegative": ("boolean", False), "isDipole": ("boolean", False),
    "scienceFlux": ("float", 4000.0), "templateFlux": ("float", 1000.0),
    "templateFluxErr": ("float", 10.0),
}  # fmt: skip
XM = {
    "simbad_otype": ("string", None), "gaiadr3_DR3Name": ("string", None),
    "gaiadr3_Plx": ("float", None), "gaiadr3_e_Plx": ("float", None),
    "gaiadr3_VarFlag": ("int", 0), "legacydr8_zphot": ("float", None),
    "legacydr8_e_zphot": ("float", None), "legacydr8_pstar": ("float", None),
    "legacydr8_fqual": ("int", None), "vsx_Type": ("string", None),
    "gcvs_type": ("string", None), "tns_type": ("string", None),
    "tns_redshift": ("float", None), "spicy_class": ("string", None),
    "x3hsp_type": ("string", None), "x4lac_type": ("string", None),
    "mangrove_HyperLEDA_name": ("string", None),
    "mangrove_2MASS_name": ("string", None),
    "mangrove_lum_dist": ("float", None), "mangrove_ang_dist": ("float", None),
}  # fmt: skip
RUBIN = {
    "is_sso": ("boolean", False), "nDiaSources": ("int", 1),
    "firstDiaSourceMjdTai": ("double", None),
}  # fmt: skip
FORCED = "forced"
PHOTOMETRIC = {
    "legacydr8_zphot": 0.5, "legacydr8_e_zphot": 0.05, "legacydr8_pstar": 0.05,
    "legacydr8_fqual": 1,
}  # fmt: skip
RUBIN_CASES: dict[str, tuple[dict, dict]] = {
    "nothing known": (
        {},
        {"stellar": None, "variable": None, "active_nucleus": None, "moving": None,
         "positive": True, "host": None, "detections": 1, "detection_span": 0.0,
         "limit_magnitude": None, "flux_change": 2.5 * math.log10(4), "quality": 0.9},
    ),
    "negative by its flag": ({"isNegative": True}, {"positive": False}),
    "negative by its flux": ({"psfFlux": -239.0}, {"positive": False}),
    "dipole": ({"psfFlux": -239.0, "isDipole": True}, {"positive": None}),
    "flags unknown": ({"isNegative": None, "isDipole": None}, {"positive": True}),
    "no flux": ({"psfFlux": NAN}, {"positive": None}),
    "reliability that was not computed": (
        {"reliability": 0.48634383}, {"quality": None},
    ),
    "reliability nearby": ({"reliability": 0.4863}, {"quality": 0.4863}),
    "no reference flux": ({"templateFlux": 25.0}, {"flux_change": None}),
    "image not measured": (
        {"scienceFlux": None}, {"flux_change": 2.5 * math.log10(2)},
    ),
    "asteroid by Fink": ({"is_sso": True}, {"moving": True}),
    "asteroid": ({"ssObjectId": 12, "diaObjectId": 0}, {"moving": True}),
    "two detections": (
        {HISTORY: [-0.02]},
        {"moving": False, "detections": 2, "detection_span": 0.02},
    ),
    "star by its photometry": ({"legacydr8_pstar": 0.99}, {"stellar": True}),
    "galaxy with a redshift": (
        PHOTOMETRIC,
        {"stellar": False, "redshift": 0.5, "host": "Legacy Surveys DR8",
         "host_separation": None},
    ),
    "unreliable redshift": (
        {**PHOTOMETRIC, "legacydr8_fqual": 0},
        {"stellar": False, "redshift": None, "host": None},
    ),
    "redshift of a star": (
        {**PHOTOMETRIC, "legacydr8_pstar": 0.858},
        {"stellar": True, "redshift": None, "host": None},
    ),
    "redshift of TNS": (
        {"tns_redshift": 0.1, "legacydr8_pstar": 0.99},
        {"stellar": False, "redshift": 0.1, "host": None},
    ),
    "redshift of a star of TNS": (
        {"tns_redshift": 0.0, "legacydr8_pstar": 0.99},
        {"stellar": True, "redshift": None},
    ),
    "near galaxy": (
        {"mangrove_HyperLEDA_name": "NGC4993", "mangrove_2MASS_name": AT_PLACE,
         "mangrove_lum_dist": 40.0, "mangrove_ang_dist": 39.0},
        {"host": "NGC4993", "host_distance": 40.0},
    ),
    "blazar of 4LAC": (
        {"x4lac_type": "4FGL J1000.0+0200", "gaiadr3_DR3Name": "Gaia DR3 1"},
        {"active_nucleus": True, "stellar": False},
    ),
    "gamma rays and no source": (
        {"x4lac_type": "4FGL J1000.0+0200", "gaiadr3_DR3Name": "Fail"},
        {"active_nucleus": None},
    ),
    "padded types": ({"vsx_Type": "EW            "}, {"variable": True}),
    "limit of forced photometry": (
        {FORCED: [(-3.0, 10.0, 100.0)]},
        {"limit_magnitude": 31.4 - 2.5 * math.log10(500), "limit_age": 3.0},
    ),
    "lone detection years ago": (
        {FORCED: [(-3.0, 10.0, 100.0)], "nDiaSources": 2,
         "firstDiaSourceMjdTai": MJD - 900},
        {"age": 0.0, "limit_age": 3.0},
    ),
    "detections years ago": (
        {FORCED: [(-3.0, 10.0, 100.0)], "nDiaSources": 9,
         "firstDiaSourceMjdTai": MJD - 900},
        {"age": 900.0, "limit_age": None},
    ),
}  # fmt: skip


def schema(columns: dict) -> str:
    return ", ".join(f"`{name}` {kind}" for name, (kind, _) in columns.items())


def struct(columns: dict) -> str:
    return f"struct<{', '.join(f'`{n}`:{kind}' for n, (kind, _) in columns.items())}>"


def values(columns: dict, changes: dict) -> tuple:
    return tuple(changes.get(name, value) for name, (_, value) in columns.items())


def thin_rows(spark, path, survey, rows, text, cases) -> dict:
    """Thin alerts by the name of the case, whose number is the identifier."""
    spark.createDataFrame(rows, text).coalesce(1).write.parquet(str(path))
    found = thin(spark.read.parquet(str(path)), survey).collect()
    return dict(zip(cases, sorted(found, key=_number), strict=True))


def _number(row) -> int:
    return row.alert_id


@pytest.fixture(scope="module")
def ztf_rows(spark, tmp_path_factory):
    rows = [
        (n, "ZTF24a", values(CANDIDATE, c), c.get(HISTORY, []), *values(ZTF, c))
        for n, (c, _) in enumerate(ZTF_CASES.values())
    ]
    text = (
        f"candid bigint, objectId string, candidate {struct(CANDIDATE)},"
        f" prv_candidates {PREVIOUS}, {schema(ZTF)}"
    )
    path = tmp_path_factory.mktemp("ztf") / "packets"
    return thin_rows(spark, path, "ztf", rows, text, ZTF_CASES)


@pytest.fixture(scope="module")
def rubin_rows(spark, tmp_path_factory):
    rows = []
    for n, (c, _) in enumerate(RUBIN_CASES.values()):
        sso, count, first = values(RUBIN, c)
        now = values(SOURCE, c)
        earlier = [(MJD + days, *now[1:]) for days in c.get(HISTORY, [])]
        forced = [(MJD + d, flux, error) for d, flux, error in c.get(FORCED, [])]
        rows.append(
            (
                n,
                now,
                earlier or None,
                forced or None,
                (count, first),
                values(XM, c),
                (sso,),
            )
        )
    text = (
        f"diaSourceId bigint, diaSource {struct(SOURCE)},"
        f" prvDiaSources array<{struct(SOURCE)}>,"
        " prvDiaForcedSources array<struct<midpointMjdTai:double, psfFlux:float,"
        " psfFluxErr:float>>, diaObject struct<nDiaSources:int,"
        f" firstDiaSourceMjdTai:double>, xm {struct(XM)}, pred struct<is_sso:boolean>"
    )
    path = tmp_path_factory.mktemp("rubin") / "packets"
    return thin_rows(spark, path, "rubin", rows, text, RUBIN_CASES)


def found_in(row, name: str):
    """Return a column of a thin alert, or an age in days."""
    earlier = {"age": "first_detection", "limit_age": "last_non_detection"}.get(name)
    if earlier is None:
        return row[name]
    if row[earlier] is None:
        return None
    return (row.alert_time - row[earlier]).total_seconds() / 86400


def assert_case(row, expected: dict) -> None:
    for name, value in expected.items():
        found = found_in(row, name)
        if isinstance(value, float):
            # names of 2MASS give positions to 0.1 arcsec
            exact = 3e-5 if name == "host_separation" else 1e-6
            assert found == pytest.approx(value, rel=1e-4, abs=exact), name
        else:
            assert found == value, name


@pytest.mark.parametrize("name", ZTF_CASES)
def test_an_object_of_ztf(ztf_rows, name):
    assert_case(ztf_rows[name], ZTF_CASES[name][1])


@pytest.mark.parametrize("name", RUBIN_CASES)
def test_an_object_of_rubin(rubin_rows, name):
    assert_case(rubin_rows[name], RUBIN_CASES[name][1])


def test_the_chance_of_a_host_is_that_of_bloom_et_al(ztf_rows, rubin_rows):
    """A galaxy of 22 mag is within 2.5" by chance in one of 60 places."""
    row = ztf_rows["the most probable of three sources"]
    slope = 0.334
    counts = 10 ** (slope * (16.0 - 22.963) + 4.320) / (3600**2 * slope * math.log(10))
    area = math.pi * (12**2 + 1.5**2)
    assert row.host_chance == pytest.approx(1 - math.exp(-area * counts), rel=1e-6)
    near, unknown = (
        ztf_rows[name].host_chance
        for name in ("near galaxy", "near galaxy without a position")
    )
    assert 0 < near < unknown < 0.01
    assert rubin_rows["galaxy with a redshift"].host_chance == pytest.approx(
        0.04, abs=0.01
    )


def test_the_distance_of_a_photometric_redshift(rubin_rows):
    row = rubin_rows["galaxy with a redshift"]
    expected = [COSMOLOGY.luminosity_distance(z).value for z in (0.45, 0.5, 0.55)]
    assert row.host_distance == pytest.approx(expected[1], rel=5e-3)
    error = (expected[2] - expected[0]) / 2
    assert row.host_distance_error == pytest.approx(error, rel=2e-2)
    named = rubin_rows["redshift of TNS"]
    at = COSMOLOGY.luminosity_distance(0.1).value
    assert named.host_distance == pytest.approx(at, rel=5e-3)


def test_luminosity_distances_are_those_of_astropy(spark):
    redshifts = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 8.0]
    rows = spark.createDataFrame([(z,) for z in redshifts], "z double")
    found = rows.select(hosts.luminosity_distance(F.col("z"))).collect()
    for (distance,), z in zip(found, redshifts, strict=True):
        assert distance == pytest.approx(
            COSMOLOGY.luminosity_distance(z).value, rel=5e-3
        )


HOSTILE = {
    "candidate fields are text": (
        "candid bigint, objectId string, candidate struct<jd:double, ra:double,"
        " dec:double, fid:int, magpsf:float, sgscore1:string, distpsnr1:string,"
        " isdiffpos:int, magnr:string, ndethist:string, jdstarthist:string>,"
        " Plx string, e_Plx string, roid string, gaiaVarFlag string",
        (1, "o", (JD, RA, DEC, 1, 19.0, "0.99", "0.3", 0, "none", "x", "y"),
         "9.0", "0.1", "3", "VARIABLE"),
        {"stellar": True, "positive": False, "moving": True, "detections": 1,
         "age": 0.0},
    ),
    "lists and structs in place of values": (
        "candid bigint, objectId string, candidate struct<jd:double, ra:double,"
        " dec:double, fid:int, magpsf:float, sgscore1:array<float>,"
        " isdiffpos:struct<a:int>>, cdsxmatch array<string>, mangrove string,"
        " vsx struct<a:string>, Plx array<float>, roid struct<a:int>",
        (1, "o", (JD, RA, DEC, 1, 19.0, [0.9], (1,)), ["QSO"], "NGC", ("EW",),
         [1.0], (3,)),
        {"stellar": None, "positive": None, "host": None, "moving": None,
         "variable": None},
    ),
    "nothing but the needed columns": (
        "candid bigint, objectId string, candidate struct<jd:double, ra:double,"
        " dec:double, fid:int, magpsf:float>",
        (1, "o", (JD, RA, DEC, 1, 19.0)),
        {"stellar": None, "positive": None, "host": None, "moving": None,
         "variable": None, "active_nucleus": None, "detections": 1,
         "detection_span": 0.0, "limit_magnitude": None, "magnitude_rate": None},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_columns_of_other_types_are_null(spark, tmp_path, name):
    text, packet, expected = HOSTILE[name]
    spark.createDataFrame([packet], text).write.parquet(str(tmp_path / "packets"))
    (row,) = thin(spark.read.parquet(str(tmp_path / "packets")), "ztf").collect()
    assert_case(row, expected)


@given(st.floats(10.0, 25.0), st.floats(0.0, 30.0))
def test_a_fainter_or_farther_galaxy_is_more_probable_by_chance(magnitude, angle):
    """In the formula of the oracle, with which the real alerts are compared."""
    from helpers.object_oracle import chance

    here = chance(math.hypot(angle, 1.5), magnitude)
    assert 0 <= here <= chance(math.hypot(angle + 1, 1.5), magnitude + 0.5) <= 1

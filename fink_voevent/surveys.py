# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What ZTF and Rubin call the same thing: their science alerts as thin alerts.

A thin alert has the columns of `fink_voevent.schema.ALERTS`, whatever the survey, all
by native expressions. Columns that a version of a schema lacks are null.
"""

from __future__ import annotations

from collections.abc import Callable

from fink_utils.xmatch.simbad import return_list_of_eg_host
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import ArrayType, DataType, StructType

from fink_voevent import udf
from fink_voevent.errors import InputError
from fink_voevent.schema import names

# SIMBAD types beyond Fink's list of hosts that lie outside of the Galaxy.
ACTIVE_NUCLEI = ("AGN", "QSO", "BLLac", "Blazar", "OVV", "Radio", "RadioG")
UNKNOWN_TYPES = ("Unknown", "Transient", "X", "gamma", "GammaBurst", "UV", "IR", "Blue")
ZTF_BANDS = {1: "g", 2: "r", 3: "i"}
ASTEROID_ROID = 2  # of Fink's roid: 2 possible, 3 known to the Minor Planet Center
FORCED_SIGMA = 3.0  # forced photometry below this shows nothing
BASELINE_DAYS = 0.02  # shorter ones give noise, not a rate
NJY_ZERO_POINT = 31.4  # AB magnitude of 1 nJy


def thin(df: DataFrame, survey: str, night: str = "") -> DataFrame:
    """Thin alerts of a DataFrame of Fink's science alerts.

    Parameters
    ----------
    df : DataFrame
        As raw2science writes them, streaming or not, read from files.
    survey : {"ztf", "rubin"}
    night : str, optional
        YYYYMMDD; by default the UTC day of each alert.

    Returns
    -------
    DataFrame
        An alert without a usable position or time is left out: it can meet no notice.

    Raises
    ------
    InputError
        Where the columns are not those of the survey.
    """
    columns = _SURVEYS[survey](df)
    columns["survey"] = F.lit(survey)
    columns["night"] = (
        F.lit(night) if night else F.date_format(columns["alert_time"], "yyyyMMdd")
    )
    columns["packet_file"] = F.col("_metadata.file_path")
    df = df.select([column.alias(name) for name, column in columns.items()])
    place = udf.unit_vector("alert_ra", "alert_dec")
    df = df.withColumns(
        {
            "hpx29": udf.healpix_index("alert_ra", "alert_dec"),
            "x": place.x,
            "y": place.y,
            "z": place.z,
        }
    )
    usable = F.col("hpx29").isNotNull() & F.col("alert_time").isNotNull()
    return df.where(usable & F.col("alert_id").isNotNull()).select(names("alerts"))


def _field(df: DataFrame, path: str) -> Column:
    """Column at a dotted path, null where this version of the schema has none."""
    return F.col(path) if _type_of(df.schema, path) is not None else F.lit(None)


def _type_of(schema: DataType, path: str) -> DataType | None:
    for part in path.split("."):
        if isinstance(schema, ArrayType):
            schema = schema.elementType
        if not isinstance(schema, StructType) or part not in schema.names:
            return None
        schema = schema[part].dataType
    return schema


def _require(df: DataFrame, survey: str, paths: tuple[str, ...]) -> None:
    missing = [path for path in paths if _type_of(df.schema, path) is None]
    if missing:
        raise InputError(
            f"these are not science alerts of {survey}: no column {', '.join(missing)}"
        )


def _extragalactic(simbad: Column, nearer: Column) -> Column:
    """Give false for a known object of the Galaxy or nearer, null where unknown."""
    hosts = set(map(str, return_list_of_eg_host())) - set(UNKNOWN_TYPES)
    base = F.regexp_replace(simbad, "(_Candidate|_?[?])$", "")
    known = simbad.isNotNull() & ~simbad.isin(*UNKNOWN_TYPES, "", "nan")
    known &= ~simbad.startswith("Fail")
    return F.when(F.coalesce(nearer, F.lit(False)), F.lit(False)).when(
        known, base.isin(*hosts, *ACTIVE_NUCLEI)
    )


def _ztf(df: DataFrame) -> dict[str, Column]:
    _require(df, "ztf", ("candid", "objectId", "candidate.jd", "candidate.ra"))
    jd = F.col("candidate.jd")
    first_jd = F.least(jd, _field(df, "candidate.jdstarthist"))
    earlier_limits = F.lit(None).cast("double")
    if _type_of(df.schema, "prv_candidates.diffmaglim") is not None:
        limits = F.filter(
            "prv_candidates",
            lambda c: (
                (c["magpsf"].isNull() | F.isnan(c["magpsf"]))
                & c["diffmaglim"].isNotNull()
                & (c["jd"] < first_jd)
            ),
        )
        earlier_limits = F.array_max(F.transform(limits, lambda c: c["jd"]))
    bands = [F.when(F.col("candidate.fid") == k, v) for k, v in ZTF_BANDS.items()]
    return {
        "alert_id": F.col("candid").cast("bigint"),
        "object_id": F.col("objectId"),
        "alert_ra": F.col("candidate.ra"),
        "alert_dec": F.col("candidate.dec"),
        "alert_time": udf.time_of_jd(jd),
        "first_detection": udf.time_of_jd(first_jd),
        "last_non_detection": udf.time_of_jd(earlier_limits),
        "magnitude": F.col("candidate.magpsf").cast("double"),
        "magnitude_rate": _ztf_rate(df),
        "band": F.coalesce(*bands),
        "quality": F.coalesce(
            _field(df, "candidate.drb"), _field(df, "candidate.rb")
        ).cast("double"),
        "extragalactic": _extragalactic(
            _field(df, "cdsxmatch").cast("string"),
            _field(df, "roid").cast("int") >= ASTEROID_ROID,
        ),
    }


def _ztf_rate(df: DataFrame) -> Column:
    if _type_of(df.schema, "prv_candidates.magpsf") is None:
        return F.lit(None).cast("double")
    signed = all(
        _type_of(df.schema, f"{part}.isdiffpos") is not None
        for part in ("candidate", "prv_candidates")
    )
    now = _brighter(F.col("candidate.isdiffpos")) if signed else None
    before = F.filter(
        "prv_candidates",
        lambda c: (
            (c["fid"] == F.col("candidate.fid"))
            & (_brighter(c["isdiffpos"]) == now if signed else F.lit(True))
            & (c["magpsf"] > 0)
            & ~F.isnan(c["magpsf"])
            & (c["jd"] <= F.col("candidate.jd") - BASELINE_DAYS)
        ),
    )
    last = F.array_max(F.transform(before, lambda c: F.struct(c["jd"], c["magpsf"])))
    faded = F.col("candidate.magpsf") - last["magpsf"]
    return (faded / (F.col("candidate.jd") - last["jd"])).cast("double")


def _brighter(isdiffpos: Column) -> Column:
    """Whether a detection is brighter than its template."""
    return isdiffpos.isin("t", "1")


def _rubin_rate(df: DataFrame) -> Column:
    if _type_of(df.schema, "prvDiaSources.psfFlux") is None:
        return F.lit(None).cast("double")
    now = F.col("diaSource.midpointMjdTai")
    before = F.filter(
        "prvDiaSources",
        lambda c: (
            (c["band"] == F.col("diaSource.band"))
            & (c["psfFlux"] > 0)
            & ~F.isnan(c["psfFlux"])
            & (c["midpointMjdTai"] <= now - BASELINE_DAYS)
        ),
    )
    pairs = F.transform(before, lambda c: F.struct(c["midpointMjdTai"], c["psfFlux"]))
    last = F.array_max(pairs)
    ratio = F.col("diaSource.psfFlux").cast("double") / last["psfFlux"]
    faded = F.when(ratio > 0, -2.5 * F.log10(ratio))
    return (faded / (now - last["midpointMjdTai"])).cast("double")


def _rubin(df: DataFrame) -> dict[str, Column]:
    _require(df, "rubin", ("diaSourceId", "diaSource.midpointMjdTai", "diaSource.ra"))
    mjd = F.col("diaSource.midpointMjdTai")
    flux = F.col("diaSource.psfFlux").cast("double")
    objects = [
        F.when(identifier != 0, identifier.cast("string"))
        for identifier in (
            _field(df, "diaSource.diaObjectId").cast("bigint"),
            _field(df, "diaSource.ssObjectId").cast("bigint"),
        )
    ]
    first_mjd = F.least(mjd, _field(df, "misc.firstDiaSourceMjdTaiFink").cast("double"))
    return {
        "alert_id": F.col("diaSourceId").cast("bigint"),
        "object_id": F.coalesce(*objects),
        "alert_ra": F.col("diaSource.ra"),
        "alert_dec": F.col("diaSource.dec"),
        "alert_time": udf.time_of_mjd_tai(mjd),
        "first_detection": udf.time_of_mjd_tai(first_mjd),
        "last_non_detection": udf.time_of_mjd_tai(_forced_limit(df, first_mjd)),
        "magnitude": F.when(flux > 0, NJY_ZERO_POINT - 2.5 * F.log10(flux)),
        "magnitude_rate": _rubin_rate(df),
        "band": _field(df, "diaSource.band").cast("string"),
        "quality": _field(df, "diaSource.reliability").cast("double"),
        "extragalactic": _extragalactic(
            _field(df, "xm.simbad_otype").cast("string"),
            _field(df, "pred.is_sso").cast("boolean"),
        ),
    }


def _forced_limit(df: DataFrame, first_mjd: Column) -> Column:
    """Time (MJD, TAI) of the last forced photometry before the first detection.

    Of that which shows nothing: below `FORCED_SIGMA` times its error.
    """
    if _type_of(df.schema, "prvDiaForcedSources.psfFluxErr") is None:
        return F.lit(None).cast("double")
    limits = F.filter(
        "prvDiaForcedSources",
        lambda c: (
            (c["psfFluxErr"] > 0)
            & (c["psfFlux"] < FORCED_SIGMA * c["psfFluxErr"])
            & (c["midpointMjdTai"] < first_mjd)
        ),
    )
    return F.array_max(F.transform(limits, lambda c: c["midpointMjdTai"]))


_SURVEYS: dict[str, Callable[[DataFrame], dict[str, Column]]] = {
    "ztf": _ztf,
    "rubin": _rubin,
}


def packet_key(survey: str) -> str:
    """Name of the column of a science packet that holds `alert_id`."""
    return {"ztf": "candid", "rubin": "diaSourceId"}[survey]


def identity(survey: str) -> dict[str, Column]:
    """Columns of a science packet that name it, as a coincidence has them.

    What fink-client makes the names of files of: there even where the packet is gone.
    """
    alert = F.col("alert_id")
    if survey == "rubin":
        return {"diaSourceId": alert}
    return {"objectId": F.col("object_id"), "candid": alert}


def topic_suffix(survey: str) -> str:
    """Return the last part of Fink's topics of a survey."""
    return {"ztf": "_ztf", "rubin": "_lsst"}[survey]

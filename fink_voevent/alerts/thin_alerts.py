# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Convert science alerts of ZTF and Rubin to thin alerts.

Thin alerts have the columns of the table ``alerts`` (`tables.alerts.ALERTS`), the same
for both surveys. They are computed by Spark's native expressions. A column is null if
the version of the packets lacks its fields.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fink_utils.xmatch.simbad import return_list_of_eg_host
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_type

from fink_voevent import udf
from fink_voevent.alerts import history
from fink_voevent.alerts.history import History
from fink_voevent.alerts.surveys import (
    FAILED,
    FINK_PARTS,
    NJY_ZERO_POINT,
    UNKNOWN_TYPES,
    ZTF_BANDS,
)
from fink_voevent.errors import InputError
from fink_voevent.spark.codegen import stage_end
from fink_voevent.spark.columns import field, type_of
from fink_voevent.tables.schema import TABLES, column_names

# SIMBAD types of extragalactic objects that are not in Fink's list of host galaxies.
ACTIVE_NUCLEI = ("AGN", "QSO", "BLLac", "Blazar", "OVV", "Radio", "RadioG")
CANDIDATE_MARKS = ("", "_Candidate", "_?", "?")  # added by SIMBAD to a type
ASTEROID_ROID = 2  # Fink's roid of asteroids: 2 if possible, 3 if known to the MPC


@dataclass(frozen=True)
class SurveyColumns:
    """Columns of thin alerts, from the packets of a survey.

    Attributes
    ----------
    time : Column
        Time of the alert, in the time scale of the packets (d).
    to_timestamp : callable
        Converts such a time to a timestamp (UTC).
    columns : dict of str to Column
        Columns of thin alerts that need no history, by name.
    first, limit : History
        Time of the first detection, and of the last non-detection before it; the value
        of `limit` uses the column `history.FIRST`.
    rate : History
        Change of the magnitude (mag/d).
    """

    time: Column
    to_timestamp: Callable[[Column], Column]
    columns: dict[str, Column]
    first: History
    limit: History
    rate: History


def thin(df: DataFrame, survey: str, night: str = "") -> DataFrame:
    """Return thin alerts of Fink's science alerts.

    Parameters
    ----------
    df : DataFrame
        Science alerts as Fink's ``raw2science`` writes them, read from files, as a
        stream or not. Of ZTF it needs ``candid``, ``objectId``, ``candidate.jd`` and
        ``candidate.ra``; of Rubin ``diaSourceId``, ``diaSource.midpointMjdTai`` and
        ``diaSource.ra``.
    survey : {"ztf", "rubin"}
    night : str, optional
        YYYYMMDD; by default the UTC day of each alert.

    Returns
    -------
    DataFrame
        Columns of the table ``alerts``. An alert without identifier, time or valid
        position is left out.

    Raises
    ------
    InputError
        If `df` lacks a column that is needed.
    """
    survey_columns = _SURVEYS[survey](df)
    first, limit, rate = survey_columns.first, survey_columns.limit, survey_columns.rate
    time, to_timestamp = survey_columns.time, survey_columns.to_timestamp
    columns = dict(survey_columns.columns)
    columns["survey"] = F.lit(survey)
    columns["alert_time"] = to_timestamp(time)
    columns["night"] = (
        F.lit(night) if night else F.date_format(columns["alert_time"], "yyyyMMdd")
    )
    columns["packet_file"] = F.col("_metadata.file_path")
    # The condition uses the numbers of the packet: with alert_time and hpx29, Spark
    # would compute these twice.
    usable = df.where(
        udf.on_sky(columns["alert_ra"], columns["alert_dec"])
        & time.isNotNull()
        & ~F.isnan(time)
        & columns["alert_id"].isNotNull()
    ).select(_named(columns | first.inputs | limit.inputs | rate.inputs))
    dependent = {
        "first_detection": to_timestamp(F.col(history.FIRST)),
        "last_non_detection": to_timestamp(limit.value),
        "magnitude_rate": rate.value,
    }
    vector = udf.unit_vector("alert_ra", "alert_dec")
    index = udf.healpix_index("alert_ra", "alert_dec")
    with_first = stage_end(usable).withColumn(history.FIRST, first.value)
    complete = stage_end(stage_end(with_first).select(*columns, *_named(dependent)))
    with_vector = complete.withColumns(
        {"hpx29": index, "x": vector.x, "y": vector.y, "z": vector.z}
    )
    unknown = {
        c.name: F.lit(None).cast(from_arrow_type(c.type))
        for c in TABLES["alerts"]
        if c.name not in with_vector.columns
    }
    with_vector = with_vector.withColumns(unknown)
    return stage_end(with_vector.select(column_names("alerts")))


def _named(columns: dict[str, Column]) -> list[Column]:
    return [column.alias(name) for name, column in columns.items()]


def _require(df: DataFrame, survey: str, paths: tuple[str, ...]) -> None:
    missing = [path for path in paths if type_of(df.schema, path) is None]
    if missing:
        raise InputError(
            f"not science alerts of {survey}: no column {', '.join(missing)}"
        )


def _extragalactic(simbad: Column, in_solar_system: Column) -> Column:
    """Whether an object is extragalactic; null if it is unknown.

    Parameters
    ----------
    simbad : Column
        SIMBAD type of the object.
    in_solar_system : Column
        Whether it is an object of the Solar System; null means no.
    """
    hosts = set(map(str, return_list_of_eg_host())) - set(UNKNOWN_TYPES)
    types = [t + mark for t in {*hosts, *ACTIVE_NUCLEI} for mark in CANDIDATE_MARKS]
    return F.when(F.coalesce(in_solar_system, F.lit(False)), F.lit(False)).when(
        _is_known(simbad), simbad.isin(types)
    )


def _is_known(simbad: Column) -> Column:
    """Whether a SIMBAD type says what the object is."""
    named = simbad.isNotNull() & ~simbad.isin(*UNKNOWN_TYPES)
    return named & ~simbad.startswith(FAILED)


def _ztf(df: DataFrame) -> SurveyColumns:
    _require(df, "ztf", ("candid", "objectId", "candidate.jd", "candidate.ra"))
    jd = F.col("candidate.jd")
    bands = [F.when(F.col("candidate.fid") == k, v) for k, v in ZTF_BANDS.items()]
    columns = {
        "alert_id": F.col("candid").cast("bigint"),
        "object_id": F.col("objectId"),
        "alert_ra": F.col("candidate.ra"),
        "alert_dec": F.col("candidate.dec"),
        "magnitude": F.col("candidate.magpsf").cast("double"),
        "band": F.coalesce(*bands),
        "quality": F.coalesce(
            field(df, "candidate.drb"), field(df, "candidate.rb")
        ).cast("double"),
        "extragalactic": _extragalactic(
            field(df, "cdsxmatch").cast("string"),
            field(df, "roid").cast("int") >= ASTEROID_ROID,
        ),
    }
    first = history.ztf_first(df, F.least(jd, field(df, "candidate.jdstarthist")))
    limit, rate = history.ztf_limit(df), history.ztf_rate(df)
    return SurveyColumns(jd, udf.time_of_jd, columns, first, limit, rate)


def _rubin(df: DataFrame) -> SurveyColumns:
    _require(df, "rubin", ("diaSourceId", "diaSource.midpointMjdTai", "diaSource.ra"))
    mjd = F.col("diaSource.midpointMjdTai")
    flux = F.col("diaSource.psfFlux").cast("double")
    object_ids = [
        F.when(identifier != 0, identifier.cast("string"))
        for identifier in (
            field(df, "diaSource.diaObjectId").cast("bigint"),
            field(df, "diaSource.ssObjectId").cast("bigint"),
        )
    ]
    first_mjd = field(df, "misc.firstDiaSourceMjdTaiFink").cast("double")
    columns = {
        "alert_id": F.col("diaSourceId").cast("bigint"),
        "object_id": F.coalesce(*object_ids),
        "alert_ra": F.col("diaSource.ra"),
        "alert_dec": F.col("diaSource.dec"),
        "magnitude": F.when(flux > 0, NJY_ZERO_POINT - 2.5 * F.log10(flux)),
        "band": field(df, "diaSource.band").cast("string"),
        "quality": field(df, "diaSource.reliability").cast("double"),
        "extragalactic": _extragalactic(
            field(df, "xm.simbad_otype").cast("string"),
            field(df, "pred.is_sso").cast("boolean"),
        ),
    }
    first = history.rubin_first(F.least(mjd, first_mjd))
    limit, rate = history.rubin_limit(df), history.rubin_rate(df)
    return SurveyColumns(mjd, udf.time_of_mjd_tai, columns, first, limit, rate)


_SURVEYS: dict[str, Callable[[DataFrame], SurveyColumns]] = {
    "ztf": _ztf,
    "rubin": _rubin,
}


def identity_columns(survey: str) -> dict[str, Column]:
    """Return the columns that identify a science packet, made from a coincidence.

    fink-client makes names of files from them, so they are present even if the packet
    no longer exists.

    Parameters
    ----------
    survey : {"ztf", "rubin"}

    Returns
    -------
    dict of str to Column
        Columns in terms of ``alert_id`` and ``object_id``, by their name in packets.
    """
    alert = F.col("alert_id")
    if survey == "rubin":
        return {"diaSourceId": alert}
    return {"objectId": F.col("object_id"), "candid": alert}


def fink_columns(df: DataFrame, survey: str) -> dict[str, Column]:
    """Return the columns ``classification`` and ``fink_version`` of science packets.

    Parameters
    ----------
    df : DataFrame
        Science packets of the survey.
    survey : {"ztf", "rubin"}

    Returns
    -------
    dict of str to Column
        Texts; null if the packets do not contain them.
    """
    source = {"ztf": "cdsxmatch", "rubin": "xm.simbad_otype"}[survey]
    simbad = field(df, source).cast("string")
    versions = [
        F.concat(F.lit(f"fink-{part} "), field(df, f"fink_{part}_version"))
        for part in FINK_PARTS
    ]
    version = F.concat_ws(", ", *versions)
    return {
        "classification": F.when(_is_known(simbad), simbad),
        "fink_version": F.when(version != "", version),
    }

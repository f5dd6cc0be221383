# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What ZTF and Rubin call the same thing: their science alerts as thin alerts.

A thin alert has the columns of `tables.alerts.ALERTS`, whatever the survey, all
by native expressions. Columns that a version of a schema lacks are null.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fink_utils.xmatch.simbad import return_list_of_eg_host
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

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
from fink_voevent.tables.schema import column_names

# SIMBAD types beyond Fink's list of hosts that lie outside of the Galaxy.
ACTIVE_NUCLEI = ("AGN", "QSO", "BLLac", "Blazar", "OVV", "Radio", "RadioG")
CANDIDATE_MARKS = ("", "_Candidate", "_?", "?")  # what SIMBAD adds to a type
ASTEROID_ROID = 2  # of Fink's roid: 2 possible, 3 known to the Minor Planet Center


@dataclass(frozen=True)
class SurveyColumns:
    """What the packets of a survey tell.

    Attributes
    ----------
    moment : Column
        Of the alert, as the packet has it.
    time_of : callable
        Timestamp (UTC) of such a moment.
    columns : dict of str to Column
        Of thin alerts, from the packet at once.
    first, limit : History
        Moments of the first detection, and of the last non-detection before it: its
        answer reads the column `history.FIRST`.
    rate : History
        Change of the magnitude (mag/d).
    """

    moment: Column
    time_of: Callable[[Column], Column]
    columns: dict[str, Column]
    first: History
    limit: History
    rate: History


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
    told = _SURVEYS[survey](df)
    columns = dict(told.columns)
    columns["survey"] = F.lit(survey)
    columns["alert_time"] = told.time_of(told.moment)
    columns["night"] = (
        F.lit(night) if night else F.date_format(columns["alert_time"], "yyyyMMdd")
    )
    columns["packet_file"] = F.col("_metadata.file_path")
    # of the packet's own numbers: Spark would make the index and the time once more
    usable = df.where(
        udf.on_sky(columns["alert_ra"], columns["alert_dec"])
        & told.moment.isNotNull()
        & ~F.isnan(told.moment)
        & columns["alert_id"].isNotNull()
    ).select(_named(columns | told.first.asked | told.limit.asked | told.rate.asked))
    answers = {
        "first_detection": told.time_of(F.col(history.FIRST)),
        "last_non_detection": told.time_of(told.limit.answer),
        "magnitude_rate": told.rate.answer,
    }
    place = udf.unit_vector("alert_ra", "alert_dec")
    index = udf.healpix_index("alert_ra", "alert_dec")
    begun = stage_end(usable).withColumn(history.FIRST, told.first.answer)
    answered = stage_end(stage_end(begun).select(*columns, *_named(answers)))
    placed = answered.withColumns(
        {"hpx29": index, "x": place.x, "y": place.y, "z": place.z}
    )
    return stage_end(placed.select(column_names("alerts")))


def _named(columns: dict[str, Column]) -> list[Column]:
    return [column.alias(name) for name, column in columns.items()]


def _require(df: DataFrame, survey: str, paths: tuple[str, ...]) -> None:
    missing = [path for path in paths if type_of(df.schema, path) is None]
    if missing:
        raise InputError(
            f"these are not science alerts of {survey}: no column {', '.join(missing)}"
        )


def _extragalactic(simbad: Column, nearer: Column) -> Column:
    """Give false for a known object of the Galaxy or nearer, null where unknown."""
    hosts = set(map(str, return_list_of_eg_host())) - set(UNKNOWN_TYPES)
    beyond = [t + mark for t in {*hosts, *ACTIVE_NUCLEI} for mark in CANDIDATE_MARKS]
    return F.when(F.coalesce(nearer, F.lit(False)), F.lit(False)).when(
        _is_known(simbad), simbad.isin(beyond)
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
    objects = [
        F.when(identifier != 0, identifier.cast("string"))
        for identifier in (
            field(df, "diaSource.diaObjectId").cast("bigint"),
            field(df, "diaSource.ssObjectId").cast("bigint"),
        )
    ]
    began = field(df, "misc.firstDiaSourceMjdTaiFink").cast("double")
    columns = {
        "alert_id": F.col("diaSourceId").cast("bigint"),
        "object_id": F.coalesce(*objects),
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
    first = history.rubin_first(F.least(mjd, began))
    limit, rate = history.rubin_limit(df), history.rubin_rate(df)
    return SurveyColumns(mjd, udf.time_of_mjd_tai, columns, first, limit, rate)


_SURVEYS: dict[str, Callable[[DataFrame], SurveyColumns]] = {
    "ztf": _ztf,
    "rubin": _rubin,
}


def identity_columns(survey: str) -> dict[str, Column]:
    """Columns of a science packet that name it, as a coincidence has them.

    What fink-client makes the names of files of: there even where the packet is gone.
    """
    alert = F.col("alert_id")
    if survey == "rubin":
        return {"diaSourceId": alert}
    return {"objectId": F.col("object_id"), "candid": alert}


def fink_columns(df: DataFrame, survey: str) -> dict[str, Column]:
    """Columns `classification` and `fink_version` of packets; null where not told."""
    source = {"ztf": "cdsxmatch", "rubin": "xm.simbad_otype"}[survey]
    simbad = field(df, source).cast("string")
    versions = [
        F.concat(F.lit(f"fink-{part} "), field(df, f"fink_{part}_version"))
        for part in FINK_PARTS
    ]
    told = F.concat_ws(", ", *versions)
    return {
        "classification": F.when(_is_known(simbad), simbad),
        "fink_version": F.when(told != "", told),
    }

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

from fink_voevent import udf
from fink_voevent.alerts import history, hosts, objects, photometry, rates
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
from fink_voevent.spark.columns import field, leaf, type_of
from fink_voevent.tables.schema import column_names

# SIMBAD types of extragalactic objects that are not in Fink's list of host galaxies.
ACTIVE_NUCLEI = ("AGN", "QSO", "BLLac", "Blazar", "OVV", "Radio", "RadioG")
CANDIDATE_MARKS = ("", "_Candidate", "_?", "?")  # added by SIMBAD to a type
ASTEROID_ROID = 2  # Fink's roid of asteroids: 2 if possible, 3 if known to the MPC


# Names of what one step computes for the next.
_LIMIT = "_limit"
_FROM_CLASSES = (
    *("extragalactic", "positive", "flux_change"),
    *("stellar", "variable", "active_nucleus"),
)


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
    fields : dict of str to Column
        Fields of the packet that the other functions need.
    seen, first, limit : History
        Times of the earlier detections, time of the first detection, and the last
        non-detection before it.
    rate : History
        Change of the magnitude (mag/d).
    evidence : callable
        Returns the columns `objects.EVIDENCE`.
    photometry : callable
        Returns ``positive``, ``flux_change`` and ``extragalactic``.
    limit_magnitude : callable
        Converts the value of `limit` to a magnitude.
    """

    time: Column
    to_timestamp: Callable[[Column], Column]
    columns: dict[str, Column]
    fields: dict[str, Column]
    seen: History
    first: History
    limit: History
    rate: History
    evidence: Callable[[], dict[str, Column]]
    photometry: Callable[[], dict[str, Column]]
    limit_magnitude: Callable[[Column], Column]


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
    of = _SURVEYS[survey](df)
    time, now = of.time, F.col(history.NOW)
    columns = of.columns | {
        "survey": F.lit(survey),
        "packet_file": F.col("_metadata.file_path"),
    }
    alert_time = of.to_timestamp(now)
    day = F.lit(night) if night else F.date_format(alert_time, "yyyyMMdd")
    # The condition uses the numbers of the packet: with alert_time and hpx29, Spark
    # would compute these twice.
    usable = df.where(
        udf.on_sky(columns["alert_ra"], columns["alert_dec"])
        & time.isNotNull()
        & ~F.isnan(time)
        & columns["alert_id"].isNotNull()
    )
    quantities = (of.seen, of.first, of.limit, of.rate)
    inputs = {name: c for quantity in quantities for name, c in quantity.inputs.items()}
    selected = columns | of.fields | inputs | {history.NOW: time.cast("double")}
    # The next three go through the lists of the history. Spark does not fuse them, and
    # therefore splits their code into methods: what the object is fits nowhere else.
    with_evidence = stage_end(usable.select(_named(selected))).withColumns(
        {history.SEEN: of.seen.value} | of.evidence() | hosts.measures(survey)
    )
    with_classes = stage_end(with_evidence).withColumns(
        {history.FIRST: of.first.value} | objects.classes() | of.photometry()
    )
    span = history.detection_span()
    described = {
        history.FIRST: F.col(history.FIRST),
        _LIMIT: of.limit.value,
        "alert_time": alert_time,
        "night": day,
        "magnitude_rate": of.rate.value.cast("double"),
        "detections": history.detections(),
        "detection_span": span,
        "moving": objects.moving(span),
        **{name: F.col(name) for name in _FROM_CLASSES},
        **hosts.columns(survey),
    }
    with_history = stage_end(with_classes).select(*columns, *_named(described))
    limit, vector = F.col(_LIMIT), udf.unit_vector("alert_ra", "alert_dec")
    complete = stage_end(with_history).withColumns(
        {
            "first_detection": of.to_timestamp(F.col(history.FIRST)),
            "last_non_detection": of.to_timestamp(limit["time"]),
            "limit_magnitude": of.limit_magnitude(limit["value"]),
            "hpx29": udf.healpix_index("alert_ra", "alert_dec"),
            "x": vector.x,
            "y": vector.y,
            "z": vector.z,
        }
    )
    return stage_end(complete.select(column_names("alerts")))


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
        "quality": photometry.score(
            F.coalesce(
                leaf(df, "candidate.drb", "double"), leaf(df, "candidate.rb", "double")
            )
        ),
    }
    return SurveyColumns(
        time=jd,
        to_timestamp=udf.time_of_jd,
        columns=columns,
        fields=objects.ztf_fields(df)
        | photometry.ztf_fields(df)
        | hosts.fields(df, "ztf"),
        seen=history.ztf_seen(df),
        first=history.ztf_first(df),
        limit=history.ztf_limit(df),
        rate=rates.ztf_rate(df),
        evidence=objects.ztf_evidence,
        photometry=lambda: (
            photometry.ztf_columns()
            | {
                "extragalactic": _extragalactic(
                    F.col("_simbad"), F.col("_roid") >= ASTEROID_ROID
                )
            }
        ),
        limit_magnitude=lambda magnitude: magnitude,
    )


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
    columns = {
        "alert_id": F.col("diaSourceId").cast("bigint"),
        "object_id": F.coalesce(*object_ids),
        "alert_ra": F.col("diaSource.ra"),
        "alert_dec": F.col("diaSource.dec"),
        "magnitude": F.when(flux > 0, NJY_ZERO_POINT - 2.5 * F.log10(flux)),
        "band": field(df, "diaSource.band").cast("string"),
        "quality": photometry.rubin_score(leaf(df, "diaSource.reliability", "double")),
    }
    return SurveyColumns(
        time=mjd,
        to_timestamp=udf.time_of_mjd_tai,
        columns=columns,
        fields=objects.rubin_fields(df)
        | photometry.rubin_fields(df)
        | hosts.fields(df, "rubin"),
        seen=history.rubin_seen(df),
        first=history.rubin_first(df),
        limit=history.rubin_limit(df),
        rate=rates.rubin_rate(df),
        evidence=objects.rubin_evidence,
        photometry=lambda: (
            photometry.rubin_columns()
            | {"extragalactic": _extragalactic(F.col("_simbad"), F.col("_is_asteroid"))}
        ),
        limit_magnitude=history.rubin_limit_magnitude,
    )


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

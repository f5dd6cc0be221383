# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Every column of every table, declared once.

The Arrow and Spark schemas, and ``docs/tables.md``, are derived from `TABLES`.
Times are UTC with microseconds; angles are in degrees; probabilities lie in 0-1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

TIME = pa.timestamp("us", tz="UTC")
TEXT, LONG, REAL, FLAG, BYTES = (
    pa.string(),
    pa.int64(),
    pa.float64(),
    pa.bool_(),
    pa.binary(),
)
CELLS = pa.list_(pa.struct([("lo", LONG), ("hi", LONG)]))
PIXELS = pa.list_(
    pa.struct([("lo", LONG), ("hi", LONG), ("level", REAL), ("density", REAL)])
)
CITES = pa.list_(pa.struct([("ivorn", TEXT), ("cite", TEXT)]))
PARAMS = pa.list_(
    pa.struct(
        [
            ("group", TEXT),
            ("name", TEXT),
            ("value", TEXT),
            ("unit", TEXT),
            ("ucd", TEXT),
        ]
    )
)
SIGNIFICANCE = pa.struct([("name", TEXT), ("value", REAL)])
DISTANCE = pa.struct([("mean", REAL), ("std", REAL)])
FISHER = pa.struct([("fraction", REAL), ("core_kappa", REAL), ("tail_kappa", REAL)])

ELLIPSE = pa.struct([("major_kappa", REAL), ("minor_kappa", REAL), ("angle", REAL)])


@dataclass(frozen=True)
class Column:
    """One column: its name, Arrow type, unit, null rule and meaning.

    `null` is the empty string where the column is never null.
    """

    name: str
    type: pa.DataType
    unit: str
    null: str
    meaning: str

    @property
    def field(self) -> pa.Field:
        """The Arrow field, nullable as the null rule says."""
        return pa.field(self.name, self.type, nullable=bool(self.null))


LANDING = (
    Column("received_at", TIME, "UTC", "", "when the document was received"),
    Column("transport", TEXT, "", "", "vtp, file, stdin or kafka"),
    Column("source", TEXT, "", "", "address or path that it came from"),
    Column("format", TEXT, "", "", "voevent, igwn.gwalert or gcn.notices"),
    Column("sha256", TEXT, "hex", "", "SHA-256 of the bytes"),
    Column("raw", BYTES, "", "", "the document, byte for byte"),
)

QUARANTINE = (
    *LANDING,
    Column("reason", TEXT, "", "", "why no event could be read from it"),
)

EVENTS = (
    Column(
        "ivorn",
        TEXT,
        "",
        "",
        "identifier of the notice, as published; of a JSON notice, which has none, made"
        " of its topic, event, type, number and time",
    ),
    Column("sha256", TEXT, "hex", "", "SHA-256 of the bytes"),
    Column(
        "notice_id",
        TEXT,
        "UUID",
        "",
        "UUIDv5 of the ivorn and the VOEvent element's bytes: the same notice over"
        " two transports has one",
    ),
    Column("event_id", TEXT, "", "", "groups all notices of one event"),
    Column(
        "version",
        LONG,
        "",
        "",
        "order of the notice within its event, from the notice itself: larger is later",
    ),
    Column("kind", TEXT, "", "", "initial, update or retraction"),
    Column(
        "tense", TEXT, "", "", "observation, test, injection, prediction or utility"
    ),
    Column(
        "live",
        FLAG,
        "",
        "",
        "the stream takes part in matching (streams.toml), whatever the tense",
    ),
    Column("schema_version", TEXT, "", "none is said", "VOEvent version of the root"),
    Column("schema_valid", FLAG, "", "JSON", "valid under the XSD of VOEvent 2.0"),
    Column("issued", TIME, "UTC", "not given or unreadable", "Who/Date"),
    Column("stream", TEXT, "", "", "block of streams.toml that matched"),
    Column("observatory", TEXT, "", "unknown stream", "who observed"),
    Column("instrument", TEXT, "", "unknown stream", "with what"),
    Column(
        "messenger",
        TEXT,
        "",
        "",
        "grb, gw, neutrino, frb, xray, optical, supernova, gamma or unknown",
    ),
    Column("notice_type", TEXT, "", "unknown stream", "what the publisher calls it"),
    Column("time", TIME, "UTC", "no time given", "time of the event"),
    Column(
        "time_source",
        TEXT,
        "",
        "",
        "isotime, tjd (recovered from TJD and SOD), observation (of a follow-up, not"
        " of the event) or none",
    ),
    Column("ra", REAL, "deg, ICRS, [0, 360)", "no source position", "right ascension"),
    Column("dec", REAL, "deg, ICRS, [-90, 90]", "no source position", "declination"),
    Column(
        "position_kind",
        TEXT,
        "",
        "",
        "source, map (a sky map alone), pointing, dummy or none",
    ),
    Column("error_raw", REAL, "deg", "0, negative or missing", "Error2Radius as given"),
    Column(
        "containment",
        REAL,
        "0-1",
        "no source position",
        "probability within the error radius that was used",
    ),
    Column(
        "error_r90",
        REAL,
        "deg",
        "no source position",
        "radius that holds 90 %, systematics included; of an ellipse, the longer"
        " half-axis",
    ),
    Column("area_90", REAL, "deg2", "no region", "area of the 90 % region"),
    Column(
        "fisher",
        FISHER,
        "sr-1",
        "no source position",
        "mixture of two Fisher distributions: fraction of the core and both kappas",
    ),
    Column(
        "ellipse",
        ELLIPSE,
        "sr-1, deg",
        "the region is no ellipse",
        "elliptical Fisher distribution: kappa along both axes, position angle of the"
        " major one",
    ),
    Column(
        "cells",
        CELLS,
        "HEALPix order 29, nested",
        "no region",
        "ranges [lo, hi) that cover the 99 % region: a pre-selection, never an answer",
    ),
    Column(
        "pixels",
        PIXELS,
        "HEALPix order 29, nested; 0-1; sr-1",
        "no sky map",
        "pixels [lo, hi) of the sky map's 99 % region: probability of all denser ones,"
        " and density",
    ),
    Column("window_before", REAL, "d", "", "alerts this long before are matched"),
    Column("window_after", REAL, "d", "", "alerts this long after are matched"),
    Column("far", REAL, "Hz", "not given", "false alarm rate"),
    Column("significance", SIGNIFICANCE, "", "not given", "as published: name, value"),
    Column(
        "classification",
        pa.map_(TEXT, REAL),
        "0-1",
        "not given",
        "probabilities of the publisher's classes",
    ),
    Column("distance", DISTANCE, "Mpc", "not given", "luminosity distance"),
    Column("skymap_url", TEXT, "", "not given", "address of the sky map"),
    Column("skymap_sha256", TEXT, "hex", "no sky map", "SHA-256 of the map's file"),
    Column(
        "skymap_state",
        TEXT,
        "",
        "",
        "read, none (in the notice), or why it cannot be read",
    ),
    Column("cites", CITES, "", "", "notices cited, and how"),
    Column("params", PARAMS, "", "", "all Params, in order, as published"),
    Column("received_at", TIME, "UTC", "", "when it was first received"),
    Column("transport", TEXT, "", "", "how it first came"),
)

ALERTS = (
    Column("survey", TEXT, "", "", "ztf or rubin"),
    Column("night", TEXT, "YYYYMMDD", "", "Fink's night"),
    Column("alert_id", LONG, "", "", "candid or diaSourceId"),
    Column("object_id", TEXT, "", "no object", "objectId or diaObjectId"),
    Column("alert_ra", REAL, "deg, ICRS", "", "right ascension"),
    Column("alert_dec", REAL, "deg, ICRS", "", "declination"),
    Column("hpx29", LONG, "HEALPix order 29, nested", "", "index of the position"),
    Column("x", REAL, "", "", "unit vector, towards ra 0, dec 0"),
    Column("y", REAL, "", "", "unit vector, towards ra 90 deg, dec 0"),
    Column("z", REAL, "", "", "unit vector, towards dec 90 deg"),
    Column("alert_time", TIME, "UTC", "", "mid-exposure"),
    Column("first_detection", TIME, "UTC", "unknown", "earliest detection on record"),
    Column(
        "last_non_detection",
        TIME,
        "UTC",
        "none on record",
        "latest upper limit before the first detection",
    ),
    Column("magnitude", REAL, "mag, AB", "not measured", "of the difference image"),
    Column(
        "magnitude_rate",
        REAL,
        "mag d-1",
        "no earlier detection in the band",
        "change since the detection before, 0.02 d earlier at least; positive fades",
    ),
    Column("band", TEXT, "", "unknown", "filter"),
    Column("quality", REAL, "0-1", "not scored", "real (1) or bogus (0)"),
    Column(
        "extragalactic",
        FLAG,
        "",
        "unknown",
        "false for a known star, asteroid or other object of the Galaxy or nearer",
    ),
    Column("packet_file", TEXT, "", "", "Fink's file that holds the packet"),
)

COINCIDENCES = (
    Column("coincidence_id", TEXT, "UUID", "", "UUIDv5 of notice, alert and survey"),
    Column("status", TEXT, "", "", "new, update, withdrawn or retracted"),
    Column("event_id", TEXT, "", "", "see events"),
    Column("event_version", LONG, "", "", "version of the notice, see events"),
    Column("event_issued", TIME, "UTC", "not given", "when the notice was issued"),
    Column("ivorn", TEXT, "", "", "the notice"),
    Column("notice_id", TEXT, "UUID", "", "see events"),
    Column("notice_sha256", TEXT, "hex", "", "SHA-256 of the notice"),
    Column(
        "related_event_ids",
        pa.list_(TEXT),
        "",
        "the event is retracted",
        "other events within 60 s of this one, their 99 % regions overlapping: the same"
        " burst seen by other instruments",
    ),
    Column("stream", TEXT, "", "", "see events"),
    Column("messenger", TEXT, "", "", "see events"),
    Column("tense", TEXT, "", "", "see events"),
    Column("event_time", TIME, "UTC", "", "time of the event: its trigger's"),
    Column("event_ra", REAL, "deg, ICRS", "no position", "of the notice"),
    Column("event_dec", REAL, "deg, ICRS", "no position", "of the notice"),
    Column("event_error_r90", REAL, "deg", "no position", "of the notice"),
    *(c for c in ALERTS if c.name not in ("hpx29", "x", "y", "z")),
    Column("separation", REAL, "deg", "no position", "great circle, alert to event"),
    Column(
        "credible_level",
        REAL,
        "0-1",
        "no region",
        "probability enclosed at the alert's place: 0 at the best place",
    ),
    Column("density", REAL, "sr-1", "no region", "probability density at the alert"),
    Column("delay", REAL, "d", "", "alert minus event, in elapsed (TAI) time"),
    Column(
        "prior_activity",
        TEXT,
        "",
        "",
        "new (not seen before the event, and looked for), unknown, or active (detected"
        " before)",
    ),
    Column(
        "background_rate",
        REAL,
        "deg-2 d-1",
        "no rate can be had",
        "unrelated alerts that pass the same cuts, at this place",
    ),
    Column(
        "p_chance",
        REAL,
        "0-1",
        "no rate can be had",
        "probability that chance gives an alert ranked as high: small is surprising",
    ),
    Column(
        "background_id",
        TEXT,
        "",
        "no rate can be had",
        "snapshot of the background rates that was used",
    ),
    Column("notice_received_at", TIME, "UTC", "", "when the notice was received"),
    Column(
        "batch",
        LONG,
        "",
        "",
        "number of the batch that recorded it, counted over all nights; of two rows of"
        " one notice the larger holds",
    ),
    Column("software", TEXT, "", "", "fink-voevent and its version"),
)

_BY_NAME = {c.name: c for c in EVENTS}
MAPS = tuple(
    _BY_NAME[name] for name in ("skymap_url", "skymap_sha256", "cells", "pixels")
)

ROUTED = (
    *COINCIDENCES,
    Column("topics", pa.list_(TEXT), "", "", "topics to which its packet went"),
    Column(
        "classification",
        TEXT,
        "",
        "the alert has none, or is no longer there",
        "class of the object as Fink has it: SIMBAD's for what is catalogued",
    ),
    Column(
        "fink_version",
        TEXT,
        "",
        "the alert does not say, or is no longer there",
        "Fink's own version and that of its science modules",
    ),
)

TABLES: dict[str, tuple[Column, ...]] = {
    "landing": LANDING,
    "quarantine": QUARANTINE,
    "events": EVENTS,
    "alerts": ALERTS,
    "coincidences": COINCIDENCES,
    "routed": ROUTED,
    "maps": MAPS,
}


def names(table: str) -> list[str]:
    """Names of the columns of `table`, in order."""
    return [c.name for c in TABLES[table]]


def arrow_schema(table: str) -> pa.Schema:
    """Arrow schema of `table`."""
    return pa.schema([c.field for c in TABLES[table]])


def spark_schema(table: str) -> StructType:
    """Spark schema of `table`; every column nullable, as Spark reads files."""
    from pyspark.sql.pandas.types import from_arrow_type
    from pyspark.sql.types import StructField, StructType

    return StructType(
        [StructField(c.name, from_arrow_type(c.type), True) for c in TABLES[table]]
    )


def markdown() -> str:
    """Text of ``docs/tables.md``."""
    lines = [
        "# Tables",
        "",
        "Made from `fink_voevent/schema.py` by `make docs`; do not edit.",
        "All lie under `${ONLINE_DATA_PREFIX}/voevent/`. Times are UTC with"
        " microseconds, angles degrees, probabilities 0–1.",
    ]
    for table, columns in TABLES.items():
        lines += ["", f"## {table}", "", "| column | type | unit | null | meaning |"]
        lines += ["|---|---|---|---|---|"]
        lines += [
            f"| `{c.name}` | `{c.type}` | {c.unit} | {c.null or 'never'} |"
            f" {c.meaning} |"
            for c in columns
        ]
    return "\n".join(lines) + "\n"

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Columns of notices: landed documents, events, quarantine, and sky maps."""

from __future__ import annotations

import pyarrow as pa

from fink_voevent.tables.column import (
    BYTES,
    CELLS,
    CITES,
    DISTANCE,
    ELLIPSE,
    FISHER,
    FLAG,
    LONG,
    PARAMS,
    PIXEL_DISTANCES,
    PIXELS,
    REAL,
    SIGNIFICANCE,
    TEXT,
    TIME,
    Column,
)

PUBLISHER = Column(
    "publisher",
    TEXT,
    "",
    "a notice of an earlier version",
    "who wrote the notice: the name of a table [publisher.NAME] of streams.toml, or the"
    " part of the ivorn before #, in lower case",
)
_SOURCES = (
    "host:port (VTP), kafka://host:port/TOPIC, gcn://TOPIC, land (land from standard"
    " input), files (land from paths) or parquet (a file of another program in landing)"
)

LANDING = (
    Column("received_at", TIME, "UTC", "", "when the document was received"),
    Column(
        "transport",
        TEXT,
        "",
        "",
        "vtp, kafka, file, stdin, or parquet (a file of another program)",
    ),
    Column("source", TEXT, "", "", "address, topic or path that it came from"),
    Column("format", TEXT, "", "", "voevent, igwn.gwalert or gcn.notices"),
    Column("sha256", TEXT, "hex", "", "SHA-256 of the bytes"),
    Column("raw", BYTES, "", "", "the document, unchanged"),
)

QUARANTINE = (
    *LANDING,
    Column("reason", TEXT, "", "", "why it could not be read as a notice"),
)

EVENTS = (
    Column(
        "ivorn",
        TEXT,
        "",
        "",
        "identifier of the notice, as published; for a JSON notice, which has none,"
        " made from its topic, event, type, number and time",
    ),
    Column("sha256", TEXT, "hex", "", "SHA-256 of the bytes"),
    Column(
        "notice_id",
        TEXT,
        "UUID",
        "",
        "UUIDv5 of the ivorn and of the bytes of the VOEvent element: the same for the"
        " same notice over two transports",
    ),
    Column(
        "event_id",
        TEXT,
        "",
        "",
        "identifier of the event, the same for all its notices",
    ),
    Column(
        "version",
        LONG,
        "",
        "",
        "order of the notice within its event, from the notice itself: the largest is"
        " current. The rank of its type times 1e13, plus the milliseconds from 1970 to"
        " its issue (the last three digits are the revision, if the publisher numbers"
        " revisions); if that lies more than 5 min after the reception, to the"
        " reception. Without an issue time it precedes all dated notices of its rank,"
        " but a retraction follows them",
    ),
    Column("kind", TEXT, "", "", "initial, update or retraction"),
    Column(
        "tense",
        TEXT,
        "",
        "",
        "observation, test, injection, prediction, utility, or unknown if the notice"
        " uses a word for it that is not known: such a notice is never matched",
    ),
    Column(
        "live",
        FLAG,
        "",
        "",
        "whether the stream is matched at all (streams.toml), whatever the tense",
    ),
    Column("schema_version", TEXT, "", "not given", "VOEvent version of the document"),
    Column(
        "schema_valid", FLAG, "", "JSON", "valid according to the XSD of VOEvent 2.0"
    ),
    Column("issued", TIME, "UTC", "not given, or not a time", "issue time: Who/Date"),
    Column("stream", TEXT, "", "", "name of the block of streams.toml that matches"),
    Column("observatory", TEXT, "", "unknown stream", "observatory or mission"),
    Column("instrument", TEXT, "", "unknown stream", "instrument"),
    Column(
        "messenger",
        TEXT,
        "",
        "",
        "grb, gw, neutrino, frb, xray, optical, supernova, gamma or unknown",
    ),
    Column(
        "notice_type",
        TEXT,
        "",
        "unknown stream",
        "type of the notice, as its publisher calls it",
    ),
    Column("time", TIME, "UTC", "no time given", "time of the event or observation"),
    Column(
        "time_source",
        TEXT,
        "",
        "",
        "source of the time: isotime, tjd (from the Params TJD and SOD), observation"
        " (that of a follow-up, not of the event), issued (the issue time, because the"
        " written time cannot be read) or none",
    ),
    Column("ra", REAL, "deg, ICRS, [0, 360)", "no source position", "right ascension"),
    Column("dec", REAL, "deg, ICRS, [-90, 90]", "no source position", "declination"),
    Column(
        "position_kind",
        TEXT,
        "",
        "",
        "what the position is: source, map (a sky map alone), pointing, dummy or none",
    ),
    Column(
        "error_raw", REAL, "deg", "0, negative or missing", "error radius as published"
    ),
    Column(
        "containment",
        REAL,
        "0-1",
        "no source position",
        "probability within the published error radius",
    ),
    Column(
        "error_r90",
        REAL,
        "deg",
        "no source position",
        "radius that contains 90 %, with systematic errors; for an ellipse, the longer"
        " half-axis",
    ),
    Column("area_90", REAL, "deg2", "no region", "area of the 90 % region"),
    Column(
        "fisher",
        FISHER,
        "sr-1",
        "no source position",
        "mixture of two Fisher distributions: fraction of the core, kappa of core and"
        " tail",
    ),
    Column(
        "ellipse",
        ELLIPSE,
        "sr-1, deg",
        "the region is not an ellipse",
        "elliptical Fisher distribution: kappa along both axes, position angle of the"
        " major axis",
    ),
    Column(
        "region_id",
        TEXT,
        "",
        "no region",
        "key of the cells and pixels in the table regions",
    ),
    Column(
        "region_rows",
        pa.list_(LONG),
        "",
        "no region",
        "about how many HEALPix cells of order 6, 5, 4 and 3 the region overlaps",
    ),
    Column(
        "region_sky",
        LONG,
        "HEALPix order 1, nested",
        "no region",
        "cells that the region overlaps, as bits",
    ),
    Column(
        "region_areas",
        pa.list_(LONG),
        "HEALPix cells of order 29",
        "no pixels",
        "area of the pixels up to the credible levels 0.5, 0.68, 0.9, 0.95 and 0.99",
    ),
    Column(
        "window_before",
        REAL,
        "d",
        "",
        "alerts up to this long before the event are matched",
    ),
    Column(
        "window_after",
        REAL,
        "d",
        "",
        "alerts up to this long after the event are matched",
    ),
    Column("far", REAL, "Hz", "not given", "false-alarm rate"),
    Column(
        "significance",
        SIGNIFICANCE,
        "",
        "not given",
        "name of the Param, and its value",
    ),
    Column(
        "classification",
        pa.map_(TEXT, REAL),
        "0-1",
        "not given",
        "probability of each class, as published; of a class that is given as a word"
        " or a flag (LVK's group and significant, Swift's catalogues) 1 or 0",
    ),
    Column("distance", DISTANCE, "Mpc", "not given", "luminosity distance"),
    Column("skymap_url", TEXT, "", "not given", "address of the sky map"),
    Column(
        "skymap_sha256", TEXT, "hex", "no sky map", "SHA-256 of the file of the sky map"
    ),
    Column(
        "skymap_state",
        TEXT,
        "",
        "",
        "read, none (not in the notice), or the reason why it cannot be read",
    ),
    Column(
        "cites",
        CITES,
        "",
        "",
        "identifiers of the cited notices, and the kind of each citation",
    ),
    Column("params", PARAMS, "", "", "all Params, in order, as published"),
    Column("received_at", TIME, "UTC", "", "when the notice was first received"),
    Column("transport", TEXT, "", "", "transport over which it was first received"),
    PUBLISHER,
    Column(
        "source",
        TEXT,
        "",
        "a file given to a command, or a notice of an earlier version: both count",
        f"source from which it was first received: {_SOURCES}. Whether it may speak for"
        " the publisher says the table trust",
    ),
    Column(
        "names",
        pa.list_(TEXT),
        "",
        "a notice of an earlier version",
        "names in its Params that only one burst has, as GRB221009A: in capitals,"
        " without spaces; and events of other publishers of which it cites a notice."
        " Events with the same name are related",
    ),
)

COPIES = (
    Column("notice_id", TEXT, "UUID", "", "see the table events"),
    PUBLISHER,
    Column("source", TEXT, "", "", "another source that has sent the same notice"),
    Column("received_at", TIME, "UTC", "", "when it was first received from there"),
    Column("transport", TEXT, "", "", "transport over which it was received"),
)

TRUST = (
    PUBLISHER,
    Column("source", TEXT, "", "", "source that has sent notices of the publisher"),
    Column(
        "trusted",
        FLAG,
        "",
        "",
        "whether the source may speak for the publisher, from this batch on: of two"
        " rows of one publisher and source, the one of the later batch is valid",
    ),
    Column(
        "how",
        TEXT,
        "",
        "",
        "setting (VOEVENT_SOURCES names the sources of the publisher), streams.toml"
        " (that file names them), first use (the first source to carry the publisher is"
        " trusted, others are not) or operator (files that were landed by their paths)",
    ),
    Column("since", TIME, "UTC", "", "when its first notice was received from there"),
    Column("ivorn", TEXT, "", "", "identifier of that notice"),
)

REGIONS = (
    Column("region_id", TEXT, "", "", "see the tables events and maps"),
    Column(
        "cells",
        CELLS,
        "HEALPix order 29, nested",
        "no region",
        "ranges [lo, hi) that cover the 99 % region completely: for pre-selection only",
    ),
    Column(
        "pixels",
        PIXELS,
        "HEALPix order 29, nested; 0-1; sr-1",
        "no sky map, no error box, no asymmetric errors",
        "pixels [lo, hi) of the 99 % region of the sky map, the error box or the"
        " asymmetric errors: credible level and probability density of each",
    ),
    Column(
        "pixel_distances",
        PIXEL_DISTANCES,
        "Mpc; Mpc; Mpc-2",
        "no sky map, or none with distances",
        "DISTMU, DISTSIGMA and DISTNORM of each of the pixels; null in one that has no"
        " distance",
    ),
)

_BY_NAME = {c.name: c for c in EVENTS}
REGION_COLUMNS = ("region_id", "region_rows", "region_sky", "region_areas")
MAPS = tuple(
    _BY_NAME[name] for name in ("skymap_url", "skymap_sha256", *REGION_COLUMNS)
)
# A notice with its region, as `read_notice` returns it.
READ_NOTICE = (
    *(c for c in EVENTS if c.name not in REGION_COLUMNS),
    *(c for c in REGIONS if c.name != "region_id"),
)

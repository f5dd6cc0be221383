# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Columns of notices: as they landed, as events, in quarantine, and their maps."""

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
    PIXELS,
    REAL,
    SIGNIFICANCE,
    TEXT,
    TIME,
    Column,
)

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
        "no sky map, no error box, no asymmetric errors",
        "pixels [lo, hi) of the 99 % region of the sky map, the error box or the"
        " asymmetric errors: probability of all denser ones, and density",
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

_BY_NAME = {c.name: c for c in EVENTS}
MAPS = tuple(
    _BY_NAME[name] for name in ("skymap_url", "skymap_sha256", "cells", "pixels")
)

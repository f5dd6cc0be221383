# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Which columns the tables to read have, and in which form."""

from __future__ import annotations

from fink_voevent.show.text_table import (
    NAME_CHARS,
    TIME_CHARS,
    Field,
    Row,
    moment_of,
    number_of,
    text_of,
)


def _name(row: Row) -> str:
    """Object of a pair, or its alert if it has none."""
    return str(row.get("object_id") or row.get("alert_id") or "-")


def _region(row: Row) -> str:
    """Size of a region: the radius of a circle, or the area of anything else."""
    if row.get("error_r90") is not None:
        return f"r90 {row['error_r90']:.3g} deg"
    if row.get("area_90") is not None:
        return f"{row['area_90']:.4g} deg2"
    return "-"


def _band(row: Row) -> str:
    magnitude = row.get("magnitude", row.get("magnitude_peak"))
    if magnitude is None:
        return "-"
    return f"{magnitude:.2f} {row.get('band') or ''}".strip()


def _onset(row: Row) -> str:
    ends = [row.get("onset_from"), row.get("onset_to")]
    if ends == [None, None]:
        return "-"
    return " to ".join("?" if end is None else f"{end:+.2f}" for end in ends)


EVENTS = (
    Field("event", text_of("event_id"), narrow=NAME_CHARS),
    Field("messenger", text_of("messenger"), 1),
    Field("time (UTC)", moment_of("time"), narrow=TIME_CHARS),
    Field("state", text_of("state")),
    Field("pairs", text_of("coincidences"), 0, is_number=True),
    Field("chance", number_of("p_chance", ".2g"), 2, is_number=True),
    Field("region", _region, 3),
    Field("instrument", text_of("instrument"), 4),
    Field("type", text_of("notice_type"), 5),
    Field("received (UTC)", moment_of("received_at"), 6, narrow=TIME_CHARS),
)
COINCIDENCES = (
    Field("event", text_of("event_id"), narrow=NAME_CHARS),
    Field("object", _name),
    Field("delay d", number_of("delay", "+.3f"), 0, is_number=True),
    Field("level", number_of("credible_level", ".3f"), 0, is_number=True),
    Field("chance", number_of("p_chance", ".2g"), 0, is_number=True),
    Field("before", text_of("prior_activity"), 2),
    Field("mag", _band, 3, is_number=True),
    Field("status", text_of("status"), 1),
    Field("messenger", text_of("messenger"), 4),
    Field("sep deg", number_of("separation", ".3f"), 5, is_number=True),
    Field("ra", number_of("alert_ra", ".5f"), 6, is_number=True),
    Field("dec", number_of("alert_dec", "+.5f"), 6, is_number=True),
    Field("night", text_of("night"), 7),
)
CANDIDATES = (
    Field("event", text_of("event_id"), narrow=NAME_CHARS),
    Field("object", _name),
    Field("class", text_of("class"), 0),
    Field("unrelated", number_of("expected_unrelated", ".2g"), 0, is_number=True),
    Field("chance", number_of("p_chance", ".2g"), 2, is_number=True),
    Field("onset d", _onset, 1),
    Field("level", number_of("credible_level", ".3f"), 0, is_number=True),
    Field("rank", number_of("rank", ".3g"), 5, is_number=True),
    Field("status", text_of("status"), 3),
    Field("messenger", text_of("messenger"), 4),
    Field("mag", _band, 5, is_number=True),
    Field("what", text_of("nature"), 6),
    Field("detections", text_of("detections"), 6, is_number=True),
    Field("host", text_of("host"), 7),
    Field("survey", text_of("survey"), 7),
)
# Alerts of a search, with the separation or the credible level if the place has it.
ALERTS = (
    Field("object", _name, narrow=NAME_CHARS),
    Field("time (UTC)", moment_of("alert_time"), narrow=TIME_CHARS),
    Field("sep deg", number_of("separation", ".6f"), 0, is_number=True),
    Field("level", number_of("credible_level", ".3f"), 0, is_number=True),
    Field("mag", _band, 0, is_number=True),
    Field("ra", number_of("alert_ra", ".5f"), 1, is_number=True),
    Field("dec", number_of("alert_dec", "+.5f"), 1, is_number=True),
    Field("first detection", moment_of("first_detection"), 2, narrow=TIME_CHARS),
    Field("detections", text_of("detections"), 3, is_number=True),
    Field("host", text_of("host"), 4),
    Field("survey", text_of("survey"), 5),
    Field("night", text_of("night"), 6),
)
# Objects of coincidences, if there are no candidates.
OBJECTS = tuple(
    Field("alerts", text_of("detections"), 1, is_number=True)
    if field.header == "status"
    else field
    for field in COINCIDENCES
)
NOTICES = (
    Field("type", text_of("notice_type")),
    Field("kind", text_of("kind")),
    Field("issued (UTC)", moment_of("issued"), narrow=TIME_CHARS),
    Field("region", _region),
    Field("tense", text_of("tense"), 2),
    Field("received (UTC)", moment_of("received_at"), 1, narrow=TIME_CHARS),
    Field("by", text_of("transport"), 3),
    Field("ivorn", text_of("ivorn"), 4),
)
QUARANTINE = (
    Field("received (UTC)", moment_of("received_at"), narrow=TIME_CHARS),
    Field("sha256", lambda row: str(row["sha256"])[:12], 2),
    Field("format", text_of("format"), 3),
    Field("source", text_of("source"), 1),
    Field("reason", text_of("reason")),
)
UNREAD = (
    Field("file", text_of("path")),
    Field("tries", text_of("tries"), 1, is_number=True),
    Field("next", text_of("next"), 2),
    Field("reason", text_of("reason")),
)
SOURCES = (
    Field("source", text_of("source")),
    Field("state", text_of("state")),
    Field("since (UTC)", moment_of("since"), narrow=TIME_CHARS),
    Field("last document", moment_of("last_document"), 1, narrow=TIME_CHARS),
    Field("last sign of life", moment_of("last_sign"), 2, narrow=TIME_CHARS),
    Field("gaps 24 h", text_of("gaps"), 3, is_number=True),
    Field("together s", number_of("gap_s", ".0f"), 4, is_number=True),
    Field("reason", text_of("reason"), 5),
)

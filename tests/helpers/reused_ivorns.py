# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Which of some notices stay, if an ivorn identifies one notice: in plain Python."""

from __future__ import annotations

from collections.abc import Container, Iterable


def used(notice: dict, tenses: Container[str]) -> bool:
    is_utility = notice["kind"] == "retraction" and notice["tense"] == "utility"
    return notice["live"] and (notice["tense"] in tenses or is_utility)


def without_reused(notices: Iterable[dict], tenses: Container[str]) -> list[dict]:
    """Leave out notices with the ivorn of one that begins an event, if they cite."""
    notices = list(notices)
    begin = {
        n["ivorn"] for n in notices if n["event_id"] == n["ivorn"] and used(n, tenses)
    }
    return [
        n
        for n in notices
        if n["ivorn"] not in begin
        or n["event_id"] == n["ivorn"]
        or not n["event_id"].startswith("ivo://")
    ]

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Notices: a document of any publisher and format becomes a row of the table events."""

from __future__ import annotations

from typing import Any


def read_notice(raw: bytes, streams_file: str = "") -> dict[str, Any]:
    """Read a notice: a VOEvent, or JSON of LVK or GCN.

    Parameters
    ----------
    raw : bytes
        The document.
    streams_file : str, optional
        Path of a file of streams, which adds to or replaces the built-in ones.

    Returns
    -------
    dict
        Values of the columns of the table events (docs/tables.md) by name, without
        those of the reception, `received_at` and `transport`.

    Raises
    ------
    NoticeError
        If the document cannot be read as a notice; the message says why.
    ConfigError
        If `streams_file` cannot be read or has a mistake.

    Examples
    --------
    >>> import fink_voevent
    >>> raw = open("datatest/voevents/icecube170922a.xml", "rb").read()
    >>> notice = fink_voevent.read_notice(raw)
    >>> notice["event_id"], notice["messenger"], round(notice["ra"], 2)
    ('IceCube-130033-50579430', 'neutrino', 77.29)
    """
    # Imported here, because the readers load astropy, and commands that read no notice
    # start faster without it.
    from fink_voevent.notices import streams
    from fink_voevent.notices.normalisation import normalise

    return normalise(raw, streams.load(streams_file))

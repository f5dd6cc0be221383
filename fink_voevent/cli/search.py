# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent search``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fink_voevent.cli import listing as common
from fink_voevent.cli.common import load_settings, parse_time, settings_options
from fink_voevent.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from fink_voevent.archive.search import Sought, Unread
    from fink_voevent.tables.times import TimeRange

EXIT_INCOMPLETE = 1  # a file could not be read
_FOREVER_US = 2**62
_FORMATS = (".parquet", ".csv")


@click.command()
@click.argument("what", metavar="NOTICE|EVENT|MAP|MOC|RA,DEC,RADIUS")
@settings_options("data_prefix", "credible_level", "window", "streams")
@click.option("--since", default=None, metavar="TIME", help="First time (UTC).")
@click.option("--until", default=None, metavar="TIME", help="End (UTC), excluded.")
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=common.SHOWN,
    show_default=True,
    help="Rows that are printed at most; 0 for all.",
)
@click.option("--json", "form", flag_value="json", help="Print one JSON document.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV, with all columns.")
@click.option(
    "--out",
    type=Path,
    metavar="FILE",
    help="Write all alerts to this file, .parquet or .csv; print only their number.",
)
def command(
    what: str,
    since: str | None,
    until: str | None,
    limit: int,
    form: str | None,
    out: Path | None,
    **options: Any,
) -> None:
    r"""Search all alerts ever in a region of the sky.

    What is searched is a circle (degrees; a radius may have the unit arcmin or arcsec),
    a MOC (a file, or text), a sky map (FITS), a notice (a file), or an event of the
    tables. Of maps, notices and events it is the region of --credible-level; of notices
    and events, the time is their window, unless --since or --until is given.

    Alerts are listed from the most probable place, or the centre, outwards; of a MOC,
    the newest first. With --out they are in the order of places.

    The archive is read, and the nights that it does not have yet. A file that cannot be
    read is named and left out, and the exit code is 1.

    \b
    Examples
      fink_voevent search 210.8,54.3,1arcmin --data-prefix /data/fink
      fink_voevent search notice.xml --credible-level 0.9 --out found.parquet
      fink_voevent search bayestar.fits --since 2026-10-09 --until 2026-10-16 --json
      fink_voevent search '5/8-10 6/4000' --csv --limit 0
    """
    common.load_lightly()
    from fink_voevent.archive import search
    from fink_voevent.show.sought import find_target

    if out is not None and out.suffix not in _FORMATS:
        raise InputError(f"--out {out}: the name must end in .parquet or .csv")
    settings = load_settings(options)
    target = find_target(settings, what)
    given = since is not None or until is not None
    times = _times(since, until) if given else target.window
    sought = search.prepare(settings.root, target.place, times)
    unread: Sequence[Unread]
    if out is not None:
        total, unread = _write(sought, out)
    else:
        found = search.first(sought, limit or sys.maxsize)
        total, unread = found.total, found.unread
        _show(found.rows, total, unread, form)
    for file in unread:
        click.echo(
            f"left out, as it cannot be read: {file.path}: {file.reason}", err=True
        )
    place = "" if out is None else f" in {out}"
    click.echo(f"{total} alerts in {target.name}{_in_words(times)}{place}", err=True)
    if sought.nights:
        click.echo(
            f"{sought.nights} nights are not in the archive: `fink_voevent archive`"
            " adds those that are over",
            err=True,
        )
    if unread:
        click.get_current_context().exit(EXIT_INCOMPLETE)


def _times(since: str | None, until: str | None) -> TimeRange:
    from fink_voevent.tables.times import TimeRange, microseconds

    first_us, last_us = -_FOREVER_US, _FOREVER_US
    if since is not None:
        first_us = microseconds(parse_time("--since", since))
    if until is not None:
        last_us = microseconds(parse_time("--until", until)) - 1
    if first_us > last_us:
        raise InputError("--until is not later than --since")
    return TimeRange(first_us, last_us)


def _in_words(times: TimeRange | None) -> str:
    from datetime import datetime, timedelta, timezone

    if times is None:
        return ""
    words = ""
    for word, time_us in (("from", times.first_us), ("to", times.last_us)):
        if abs(time_us) < _FOREVER_US:
            moment = datetime(1970, 1, 1, tzinfo=timezone.utc)
            moment += timedelta(microseconds=time_us)
            words += f" {word} {moment:%Y-%m-%d %H:%M:%S}"
    return f"{words} UTC"


def _show(
    rows: pa.Table, total: int, unread: Sequence[Unread], form: str | None
) -> None:
    if form == "json":
        common.print_json(
            {
                "alerts": rows.to_pylist(),
                "total": total,
                "unread": [file.path for file in unread],
            }
        )
    elif form == "csv":
        import pyarrow as pa
        from pyarrow import csv

        sink = pa.BufferOutputStream()
        csv.write_csv(rows, sink)
        click.echo(sink.getvalue().to_pybytes(), nl=False)
    else:
        from fink_voevent.show import layouts

        measured = {"separation": "sep deg", "credible_level": "level"}
        hidden = {t for c, t in measured.items() if c not in rows.column_names}
        fields = [field for field in layouts.ALERTS if field.header not in hidden]
        common.print_rows(fields, rows.to_pylist(), total, "no alerts there")


def _write(sought: Sought, out: Path) -> tuple[int, list[Unread]]:
    """Write all alerts to a file; return their number, and the files left out."""
    import pyarrow.parquet as pq
    from pyarrow import csv

    from fink_voevent.archive import search
    from fink_voevent.store.filesystem import open_store

    schema = search.result_schema(sought.place)
    count, unread = 0, []

    def fill(stream: pa.NativeFile) -> None:
        nonlocal count
        kind = csv.CSVWriter if out.suffix == ".csv" else pq.ParquetWriter
        with kind(stream, schema) as writer:
            for part in search.everything(sought):
                if isinstance(part, search.Unread):
                    unread.append(part)
                else:
                    writer.write_table(part)
                    count += part.num_rows

    open_store(str(out.absolute().parent)).write(out.name, fill)
    return count, unread

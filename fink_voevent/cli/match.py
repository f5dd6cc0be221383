# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent match``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fink_voevent.cli.common import load_settings, settings_options

if TYPE_CHECKING:
    from fink_voevent.offline.matching import MatchSummary

SHOWN_ROWS = 40
# What is known of the object before the event, by value of the column prior_activity.
_PRIOR_ACTIVITY = {
    "new": "not detected before",
    "unknown": "unknown whether detected before",
    "active": "active before",
}


@click.command()
@click.option(
    "--alerts",
    required=True,
    metavar="FOLDER",
    help="Fink's science alerts of one night, in Parquet.",
)
@click.option(
    "--notices",
    required=True,
    multiple=True,
    metavar="PATH",
    help="File, folder, tar archive or landing folder of notices. May be repeated, and"
    " more paths may follow.",
)
@click.option(
    "--out",
    required=True,
    type=Path,
    metavar="FOLDER",
    help="Folder for the coincidences and candidates.",
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["parquet", "csv"]),
    default=("parquet",),
    help="csv writes both files as CSV too.",
)
@click.argument("more_notices", nargs=-1)
@settings_options(
    "survey",
    "data_prefix",
    "credible_level",
    "cap_deg2",
    "window",
    "cell_order",
    "allow_tests",
    "streams",
    "skymap_hosts",
)
def command(
    alerts: str,
    notices: tuple[str, ...],
    more_notices: tuple[str, ...],
    out: Path,
    formats: tuple[str, ...],
    **options: Any,
) -> None:
    r"""Match the alerts of a past night with notices.

    Writes the coincidences to OUT/coincidences.parquet and prints them, the most
    surprising first, and their candidates, one row an object and event, to
    OUT/candidates.parquet (columns: docs/tables.md). The matching and the identifiers
    are those of the services.

    \b
    Examples
      fink_voevent match --alerts science/20240115 --notices notices/ --out out
      fink_voevent match --survey rubin --alerts night --notices a.xml b.xml \
          --out out --window 1,14 --credible-level 0.9 --format csv
    """
    from fink_voevent.offline.matching import match_night
    from fink_voevent.spark.session import spark_session

    settings = load_settings(options)
    paths = (*notices, *more_notices)
    with spark_session(settings, "fink_voevent match") as spark:
        summary = match_night(spark, settings, alerts, paths, out, formats)
    _show(out / "coincidences.parquet")
    for line in limits_reached(summary, settings.cap_deg2):
        click.echo(line, err=True)
    click.echo(describe_candidates(summary.candidates), err=True)
    if not summary.coincidences:
        click.echo(why_none(summary), err=True)
    click.echo(
        f"{summary.documents} documents, {summary.events} notices, {summary.live} live"
        f" events, {summary.alerts} alerts searched, {summary.coincidences}"
        f" coincidences in {out}",
        err=True,
    )


def describe_candidates(counts: Mapping[str, int]) -> str:
    """Return one line with the number of candidates of each class.

    Parameters
    ----------
    counts : mapping of str to int
        By class.
    """
    parts = ", ".join(f"{name} {count}" for name, count in counts.items())
    return f"{sum(counts.values())} candidates" + (f": {parts}" if parts else "")


def limits_reached(summary: MatchSummary, cap_deg2: float) -> Iterator[str]:
    """Yield a line for each event with alerts that were counted, but not matched.

    Parameters
    ----------
    summary : MatchSummary
    cap_deg2 : float
        Largest area on which one event is matched (deg2).
    """
    for event, count in summary.beyond_cap.items():
        yield (
            f"{event}: {count} more alerts lie in its region, outside the"
            f" {cap_deg2:g} deg2 that are matched (--cap-deg2)"
        )
    for event, count in summary.in_time_only.items():
        yield (
            f"{event}: its sky map is missing (--skymap-hosts); of the {count} alerts"
            " in its time window, those nearest in time are matched (--cap-deg2)"
        )


def why_none(summary: MatchSummary) -> str:
    """Return a sentence on why there are no coincidences.

    Parameters
    ----------
    summary : MatchSummary
    """
    if summary.span is None:
        return "there are no alerts at --alerts"
    first, last = (
        f"{datetime.fromtimestamp(time_us / 1e6, timezone.utc):%Y-%m-%d %H:%M}"
        for time_us in summary.span
    )
    if not summary.live:
        return "no notice gives a live event with a region and a time (parse --brief)"
    if not summary.covering:
        return (
            f"no event's window covers the night: the alerts are of {first} to {last}"
            " UTC (--window, or notices of other events)"
        )
    return (
        f"the windows of {summary.covering} events cover the alerts, of {first} to"
        f" {last} UTC, and no alert lies in their regions (--credible-level)"
    )


def _show(path: Path) -> None:
    """Print the first coincidences of a file, by surprise."""
    import pyarrow.parquet as pq

    rows = sorted(pq.read_table(path).to_pylist(), key=by_surprise)
    for row in rows[:SHOWN_ROWS]:
        click.echo(describe_coincidence(row))
    if len(rows) > SHOWN_ROWS:
        click.echo(f"... and {len(rows) - SHOWN_ROWS} more in {path}")


def by_surprise(row: dict[str, Any]) -> tuple[float, float]:
    """Return what sorts the most surprising coincidence first; nulls are last.

    Parameters
    ----------
    row : dict
        Row of the table coincidences: `p_chance` and `credible_level` are used.
    """
    chance, level = row["p_chance"], row["credible_level"]
    return (2.0 if chance is None else chance, 2.0 if level is None else level)


def describe_coincidence(row: dict[str, Any]) -> str:
    """Return one line on a coincidence: event, object, place, delay and chance.

    Parameters
    ----------
    row : dict
        Row of the table coincidences; used are event_id, messenger, object_id,
        alert_id, status, separation (deg), credible_level, delay (d), prior_activity
        and p_chance.
    """
    name = row["object_id"] or row["alert_id"]
    chance = "" if row["p_chance"] is None else f", by chance {row['p_chance']:.2g}"
    return (
        f"{row['event_id']} ({row['messenger']}) and {name}: {row['status']},"
        f" {_place(row['separation'], row['credible_level'])},"
        f" {row['delay']:+.3f} d, {_PRIOR_ACTIVITY[row['prior_activity']]}{chance}"
    )


def _place(separation_deg: float | None, credible_level: float | None) -> str:
    if credible_level is None:
        return "in time only, because its sky map is missing"
    place = "in the sky map"
    if separation_deg is not None:
        place = f"{separation_deg:.4g} deg from the centre"
    return f"{place}, credible level {credible_level:.3f}"

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent match``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pyarrow.parquet as pq

from fink_voevent.cli.common import settings, settings_options

if TYPE_CHECKING:
    from fink_voevent.offline.matching import MatchSummary

SHOWN_ROWS = 40
BEFORE = {
    "new": "not there before",
    "unknown": "not known whether there before",
    "active": "active before",
}


@click.command()
@click.option("--alerts", required=True, help="Science alerts: a folder of Parquet.")
@click.option(
    "--notices", required=True, multiple=True, help="File, folder, archive or landing."
)
@click.option("--out", required=True, type=Path, help="Folder for the coincidences.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["parquet", "csv"]),
    default=("parquet",),
    help="Parquet is always written; csv beside it.",
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
    r"""Match a past night of Fink's science alerts with notices.

    Writes the coincidences (docs/tables.md) to OUT/coincidences.parquet and prints
    them. The same matching as on the stream, with the same identifiers.

    \b
    Examples
      fink_voevent match --alerts science/20240115 --notices notices/ --out out
      fink_voevent match --survey rubin --alerts night --notices a.xml b.xml \
          --out out --window 1,14 --credible-level 0.9 --format csv
    """
    from fink_voevent.offline.matching import match_night
    from fink_voevent.spark.session import build

    chosen = settings(options)
    spark = build(chosen, "fink_voevent match")
    try:
        paths = (*notices, *more_notices)
        tally = match_night(spark, chosen, alerts, paths, out, formats)
    finally:
        spark.stop()
    _show(out / "coincidences.parquet")
    for line in told(tally, chosen.cap_deg2):
        click.echo(line, err=True)
    click.echo(f"{_counted(tally)} in {out}", err=True)


def told(tally: MatchSummary, cap_deg2: float) -> Iterator[str]:
    """Say of each event what was counted beside its pairs."""
    for event, count in tally.beyond_cap.items():
        yield (
            f"{event}: {count} more alerts beyond the {cap_deg2:g} deg2 that are"
            " matched (--cap-deg2)"
        )
    for event, count in tally.in_time_only.items():
        yield (
            f"{event}: {count} alerts in its window, in time only: its sky map is not"
            " here (--skymap-hosts); those nearest to it are matched (--cap-deg2)"
        )


def _counted(tally: MatchSummary) -> str:
    return (
        f"{tally.documents} documents, {tally.events} notices, {tally.live} live"
        f" events, {tally.alerts} alerts searched, {tally.coincidences} coincidences"
    )


def _show(path: Path) -> None:
    rows = pq.read_table(path).to_pylist()
    for row in rows[:SHOWN_ROWS]:
        click.echo(one_line(row))
    if len(rows) > SHOWN_ROWS:
        click.echo(f"... and {len(rows) - SHOWN_ROWS} more in {path}")


def one_line(row: dict[str, Any]) -> str:
    """Say why, how far and how long after, for one coincidence."""
    name = row["object_id"] or row["alert_id"]
    return (
        f"{row['event_id']} ({row['messenger']}) and {name}: {row['status']},"
        f" {_place(row['separation'], row['credible_level'])},"
        f" {row['delay']:+.3f} d, {BEFORE[row['prior_activity']]}"
        f"{_odds(row['p_chance'])}"
    )


def _place(separation_deg: float | None, credible_level: float | None) -> str:
    if credible_level is None:
        return "in time only, as its sky map is not here"
    where = "in the sky map"
    if separation_deg is not None:
        where = f"{separation_deg:.4g} deg from the centre"
    return f"{where}, credible level {credible_level:.3f}"


def _odds(p_chance: float | None) -> str:
    return "" if p_chance is None else f", by chance {p_chance:.2g}"

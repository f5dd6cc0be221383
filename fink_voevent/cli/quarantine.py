# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent quarantine``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fink_voevent.cli.common import load_settings, settings_options

if TYPE_CHECKING:
    from fink_voevent.store.unread import UnreadFile

SHOWN = 50  # newest documents


@click.command()
@settings_options("data_prefix")
@click.option(
    "--reason",
    default="",
    metavar="TEXT",
    help="Only documents whose reason contains this text.",
)
@click.option(
    "--retry",
    "is_retry",
    is_flag=True,
    help="Try them again: they are landed as they were received.",
)
def command(reason: str, is_retry: bool, **options: Any) -> None:  # noqa: FBT001
    r"""List what could not be read, and why, or try it again.

    These are documents that are no notices, or that exceed a bound, and files that a
    stage could not read. A file is tried again by itself for two and a half hours.

    \b
    Examples
      fink_voevent quarantine --data-prefix /data/fink
      fink_voevent quarantine --reason "reading it was stopped" --retry
    """
    from fink_voevent.ops import quarantine
    from fink_voevent.store import unread

    root = load_settings(options).root
    if is_retry:
        documents = quarantine.retry_documents(root, reason)
        files = 0 if reason else quarantine.retry_files(root)
        click.echo(f"{documents} documents and {files} files are tried again")
        return
    found = quarantine.documents(root, reason)
    for row in found.slice(max(0, found.num_rows - SHOWN)).to_pylist():
        click.echo(
            f"{row['received_at']:%Y-%m-%dT%H:%M:%SZ} {row['sha256'][:12]}"
            f" {row['format']} from {row['source']}: {row['reason']}"
        )
    files_left_out = unread.all_files(root)
    for file in files_left_out:
        click.echo(_line(file))
    click.echo(
        f"{found.num_rows} documents in quarantine"
        + (f" (the last {SHOWN} are listed)" if found.num_rows > SHOWN else "")
        + f", {len(files_left_out)} files not read"
    )


def _line(file: UnreadFile) -> str:
    """Return the line of a file."""
    tried = f"tried {file.tries} times" if file.tries > 1 else "tried once"
    following = "set aside" if file.is_set_aside else f"next at {file.due_at:%H:%M:%SZ}"
    return f"{file.path}: {file.reason} ({tried}, {following})"

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent quarantine``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fink_voevent.cli import listing as common

if TYPE_CHECKING:
    from fink_voevent.store.unread import UnreadFile


@click.command()
@common.list_options("limit")
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
def command(
    reason: str,
    is_retry: bool,  # noqa: FBT001
    is_json: bool,  # noqa: FBT001
    **options: Any,
) -> None:
    r"""List what could not be read, and why, or try it again.

    These are documents that are no notices, or that exceed a bound, and files that a
    stage could not read. The newest documents are listed, the last one at the end. A
    file is tried again by itself for two and a half hours.

    \b
    Examples
      fink_voevent quarantine --data-prefix /data/fink
      fink_voevent quarantine --reason "reading it was stopped" --retry
      fink_voevent quarantine --limit 0 --json
    """
    limit = options["limit"]
    settings, _ = common.load(options)
    from fink_voevent.ops import quarantine
    from fink_voevent.show import layouts
    from fink_voevent.show.text_table import show_table
    from fink_voevent.store import unread

    root = settings.root
    if is_retry:
        documents = quarantine.retry_documents(root, reason)
        files = 0 if reason else quarantine.retry_files(root)
        click.echo(f"{documents} documents and {files} files are tried again")
        return
    found = quarantine.documents(root, reason)
    first = max(0, found.num_rows - limit) if limit else 0
    rows = found.slice(first).to_pylist()
    left_out = [_as_row(file) for file in unread.all_files(root)]
    if is_json:
        document = {"documents": rows, "files": left_out, "total": found.num_rows}
        common.print_json(document)
        return
    if rows:
        show_table(layouts.QUARANTINE, rows)
    if left_out:
        show_table(layouts.UNREAD, left_out)
    click.echo(
        f"{found.num_rows} documents in quarantine"
        + (f" (the last {len(rows)} are listed)" if first else "")
        + f", {len(left_out)} files not read"
    )


def _as_row(file: UnreadFile) -> dict[str, Any]:
    """Return a file as a row of the list."""
    following = "set aside" if file.is_set_aside else f"{file.due_at:%H:%M:%SZ}"
    return {
        "path": file.path,
        "tries": file.tries,
        "next": following,
        "reason": file.reason,
    }

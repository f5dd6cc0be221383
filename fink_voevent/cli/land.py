# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent land``."""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Any

import click

from fink_voevent.cli.common import load_configuration, settings_options
from fink_voevent.errors import InputError

if TYPE_CHECKING:
    from fink_voevent.listen.spool import Spool

COMET = "fink_voevent_land"  # the program that Comet calls
DOCUMENTS_AT_ONCE = 500  # in one transaction of the spool


@click.command()
@click.argument("paths", nargs=-1)
@settings_options("data_prefix", "spool")
@click.pass_obj
def command(caller: str | None, paths: tuple[str, ...], **options: Any) -> None:
    r"""Land notices from files or standard input.

    PATHS are files, folders or tar archives. Without PATHS one notice is read from
    standard input, so that Comet (--cmd) or any other program can call the command. If
    the exit code is 0, the notices are on the disk.

    Files are the operator's own and may speak for any publisher. Standard input is the
    source "land", which may speak for those that VOEVENT_SOURCES names for it
    (land=ivo://AUTHORITY/*), or that it is the first to carry.

    \b
    Examples
      fink_voevent land notices/ burst.xml --data-prefix /data/fink
      twistd comet --remote=voevent.example.org --cmd=fink_voevent_land
      fink_voevent land < burst.xml
    """
    from fink_voevent.config.load import refuse_default_prefix
    from fink_voevent.listen.landing import drain
    from fink_voevent.listen.spool import Received, Spool
    from fink_voevent.store.filesystem import open_store

    configuration = load_configuration(options)
    settings = configuration.settings
    if caller == COMET:
        refuse_default_prefix(configuration)
    landing = open_store(settings.root).subfolder("landing")
    spool = Spool(settings.spool, landing.path)
    try:
        if paths:
            count = _append_files(spool, paths)
        else:
            raw = sys.stdin.buffer.read()
            if not raw:
                raise InputError("standard input is empty: nothing to land")
            count = spool.append([Received(raw, "stdin", "stdin")])
        drain(spool, landing)
    finally:
        spool.close()
    click.echo(f"{count} documents landed in {settings.root}/landing", err=True)


def _append_files(spool: Spool, paths: tuple[str, ...]) -> int:
    """Append the documents of all paths to the spool; return their number."""
    from fink_voevent.listen.files import documents
    from fink_voevent.listen.spool import Received

    found = documents(paths)
    count = 0
    while batch := list(itertools.islice(found, DOCUMENTS_AT_ONCE)):
        count += spool.append(Received(f.raw, "file", f.name) for f in batch)
    if not count:
        raise InputError("no document found at the paths given")
    return count


def as_comet_command() -> None:
    """Run ``fink_voevent land``: Comet's ``--cmd`` is a program without arguments.

    Options are passed on, for other programs that call it.
    """
    from fink_voevent.cli import main

    main(["land", *sys.argv[1:]], obj=COMET)

# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Attempts at the documents of a batch, recorded before each, for after a crash.

A reader process that dies takes one document into quarantine (`ingest.reader`). Should
a document end more than that, the worker or the whole stage, then nothing is left to
say so, and the batch would be tried in the same way for ever. Therefore:

- The stage records a batch before it parses it, and removes the record afterwards.
- If a record is left of an earlier attempt, each document is read alone, and recorded
  before.
- A document of which two such records are left is not read again: it is put in
  quarantine.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pyarrow as pa

from fink_voevent.ingest.reader import STOPPED, Converted, Reader, refuse
from fink_voevent.store.filesystem import Store, open_store

MOST_ATTEMPTS = 2
_STARTED = "started"
REASON = f"{STOPPED}the stage ended {MOST_ATTEMPTS} times while it was read"


@dataclass(frozen=True)
class Attempts:
    """The record of the attempts at one batch.

    Parameters
    ----------
    folder : str
        Folder of the record, which workers reach.
    """

    folder: str

    @property
    def _store(self) -> Store:
        return open_store(self.folder)

    def begin(self) -> bool:
        """Record that the batch is tried; return whether it was tried before."""
        is_repeated = self._store.exists(_STARTED)
        if not is_repeated:
            self._store.write(_STARTED, lambda stream: stream.write(b""))
        return is_repeated

    def end(self) -> None:
        """Remove the record: the documents of the batch were read."""
        self._store.remove()

    def convert(self, reader: Reader, landed: pa.RecordBatch) -> Converted:
        """Convert one document, recorded meanwhile.

        Parameters
        ----------
        reader : Reader
        landed : RecordBatch
            Columns of the table ``landing``, one row.

        Returns
        -------
        dict
            As `Reader.convert` returns it.
        """
        store = self._store
        # not the column, which files of others may have filled with anything
        name = hashlib.sha256(landed["raw"][0].as_py()).hexdigest()
        earlier = int(store.read(name)) if store.exists(name) else 0
        if earlier >= MOST_ATTEMPTS:
            return refuse(landed, REASON)
        store.write(name, lambda stream: stream.write(b"%d" % (earlier + 1)))
        converted = reader.convert(landed)
        store.delete(name)
        return converted

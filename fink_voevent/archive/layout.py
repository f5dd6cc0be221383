# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The archive on the disk: a HATS catalog, and a record of what it contains.

HATS (Hierarchical Adaptive Tiling Scheme, https://hats.readthedocs.io) divides a
catalog into HEALPix pixels, of higher order where there are more rows. Here each pixel
is a folder, with one Parquet file a year::

    archive/archive.json                 nights, pixels and their files
    archive/hats.properties, properties, partition_info.csv
    archive/dataset/_common_metadata
    archive/dataset/Norder=2/Dir=0/Npix=17/2026.parquet

Rows are sorted by `INDEX` within a file. `archive.json` is written last and decides
what is valid: files of a pixel that it does not name do not count, nor do rows of a
night that it does not name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from fink_voevent import __version__
from fink_voevent.errors import StorageError
from fink_voevent.store.filesystem import Store, open_store
from fink_voevent.tables.schema import arrow_schema

FOLDER, RECORD = "archive", "archive.json"
DATASET = "dataset"
INDEX = "_healpix_29"  # the name of HATS for our column hpx29
ORDER = 29
FORMAT = 1  # of `RECORD`
_DIRECTORY = 10_000  # pixels in a folder Dir
# Computed from others, or of no use after the files of the night are gone.
LEFT_OUT = ("hpx29", "x", "y", "z", "packet_file")


def _schema() -> pa.Schema:
    kept = [f for f in arrow_schema("alerts") if f.name not in LEFT_OUT]
    return pa.schema(
        [pa.field(INDEX, pa.int64()), *(f.with_nullable(True) for f in kept)]
    )


SCHEMA = _schema()
"""Columns of the archive: `INDEX`, and those of the table alerts but `LEFT_OUT`."""


class Pixel(NamedTuple):
    """A HEALPix pixel: its order, and its nested index at that order."""

    order: int
    number: int

    @property
    def folder(self) -> str:
        """Folder of its files, relative to the archive."""
        directory = self.number // _DIRECTORY * _DIRECTORY
        return f"{DATASET}/Norder={self.order}/Dir={directory}/Npix={self.number}"

    @property
    def lo(self) -> int:
        """Its first index of order 29."""
        return self.number << 2 * (ORDER - self.order)

    @property
    def hi(self) -> int:
        """The index of order 29 after its last one."""
        return (self.number + 1) << 2 * (ORDER - self.order)

    def children(self) -> list[Pixel]:
        """Return its four parts, of the next order."""
        return [Pixel(self.order + 1, 4 * self.number + n) for n in range(4)]

    def ancestors(self) -> Iterator[Pixel]:
        """Yield the pixels of lower order that contain it."""
        for order in range(self.order):
            yield Pixel(order, self.number >> 2 * (self.order - order))


@dataclass(frozen=True)
class Contents:
    """What an archive contains.

    Parameters
    ----------
    nights : mapping of str to int
        Number of alerts by night (YYYYMMDD).
    pixels : mapping of Pixel to mapping of str to int
        Rows of each pixel by year (YYYY): one file each. Pixels do not overlap.
    """

    nights: Mapping[str, int]
    pixels: Mapping[Pixel, Mapping[str, int]]

    @property
    def rows(self) -> int:
        """Number of alerts."""
        return sum(self.nights.values())


NOTHING = Contents({}, {})


def folder_of(root: str) -> Store:
    """Return the folder of the archive beside the tables of a root."""
    return open_store(root).subfolder(FOLDER)


def read_contents(folder: Store) -> Contents | None:
    """Return what an archive contains; None if there is none.

    Raises
    ------
    StorageError
        If its record cannot be read.
    """
    if not folder.exists(RECORD):
        return None
    try:
        document = json.loads(folder.read(RECORD))
        if document["format"] != FORMAT:
            raise StorageError(
                f"{folder.path} was made by another version of fink_voevent: run that"
                " version, or remove the folder and run `fink_voevent archive`"
            )
        pixels = {
            Pixel(*map(int, name.split("/"))): {
                str(y): int(n) for y, n in years.items()
            }
            for name, years in document["pixels"].items()
        }
        return Contents({str(k): int(v) for k, v in document["nights"].items()}, pixels)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StorageError(
            f"{folder.path}/{RECORD} is damaged: remove the folder {folder.path}, then"
            " run `fink_voevent archive`"
        ) from None


def write_contents(folder: Store, contents: Contents) -> None:
    """Write the record of an archive, and then the files that HATS readers need.

    Raises
    ------
    StorageError
        If the store refuses.
    """
    document = {
        "format": FORMAT,
        "nights": dict(sorted(contents.nights.items())),
        "pixels": {
            f"{pixel.order}/{pixel.number}": dict(years)
            for pixel, years in sorted(contents.pixels.items())
        },
    }
    _write_text(folder, RECORD, json.dumps(document, separators=(",", ":")))
    lines = [f"{pixel.order},{pixel.number}" for pixel in sorted(contents.pixels)]
    _write_text(folder, "partition_info.csv", "\n".join(["Norder,Npix", *lines, ""]))
    for name in ("hats.properties", "properties"):  # the second is of earlier readers
        _write_text(folder, name, _properties(contents))
    folder.subfolder(DATASET).write(
        "_common_metadata", partial(pq.write_metadata, SCHEMA)
    )


def _write_text(folder: Store, name: str, text: str) -> None:
    content = text.encode()
    folder.write(name, lambda stream: stream.write(content))


def _properties(contents: Contents) -> str:
    values = {
        "obs_collection": "fink_alerts",
        "dataproduct_type": "source",
        "hats_nrows": contents.rows,
        "hats_col_ra": "alert_ra",
        "hats_col_dec": "alert_dec",
        "hats_col_healpix": INDEX,
        "hats_col_healpix_order": ORDER,
        "hats_npix_suffix": "/",
        "hats_order": max((pixel.order for pixel in contents.pixels), default=0),
        "hats_builder": f"fink-voevent {__version__}",
        "hats_version": "v1.0",
    }
    return "".join(["#HATS catalog\n", *(f"{k}={v}\n" for k, v in values.items())])

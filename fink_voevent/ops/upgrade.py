# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Take over the tables of an earlier version, with manifests in ``ledger/``.

Each table becomes a Delta table with one commit, so that the command can be repeated
after it was interrupted. What was sent is not sent again. The old data files stay until
they are removed with other files that no version of the tables has.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fink_voevent.errors import StorageError
from fink_voevent.ingest.conversion import region_row
from fink_voevent.ingest.skymaps import map_region_id
from fink_voevent.match.complete_nights import THIN
from fink_voevent.score import candidates
from fink_voevent.store.batches import BATCHES, DONE, PLANNED, transaction
from fink_voevent.store.delta import LEDGER, Tables, clean_staging, staging_folder
from fink_voevent.store.filesystem import Store, open_store
from fink_voevent.tables.notices import REGION_COLUMNS
from fink_voevent.tables.schema import (
    arrow_schema,
    batch_column,
    stored_schema,
    with_batch,
)

_LOG = logging.getLogger(__name__)
UPGRADE = "upgrade"  # name of the commits of this command
KEPT = "earlier-version"  # folder of the manifests that were taken over
_NOT_FACTS = ("event_files", "manifests", "replaces", "span_us")
AT_ONCE = 50  # rows that are converted at once: those with sky maps are long
_WINDOW = ("event_id", "window_before", "window_after")
STAGES = ("ingest", "match", "route", "compact")


@dataclass(frozen=True)
class Manifest:
    """A batch of an earlier version.

    Parameters
    ----------
    name : str
        Name of its file.
    run : str
    tables : mapping of str to list of str
        Data files of each table, relative to the root.
    facts : mapping
    """

    name: str
    run: str
    tables: Mapping[str, list[str]]
    facts: Mapping[str, Any]


@dataclass
class _Earlier:
    """Batches of an earlier version, in the order in which they were committed."""

    root: str
    ingest: list[Manifest] = field(default_factory=list)
    maps: list[Manifest] = field(default_factory=list)
    match: list[Manifest] = field(default_factory=list)
    route: list[Manifest] = field(default_factory=list)
    compact: list[Manifest] = field(default_factory=list)


def is_earlier(root: str) -> bool:
    """Whether a folder has tables of an earlier version."""
    return bool(open_store(f"{root}/{LEDGER}/ingest").names(".json"))


def upgrade(root: str) -> dict[str, int]:
    """Take over the tables of an earlier version.

    Parameters
    ----------
    root : str
        Folder of our tables: a path or a URI. No stage may run on it.

    Returns
    -------
    dict of str to int
        Number of rows of each table.

    Raises
    ------
    StorageError
        If the tables cannot be read or written, or if batches were sent out of order.
    """
    earlier = _read(root)
    until = _routed_until(earlier)
    tables = Tables(root, upgrades=True)
    clean_staging(root, UPGRADE)
    counts = {}
    sources = {
        "regions": _regions(earlier),
        "events": _events(earlier),
        "maps": _maps(earlier),
        "quarantine": _numbered(earlier, earlier.ingest, "quarantine"),
        "alerts": _alerts(earlier),
        "coincidences": _numbered(earlier, earlier.match, "coincidences"),
        "candidates": _candidates(earlier, until),
        "routed": _numbered(earlier, earlier.route, "routed"),
        "documents": _documents(earlier),
        BATCHES: iter(_batches(earlier, until)),
    }
    for name, parts in sources.items():
        also = _transactions(earlier) if name == BATCHES else {}
        counts[name] = _convert(tables, name, parts, also)
        _LOG.info("upgrade: %d rows of %s", counts[name], name)
    store = open_store(root)
    for name in (LEDGER, "checkpoints", "fences", "merged"):
        store.subfolder(name).rename(store.subfolder(KEPT, name))
    return counts


def _read(root: str) -> _Earlier:
    """Read all manifests."""
    found = _Earlier(root)
    for stage in STAGES:
        folder = open_store(f"{root}/{LEDGER}/{stage}")
        infos = sorted(folder.files(".json"), key=lambda i: (i.mtime_ns, i.path))
        for info in infos:
            content = json.loads(folder.read(info.base_name))
            manifest = Manifest(
                info.base_name, content["run"], content["tables"], content["facts"]
            )
            is_map = stage == "ingest" and manifest.run.startswith("map-")
            getattr(found, "maps" if is_map else stage).append(manifest)
    return found


def _routed_until(earlier: _Earlier) -> int:
    """Return the last batch of match that was sent, of those in order.

    Raises
    ------
    StorageError
        If a later one was sent before: then it cannot be said in one number.
    """
    sent = {name for m in earlier.route for name in m.facts["manifests"]}
    with_pairs = [
        (number, m.name in sent)
        for number, m in enumerate(earlier.match)
        if m.tables.get("coincidences")
    ]
    missing = [number for number, was_sent in with_pairs if not was_sent]
    if not missing:
        return len(earlier.match) - 1
    if any(was_sent for number, was_sent in with_pairs if number > missing[0]):
        raise StorageError(
            f"{earlier.root}: coincidences wait to be sent that are older than others"
            " that were sent: let voevent_route of the earlier version send them first"
        )
    return missing[0] - 1


def _convert(
    tables: Tables,
    name: str,
    parts: Iterable[tuple[int, pa.Table]],
    also: Mapping[str, int],
) -> int:
    """Write rows, each part with the number of its batch, and commit them at once."""
    if tables.has(name, UPGRADE, 0):
        return tables.arrow(name, [batch_column(name)]).num_rows
    folder = staging_folder(tables.root, UPGRADE)
    staged = open_store(folder)
    schema = stored_schema(name)
    try:
        for batch, rows in parts:
            numbered = with_batch(rows, name, batch)
            whole = pa.table(
                [_column(numbered, column) for column in schema], schema=schema
            )
            _write(staged, name, whole)
        return tables.append(name, staged, UPGRADE, 0, also).rows
    finally:
        staged.remove()


def _column(rows: pa.Table, wanted: pa.Field) -> pa.ChunkedArray:
    if wanted.name not in rows.column_names:
        return pa.chunked_array([pa.nulls(rows.num_rows, wanted.type)])
    return rows[wanted.name].cast(wanted.type)


def _write(staged: Store, name: str, rows: pa.Table) -> None:
    """Write rows to a new file; those of alerts by night."""
    parts = {"": rows}
    if name == "alerts":
        nights = pc.unique(rows["night"]).to_pylist()
        parts = {
            f"night={night}": rows.filter(pc.equal(rows["night"], night)).drop_columns(
                ["night"]
            )
            for night in nights
        }
    for folder, content in parts.items():
        target = staged.subfolder(folder) if folder else staged
        target.write(
            f"{uuid.uuid4().hex}.parquet",
            lambda stream, content=content: pq.write_table(  # type: ignore[misc]
                content, stream, compression="zstd"
            ),
        )


def _files(earlier: _Earlier, manifest: Manifest, table: str) -> Iterator[pa.Table]:
    """Yield the rows of a batch, a few at once."""
    store = open_store(earlier.root)
    for file in manifest.tables.get(table, ()):
        for batch in store.iter_rows(file, AT_ONCE):
            yield pa.Table.from_batches([batch])


def _numbered(
    earlier: _Earlier, manifests: list[Manifest], table: str
) -> Iterator[tuple[int, pa.Table]]:
    for number, manifest in enumerate(manifests):
        for rows in _files(earlier, manifest, table):
            yield number, rows


def _split(rows: pa.Table, ids: list[str]) -> tuple[pa.Table, pa.Table]:
    """Divide rows with cells and pixels into those without, and rows of regions."""
    scalars, regions = [], []
    for row, region_id in zip(rows.to_pylist(), ids, strict=True):
        region = region_row(row, region_id)
        scalars.append(row)
        regions += [] if region is None else [region]
    added = [arrow_schema("events").field(c) for c in REGION_COLUMNS]
    kept = [f for f in rows.schema if f.name not in ("cells", "pixels")]
    schema = pa.schema([f.with_nullable(True) for f in (*kept, *added)])
    return (
        pa.Table.from_pylist(scalars, schema=schema),
        pa.Table.from_pylist(regions, schema=arrow_schema("regions")),
    )


def _events(earlier: _Earlier) -> Iterator[tuple[int, pa.Table]]:
    for number, rows in _numbered(earlier, earlier.ingest, "events"):
        yield number, _split(rows, rows["notice_id"].to_pylist())[0]


def _maps(earlier: _Earlier) -> Iterator[tuple[int, pa.Table]]:
    for number, rows in _numbered(earlier, earlier.maps, "maps"):
        ids = [map_region_id(url) for url in rows["skymap_url"].to_pylist()]
        yield number, _split(rows, ids)[0]


def _regions(earlier: _Earlier) -> Iterator[tuple[int, pa.Table]]:
    for number, rows in _numbered(earlier, earlier.ingest, "events"):
        yield number, _split(rows, rows["notice_id"].to_pylist())[1]
    for number, rows in _numbered(earlier, earlier.maps, "maps"):
        ids = [map_region_id(url) for url in rows["skymap_url"].to_pylist()]
        yield number, _split(rows, ids)[1]


def _alerts(earlier: _Earlier) -> Iterator[tuple[int, pa.Table]]:
    """Alerts of batches, and of the nights that were compacted in their place."""
    newest = {m.facts["night"]: m for m in earlier.compact}
    replaced = {name for m in newest.values() for name in m.facts["replaces"]}
    for manifest in newest.values():
        for rows in _files(earlier, manifest, "alerts"):
            yield 0, rows
    for number, manifest in enumerate(earlier.match):
        if manifest.name not in replaced:
            for rows in _files(earlier, manifest, "alerts"):
                yield number, rows


def _candidates(earlier: _Earlier, routed: int) -> Iterator[tuple[int, pa.Table]]:
    """Candidates of the coincidences that wait to be sent, without a background rate.

    Filters select by candidates, which the earlier version did not have.
    """
    unsent = [
        number
        for number, manifest in enumerate(earlier.match)
        if number > routed and manifest.tables.get("coincidences")
    ]
    if not unsent:
        return
    windows = {
        row["event_id"]: (row["window_before"], row["window_after"])
        for _, rows in _numbered(earlier, earlier.ingest, "events")
        for row in rows.select(_WINDOW).to_pylist()
    }
    schema = stored_schema("coincidences")
    columns = [schema.field(name) for name in candidates.JOURNAL_COLUMNS]
    parts = [
        pa.table([_column(with_batch(rows, "coincidences", n), c) for c in columns],
                 schema=pa.schema(columns))
        for n, rows in _numbered(earlier, earlier.match, "coincidences")
    ]  # fmt: skip
    journal = pa.concat_tables(parts)
    names = _candidate_names(journal)
    for number in unsent:
        changed = names.filter(pc.equal(journal["batch"], number))
        is_wanted = pc.and_(
            pc.is_in(names, value_set=changed.combine_chunks()),
            pc.less_equal(journal["batch"], number),
        )
        rows = candidates.from_coincidences(journal.filter(is_wanted), number, windows)
        yield number, candidates.ranked(rows)


def _candidate_names(journal: pa.Table) -> pa.ChunkedArray:
    objects = candidates.object_names(journal)
    return pc.binary_join_element_wise(
        journal["survey"], objects, journal["event_id"], "\n"
    )


def _documents(earlier: _Earlier) -> Iterator[tuple[int, pa.Table]]:
    """Documents that were ingested; their files stay, and have nothing new."""
    known = set()
    for table in ("events", "quarantine"):
        for _, rows in _numbered(earlier, earlier.ingest, table):
            known.update(rows["sha256"].to_pylist())
    landing = open_store(earlier.root).subfolder("landing")
    for file in landing.relative_files(".parquet"):
        rows = landing.read_table(file)
        if not set(arrow_schema("landing").names) <= set(rows.column_names):
            continue  # of another program: it is read again, and nothing is new
        is_known = pc.is_in(rows["sha256"], pa.array(known, pa.string()))
        yield max(0, len(earlier.ingest) - 1), rows.filter(is_known)


def _stages(earlier: _Earlier) -> dict[str, list[tuple[str, Manifest]]]:
    """Batches of each stage, each with its survey, in order."""
    surveys = sorted({m.facts["survey"] for m in earlier.match}) or [""]
    route = [(surveys[0], m) for m in earlier.route]
    if route:  # the others are not sent again either
        route += [(name, Manifest("", "", {}, {"sent": {}})) for name in surveys[1:]]
    return {
        "ingest": [("", m) for m in earlier.ingest],
        "maps": [("", m) for m in earlier.maps],
        "match": [(m.facts["survey"], m) for m in earlier.match],
        "route": route,
        THIN: [("", m) for m in earlier.compact if m.facts.get("old")],
    }


def _transactions(earlier: _Earlier) -> dict[str, int]:
    """Transactions of the last batches."""
    return {
        transaction(stage, state): len(batches) - 1
        for stage, batches in _stages(earlier).items()
        for state in (PLANNED, DONE)
        if batches
    }


def _batches(earlier: _Earlier, routed: int) -> Iterator[tuple[int, pa.Table]]:
    """Rows of the table batches; `routed` is the last batch of match that was sent."""
    last = {"ingest": len(earlier.ingest) - 1, "maps": len(earlier.maps) - 1}
    untils = {"match": last, "route": {"match": routed}}
    rows: list[dict[str, Any]] = []
    for stage, batches in _stages(earlier).items():
        until = [{"stage": s, "batch": n} for s, n in untils.get(stage, {}).items()]
        for number, (survey, manifest) in enumerate(batches):
            facts = {k: v for k, v in manifest.facts.items() if k not in _NOT_FACTS}
            row = {
                "stage": stage,
                "batch": number,
                "survey": survey or None,
                "night": facts.get("night"),
            }
            rows.append({**row, "state": PLANNED, "until": until, "files": []})
            rows.append({**row, "state": DONE, "facts": json.dumps(facts)})
    schema = pa.schema([f.with_nullable(True) for f in arrow_schema(BATCHES)])
    yield 0, pa.Table.from_pylist(rows, schema=schema)

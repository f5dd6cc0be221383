# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Columns of a table: those that are declared, and those that it was made with.

A column that a newer version declares is added to the table by the stage that writes
the table. Until then, and in older rows, readers see it as null. A column whose type
has changed, and a column that is not declared, are refused: the rows would no longer
mean what `tables` says.
"""

from __future__ import annotations

import pyarrow as pa
from deltalake import DeltaTable, Schema
from deltalake.schema import Field

from fink_voevent.errors import StorageError
from fink_voevent.tables.schema import PARTITIONS, stored_columns


def declared_schema(name: str) -> Schema:
    """Return the schema of a table; its columns have their meaning as a comment.

    All columns may be null: the tables are checked before they are written.
    """
    return Schema.from_arrow(
        pa.schema(
            [
                pa.field(
                    column.name,
                    column.type,
                    metadata={"comment": column.comment},
                )
                for column in stored_columns(name)
            ]
        )
    )


def refuse_other_types(table: DeltaTable, name: str) -> None:
    """Raise StorageError if columns of a table have other types than are declared.

    Parameters
    ----------
    table : DeltaTable
    name : str
        Name of the table.
    """
    found = {field.name: field.type for field in table.schema().fields}
    declared = declared_schema(name).fields
    changed = [f for f in declared if found.get(f.name, f.type) != f.type]
    if changed:
        field = changed[0]
        raise StorageError(
            f"the table {table.table_uri} was made by another version of fink_voevent:"
            f" its column {field.name} is {_text(found[field.name])}, and this version"
            f" needs {_text(field.type)}: run the version that made it, or move the"
            " table away"
        )


def missing_columns(table: DeltaTable, name: str) -> list[Field]:
    """Return the columns that are declared and that a table does not have.

    Parameters
    ----------
    table : DeltaTable
    name : str
        Name of the table.

    Raises
    ------
    StorageError
        If the table cannot be written by this version: it has columns that are not
        declared, or is divided into other folders.
    """
    declared = declared_schema(name).fields
    names = {field.name for field in declared}
    found = {field.name for field in table.schema().fields}
    unknown = sorted(found - names)
    if unknown:
        raise StorageError(
            f"the table {table.table_uri} has the column {unknown[0]}, which this"
            " version of fink_voevent does not know: run the version that wrote it, or"
            " a newer one"
        )
    folders = list(PARTITIONS.get(name, ()))
    if table.metadata().partition_columns != folders:
        raise StorageError(
            f"the table {table.table_uri} is not divided by {folders or 'nothing'}, as"
            " this version of fink_voevent needs it: run the version that made it, or"
            " move the table away"
        )
    return [field for field in declared if field.name not in found]


def _text(kind: object) -> str:
    """Return the name of a type: ``long`` of a plain one, as Delta writes it."""
    return str(getattr(kind, "type", kind))

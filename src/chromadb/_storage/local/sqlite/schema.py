"""The schema of a file: which migrations make it, and how many of them a file has behind it."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import apsw

from chromadb._storage.local.platform.failures import damaged
from chromadb.errors import StorageFormatError

APPLICATION_ID = 0x43484442
"""Marks our SQLite files ("CHDB")."""


@cache
def migrations_of(schema: str) -> list[str]:
    """Return the scripts that make a schema, "catalog" or "records", each from what the one before it left."""
    folder = resources.files("chromadb._storage.local") / "schema" / schema
    scripts = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return [script.read_text(encoding="utf-8") for script in scripts]


def version_of(connection: apsw.Connection, name: str, schema: str) -> int:
    """Return the number of migrations that a file has behind it; 0 for an empty one.

    Raises:
        StorageFormatError: it was written by something else, or by a newer version.
        StorageCorruptError: it says what cannot be.
    """
    # As one query, so that all three are of one moment: another process may be making the tables.
    rows: list[Any] = connection.execute(
        "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema) "
        "FROM pragma_user_version, pragma_application_id"
    ).fetchall()
    version, mark, tables = rows[0]
    if tables and mark != APPLICATION_ID:
        raise StorageFormatError(
            f"{name} is a SQLite database of another program. Choose an empty directory. Nothing was changed."
        )
    if version < 0 or (tables and not version):
        raise damaged(name, f"its header says that its format is {version}")
    known = len(migrations_of(schema))
    if version > known:
        raise StorageFormatError(
            f"{name} has format {version}, written by a newer version of chromadb; this one reads formats up "
            f"to {known}. Upgrade chromadb. Nothing was changed."
        )
    return int(version)

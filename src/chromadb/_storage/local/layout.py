"""What files and folders in a directory of data are called.

::

    <path>/catalog.sqlite3                        tenants, databases, collections
    <path>/collections/<uuid>/records.sqlite3     the records of one collection
                              collection.json     what the catalog says of it (``description``)
                              index/, text/, columns/
                                                  what is derived from them; can be deleted at any time

The whole of it, with what comes and goes, is in ARCHITECTURE.md.
"""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

PUBLISHED = "chroma.sqlite3"
"""The file by which a directory of the published versions is known."""

CATALOG, COLLECTIONS = "catalog.sqlite3", "collections"
"""Below the directory; every collection has a folder below the second, named by its id."""

RECORDS = "records.sqlite3"
"""Below the folder of a collection."""

REPAIRING = ".repairing"
"""Ends the name of a database that a repair makes in place of another."""

DELETED = ".deleted"
"""Ends the name of a folder whose collection is deleted, though the catalog may have it still (``folders``)."""

NEW = ".new"
"""Ends the name of a folder that is made ready for a collection, whose row the catalog may have already (``forks``)."""

SEGMENTS, TEXT, COLUMNS = "index", "text", "columns"
"""Folders beside it for what is derived from the records; each can be deleted at any time."""


def collections_in(path: Path) -> list[str]:
    """Return the names of the folders that hold records of a collection."""
    folder = path / COLLECTIONS
    names = os.listdir(folder) if folder.is_dir() else []
    return [name for name in names if is_uuid(name) and (folder / name / RECORDS).exists()]


def find_files(folder: Path) -> Path | None:
    """Return where the files of a collection are, whose folder may not have its name yet; None if there are none."""
    return next((each for each in (folder, ready_for(folder)) if (each / RECORDS).exists()), None)


def ready_for(folder: Path) -> Path:
    """Return the folder in which the files of a fork are made ready, given the one that they are to have."""
    return folder.with_name(folder.name + NEW)


def is_uuid(name: str) -> bool:
    """Return whether a name is one that a folder of a collection has."""
    try:
        UUID(name)
    except ValueError:
        return False
    return True

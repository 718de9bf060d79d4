"""The names of the files in a directory of data; the picture is in ``directory``."""

from __future__ import annotations

CATALOG, COLLECTIONS = "catalog.sqlite3", "collections"
"""Below the directory; every collection has a folder below the second, named by its id."""

RECORDS = "records.sqlite3"
"""Below the folder of a collection."""

SEGMENTS, TEXT, COLUMNS = "index", "text", "columns"
"""Folders beside it for what is derived from the records; each can be deleted at any time."""

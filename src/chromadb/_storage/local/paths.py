"""Looking at a directory before it is opened: is it ours, and is everything there?"""

from __future__ import annotations

from pathlib import Path

from chromadb._storage.local.layout import CATALOG, COLLECTIONS, PUBLISHED, collections_in
from chromadb._storage.local.platform.failures import explained
from chromadb._storage.local.sqlite.alone import check_not_repaired
from chromadb.errors import InvalidArgumentError, ReadOnlyError, StorageCorruptError, StorageFormatError


def check_path(path: Path, *, make: bool) -> None:
    """Raise if something stands there that is not ours, or without `make` nothing."""
    if "\0" in str(path):
        raise InvalidArgumentError(f"Expected a path without NUL characters, got {str(path)!r}.")
    with explained(str(path)):
        published = (path / PUBLISHED).exists()
    if published:
        raise StorageFormatError(
            f"{path} was written by a published version of Chroma ({PUBLISHED} stands there). This version keeps its "
            "data in another format and does not change the files of that one. Serve it with a published version from "
            "0.5.23 on, installed in an environment of its own, and copy it into another directory: chroma copy --from "
            "http://localhost:8000 --to ./data --all. Nothing was changed."
        )
    check_not_repaired(path)
    with explained(str(path)):
        there = (path / CATALOG).exists() and (path / CATALOG).stat().st_size
        orphans = [] if there else collections_in(path)
    if orphans:
        raise StorageCorruptError(
            f"{path / CATALOG} is missing or empty, but there are {len(orphans)} collections in "
            f"{path / COLLECTIONS}. Restore the file from a backup, or make it anew with "
            "'chroma utils check --repair'. Nothing was changed."
        )
    if not make and not (path / CATALOG).exists():
        raise ReadOnlyError(
            f"There is no database in {path}, and none is made, as the setting chroma_read_only is on. Give the "
            "directory of one, or open it without the setting."
        )

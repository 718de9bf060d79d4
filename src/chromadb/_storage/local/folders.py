"""The folders of collections: how they go, and what is left of them when a process ends in between.

A folder is made when its collection is first opened, after the catalog has its row. The catalog remembers what was
deleted until its folder is gone; a folder that it never knew is left alone, and ``check`` tells of it. Where the disk
is so full that the catalog cannot be written, a deletion goes the other way round: the folder is renamed to
<uuid>.deleted, which is the moment of the deletion, then emptied, and the row goes with the space that this gives; if
the process ends before, when the directory is opened next. Forks are made in steps of their own (``forks``).
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Collection, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from uuid import UUID

from chromadb._model.entities import Finding
from chromadb._storage.local.copying import forks
from chromadb._storage.local.layout import COLLECTIONS, DELETED, NEW, collections_in, is_uuid
from chromadb._storage.local.leases import OpenCollections
from chromadb._storage.local.platform.durable import sync
from chromadb._storage.local.platform.failures import explained
from chromadb._storage.local.tables.catalog import Catalog
from chromadb._storage.local.vacuum import files_of
from chromadb.errors import StorageFullError, StorageLockedError, StorageReadOnlyError

logger = logging.getLogger("chromadb.storage")


def remove(path: Path, id: UUID) -> None:
    """Remove the folder of a collection, under any of its names, as far as that can be done."""
    for name in (str(id), str(id) + DELETED, str(id) + NEW):
        shutil.rmtree(path / COLLECTIONS / name, ignore_errors=True)


def remove_first(path: Path, doomed: Iterable[UUID], opened: OpenCollections) -> None:
    """Delete collections by their folders, for want of room in the catalog.

    Raises:
        StorageError: one could not be renamed; none is deleted.
    """
    folders = path / COLLECTIONS
    # Renamed together before any is emptied: all of them are deleted, or none.
    names = [str(id) for id in doomed if (folders / str(id)).is_dir()]
    with ExitStack() as undo:
        for name in names:
            opened.close_idle(UUID(name))
            with explained(str(folders / name)):
                os.rename(folders / name, folders / (name + DELETED))
            undo.callback(os.rename, folders / (name + DELETED), folders / name)
        undo.pop_all()
    for name in names:
        opened.retire(UUID(name))
        _empty(folders / (name + DELETED))


def sweep(path: Path, catalog: Catalog, *, synced: bool) -> None:
    """Remove the folders of collections that were deleted, where a process ended before it could.

    What the catalog never knew is left alone: the catalog may be an older one, restored from a backup.

    Args:
        path: the directory.
        catalog: of it.
        synced: whether a folder must be gone for good before the catalog forgets it.
    """
    if not (path / COLLECTIONS).is_dir():
        return
    try:
        names = set(os.listdir(path / COLLECTIONS))
        for name in names:
            id = name.removesuffix(DELETED)
            if id != name and is_uuid(id):
                catalog.forget_collection(UUID(id))
                remove(path, UUID(id))
            elif name.endswith(NEW) and is_uuid(id := name.removesuffix(NEW)):
                forks.sweep(path / COLLECTIONS / id, known=UUID(id) in catalog.collection_ids())
        deleted = catalog.deleted_ids()
        # Most of them are gone long since.
        for gone in deleted:
            if str(gone) in names:
                remove(path, gone)
        if deleted:
            if synced:
                # Or a folder came back after a loss of power, and nobody knew any more that it was deleted.
                with explained(str(path)):
                    sync(path / COLLECTIONS)
            catalog.note_removed(deleted)
    except (StorageFullError, StorageLockedError, StorageReadOnlyError) as error:
        logger.warning("what is left of deleted collections could not be removed: %s", error)


def check_known(path: Path, catalog: Catalog) -> list[Finding]:
    """Return what there is of collections that the catalog does not know."""
    if not (path / COLLECTIONS).is_dir():
        return []
    # In this order: a folder is only made once its row is there.
    folders = collections_in(path)
    known = {str(id) for id in catalog.collection_ids() | catalog.deleted_ids()}
    return [
        Finding(
            f"{COLLECTIONS}/{name}",
            "no collection of the catalog: was an older catalog restored from a backup? Restore the one that "
            "belongs to it, take it in with 'chroma utils check --repair', or remove the folder",
        )
        for name in sorted(folders)
        if name not in known
    ]


def files_of_none(path: Path, ids: Collection[UUID]) -> dict[str, int]:
    """Return the files of a directory that belong to none of these collections; see `files_of`."""
    known = {str(id) for id in ids}
    return {file: size for file, size in files_of(path).items() if _part(file) not in known}


def _part(path: str) -> str:
    """Return to which collection a file below the directory belongs, "" if to none."""
    folder, _, rest = path.partition("/")
    return rest.partition("/")[0] if folder == COLLECTIONS else ""


def _empty(folder: Path) -> None:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            with suppress(OSError):
                os.unlink(entry.path)

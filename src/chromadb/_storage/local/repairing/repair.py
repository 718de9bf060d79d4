"""Repair: what can be read of a damaged directory is saved, what is damaged is kept aside.

A new file is made whole beside a damaged one, as ``<file>.repairing``. Then the damaged one is renamed to
``<file>.damaged-<date>``, with its log, and the new one takes its name. A repair that ends in between is finished by
the next one; until then there is no file of that name, and the collection, or the directory, cannot be opened.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from uuid import UUID

from chromadb._model.entities import CollectionInfo, Finding, Repaired
from chromadb._model.operations import Progress
from chromadb._storage.local.copying import forks
from chromadb._storage.local.layout import (
    CATALOG,
    COLLECTIONS,
    COLUMNS,
    NEW,
    RECORDS,
    REPAIRING,
    SEGMENTS,
    TEXT,
    find_files,
    is_uuid,
)
from chromadb._storage.local.platform.durable import sync
from chromadb._storage.local.platform.failures import explained
from chromadb._storage.local.repairing.rebuilding import rebuild_catalog, rebuild_records
from chromadb._storage.local.sqlite.alone import alone_with
from chromadb._storage.local.sqlite.database import SqliteDatabase
from chromadb._storage.local.tables.catalog import Catalog
from chromadb._storage.local.tables.check import check_sqlite, check_store
from chromadb._storage.local.tables.description import read_description
from chromadb._storage.local.tables.records import read_state
from chromadb.errors import StorageError, StorageFormatError

DAMAGED = ".damaged-"
"""Ends the name of a file that was kept aside, with the date after it."""


def repair_directory(path: Path, progress: Progress | None = None) -> list[Repaired]:
    """Repair what is damaged in a directory that nobody uses.

    Args:
        path: the directory.
        progress: called before each part with its name, its number from 0 on, and how many there are.

    Returns:
        What was done to the catalog and to each collection, of those that were damaged.

    Raises:
        StorageLockedError: somebody uses the directory, and who.
        StorageFormatError: it was written by something else, or by a newer version.
        StorageFullError: there is no room for a second copy of a collection. What was done before is done.
    """
    date = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    with alone_with(path):
        _finish(path / CATALOG, date)
        _finish_forks(path)
        folders = _folders(path)
        for folder in folders:
            _finish(folder / RECORDS, date)
        if progress is not None:
            progress("catalog", 0, len(folders) + 1)
        done = _repair_catalog(path, folders, date)
        infos = _list(path / CATALOG)
        for number, folder in enumerate(folders, start=1):
            info = infos.get(UUID(folder.name))
            if progress is not None:
                progress(folder.name if info is None else info.name, number, len(folders) + 1)
            done += _repair_collection(folder, info, date)
        return done + [
            Repaired(
                f"{COLLECTIONS}/{info.id}/{RECORDS}",
                name_of(info),
                error="The file is missing, so there is nothing to save. Restore it from a backup, or delete the "
                "collection.",
            )
            for info in infos.values()
            if info.dimension is not None and find_files(path / COLLECTIONS / str(info.id)) is None
        ]


def name_of(info: CollectionInfo) -> str:
    """Return tenant, database and name."""
    return f"{info.tenant}/{info.database}/{info.name}"


def _folders(path: Path) -> list[Path]:
    """Return the folders that hold records of a collection."""
    files = [*path.glob(f"{COLLECTIONS}/*/{RECORDS}"), *path.glob(f"{COLLECTIONS}/*/{RECORDS}{REPAIRING}")]
    return sorted({file.parent for file in files if is_uuid(file.parent.name)})


def _repair_catalog(path: Path, folders: list[Path], date: str) -> list[Repaired]:
    file, new = path / CATALOG, path / (CATALOG + REPAIRING)
    findings = list(_audit(file, "catalog"))
    if not findings:
        known = {str(id) for id in _list(file)} | _deleted(file)
        unknown = [folder.name for folder in folders if folder.name not in known]
        findings = [Finding(CATALOG, f"it does not know the collection {name}") for name in unknown]
    if not findings:
        return []
    _remove(new)
    with explained(str(new)):
        collections, notes = rebuild_catalog(file, folders, new)
    kept = _switch(file, new, date)
    return [
        Repaired(CATALOG, "catalog", saved=collections, kept=kept, notes=[each.what for each in findings[:3]] + notes)
    ]


def _repair_collection(folder: Path, info: CollectionInfo | None, date: str) -> list[Repaired]:
    if info is None:
        return []
    file, new = folder / RECORDS, folder / (RECORDS + REPAIRING)
    where, name = f"{COLLECTIONS}/{folder.name}/{RECORDS}", name_of(info)
    try:
        findings = list(_audit(file, "records"))
        if not findings:
            return []
        _remove(new)
        rest = folder / f"{RECORDS}{DAMAGED}{date}.jsonl"
        with explained(str(new)):
            rebuilt = rebuild_records(file, new, rest, info.dimension)
        kept = _switch(file, new, date)
    except StorageFormatError as error:
        return [Repaired(where, name, error=error.message())]
    for derived in (SEGMENTS, TEXT, COLUMNS):
        shutil.rmtree(folder / derived, ignore_errors=True)
    if rest.exists():
        kept.append(rest.name)
    notes = [each.what for each in findings[:3]]
    return [Repaired(where, name, rebuilt.saved, rebuilt.lost, rebuilt.lost_ids, kept, notes)]


def _audit(file: Path, schema: str) -> Iterator[Finding]:
    """Yield what is wrong with a file.

    Raises:
        StorageFormatError: it is not ours, or of a newer version.
    """
    if not file.exists():
        yield Finding(file.name, "the file is missing")
        return
    try:
        database = SqliteDatabase(str(file), schema, "normal", 1.0)
    except StorageFormatError:
        raise
    except StorageError as error:
        yield Finding(file.name, error.message())
        return
    try:
        with database.read() as sql:
            if schema == "records":
                yield from check_store(file.name, sql, read_state(sql))
            else:
                yield from check_sqlite(file.name, sql)
                Catalog(database).check_rows()
    except StorageError as error:
        yield Finding(file.name, error.message())
    finally:
        database.close()


def _list(file: Path) -> dict[UUID, CollectionInfo]:
    database = SqliteDatabase(str(file), "catalog", "normal", 1.0)
    try:
        return {info.id: info for info in Catalog(database).all_collections()}
    finally:
        database.close()


def _deleted(file: Path) -> set[str]:
    database = SqliteDatabase(str(file), "catalog", "normal", 1.0)
    try:
        return {str(id) for id in Catalog(database).deleted_ids()}
    finally:
        database.close()


def _switch(file: Path, new: Path, date: str) -> list[str]:
    """Put a new file, which is whole, in the place of a damaged one; return the names of what was kept."""
    aside = Path(f"{file}{DAMAGED}{date}")
    with explained(str(file)):
        if file.exists():
            os.rename(file, aside)
        for suffix in ("-wal", "-journal"):
            with suppress(FileNotFoundError):
                os.rename(f"{file}{suffix}", f"{aside}{suffix}")
        with suppress(FileNotFoundError):
            os.unlink(f"{file}-shm")
        os.rename(new, file)
        sync(file.parent)
    return [entry.name for entry in (aside, Path(f"{aside}-wal"), Path(f"{aside}-journal")) if entry.exists()]


def _finish(file: Path, date: str) -> None:
    """Finish what a repair that ended before its time has left."""
    new = Path(f"{file}{REPAIRING}")
    if new.exists() and not file.exists():
        _switch(file, new, date)
    _remove(new)


def _finish_forks(path: Path) -> None:
    """Give forks their names, as far as the catalog knows them; where it cannot tell, those that are whole."""
    known: set[UUID] | None = None
    if (path / CATALOG).exists():
        try:
            known = set(_list(path / CATALOG))
        except StorageFormatError:
            raise
        except StorageError:
            pass
    for ready in path.glob(f"{COLLECTIONS}/*{NEW}"):
        folder = ready.with_name(ready.name.removesuffix(NEW))
        if is_uuid(folder.name) and (UUID(folder.name) in known if known is not None else read_description(ready)):
            forks.finish(folder)


def _remove(new: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            os.unlink(f"{new}{suffix}")

"""Backups: directories that can be opened as they are, made while others write.

::

    <backup>/backup.json        when, of what and by what it was made; sizes and checksums of the SQLite files
             catalog.sqlite3    as at the beginning of the backup
             collections/       each as at one commit, that of the moment when its turn came; see ``copies``

A collection that is deleted before its turn is left out, and so is one that is made after the catalog was copied; so
catalog and folders fit together. The directory is written under another name, synced, verified by SQLite, and renamed:
what was interrupted is never taken for a backup. A folder of dated backups shares the sealed files that did not change
from one to the next.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

import apsw
import msgspec

from chromadb._decoding import decoder
from chromadb._model.entities import Address, Backup, CollectionInfo
from chromadb._model.operations import Progress
from chromadb._storage.local.copying.copies import Source, copy_database
from chromadb._storage.local.derived import sealed
from chromadb._storage.local.derived.sealed import FileEntry, Format
from chromadb._storage.local.layout import CATALOG, COLLECTIONS, RECORDS
from chromadb._storage.local.platform.durable import sync
from chromadb._storage.local.platform.failures import explained
from chromadb._storage.local.platform.turns import is_abandoned, turn
from chromadb._storage.local.sqlite import reading
from chromadb._storage.local.sqlite.database import SqliteDatabase
from chromadb._storage.local.tables.catalog import Catalog
from chromadb._storage.local.tables.check import check_sqlite, check_store
from chromadb._storage.local.tables.description import keep_description
from chromadb._storage.local.tables.records import read_state
from chromadb.errors import (
    InvalidArgumentError,
    InvalidCollectionException,
    StorageCorruptError,
    StorageFormatError,
    UniqueConstraintError,
)

MANIFEST = "backup.json"
FORMAT = 1
UNFINISHED = ".unfinished"
"""Ends the name of a directory that is not a backup yet, or not any more."""

DATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z")
"""The name of a dated backup: the moment when it was begun."""


class CollectionEntry(msgspec.Struct):
    """A collection of a backup."""

    id: str
    tenant: str
    database: str
    name: str
    records: int
    commit_no: int


class Manifest(Format):
    """What a backup says of itself."""

    version: str
    """Of the API of the software that made it."""
    created: str
    """When the catalog was copied, ISO 8601, UTC."""
    source: str
    """The directory it was made of; "memory"."""
    collections: list[CollectionEntry]
    files: dict[str, FileEntry]
    """The SQLite files. Other files say themselves what they are, and can be made anew."""


def write_backup(
    source: Path | None,
    database: SqliteDatabase,
    open_collection: Callable[[Address], AbstractContextManager[Source]],
    target: Path,
    *,
    version: str,
    dated: bool = False,
    keep: int | None = None,
    progress: Progress | None = None,
) -> Backup:
    """Write a backup.

    Args:
        source: the directory; None in memory.
        database: its catalog.
        open_collection: opens its collections.
        target: the directory to make; with `dated` the folder in which one is made, named after the time.
        version: of the API.
        dated: whether `target` is a folder of dated backups.
        keep: how many dated backups are kept, the newest ones; None: all.
        progress: called before each part with its name, its number from 0 on, and how many there are.

    Raises:
        UniqueConstraintError: something stands at `target`.
        StorageCorruptError: a file of the source is damaged; there is no backup then.
        StorageError: it could not be written; nothing is left behind.
    """
    now = datetime.now(timezone.utc)
    former: Path | None = None
    if dated:
        parent = target
        former = next(reversed(dated_backups(parent)), None)
        target = _free_date(parent / _date(now))
    _check_target(source, target)
    with unfinished_directory(target.parent, target.name) as unfinished:
        with explained(str(unfinished)):
            copy_database(database, unfinished / CATALOG)
        entries = _copy_collections(source, open_collection, unfinished, former, progress)
        names = [CATALOG, *(f"{COLLECTIONS}/{entry.id}/{RECORDS}" for entry in entries if entry.commit_no)]
        with explained(str(unfinished)):
            for name in names:
                _verify_database(unfinished / name)
            files = {name: sealed.entry(unfinished / name) for name in names}
            where = "memory" if source is None else str(source)
            manifest = Manifest(FORMAT, version, now.isoformat(timespec="milliseconds"), where, entries, files)
            (unfinished / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
            for name in (CATALOG, MANIFEST, COLLECTIONS, "."):
                sync(unfinished / name)
            made = describe(unfinished, manifest)
        with explained(str(target)):
            target = _put_in_place(unfinished, target, dated)
            sync(target.parent)
    if dated and keep is not None:
        for old in dated_backups(target.parent)[:-keep]:
            # Another process may have made a newer one meanwhile; the next one removes this one.
            if old != target:
                remove_directory(old)
    return replace(made, path=str(target))


def _date(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H-%M-%S}.{moment.microsecond // 1000:03}Z"


def _put_in_place(unfinished: Path, target: Path, dated: bool) -> Path:
    """Give a backup its name; with `dated` another one if somebody else took that meanwhile. Return what it is."""
    if target.is_dir() and not dated:
        target.rmdir()
    while True:
        try:
            os.rename(unfinished, target)
        except OSError:
            if not dated or not target.exists():
                raise
            target = _free_date(target)
        else:
            return target


def _free_date(target: Path) -> Path:
    """Return the place of a dated backup, or one a few milliseconds later if another process has made one there."""
    moment = datetime.strptime(target.name, "%Y-%m-%dT%H-%M-%S.%fZ")
    while target.exists():
        moment += timedelta(milliseconds=1)
        target = target.with_name(_date(moment))
    return target


def read_manifest(backup: Path) -> Manifest:
    """Return what a backup says of itself.

    Raises:
        InvalidArgumentError: there is no backup.
        StorageFormatError: it was made by a newer version.
        StorageCorruptError: its manifest is damaged.
    """
    with explained(str(backup)):
        try:
            text = (backup / MANIFEST).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            dated = dated_backups(backup)
            hint = (
                f" It is a folder of dated backups, the newest of which is {dated[-1].name}: choose one."
                if dated
                else " An interrupted backup leaves a directory that ends in .unfinished, which is none."
            )
            raise InvalidArgumentError(f"There is no backup in {backup}: {MANIFEST} is missing.{hint}") from None
    try:
        found = decoder(Format).decode(text).format
        if found > FORMAT:
            raise StorageFormatError(
                f"The backup {backup} has format {found}, made by a newer version of chromadb; this one reads formats "
                f"up to {FORMAT}. Upgrade chromadb. Nothing was changed."
            )
        return decoder(Manifest).decode(text)
    except msgspec.MsgspecError as error:
        raise StorageCorruptError(f"{backup / MANIFEST} is damaged ({error}). Use another backup.") from None


def verify_backup(backup: Path, manifest: Manifest) -> None:
    """Compare the files of a backup with what was written.

    Raises:
        StorageCorruptError: a file is damaged, missing, or was changed since.
    """
    for name, expected in manifest.files.items():
        try:
            with explained(str(backup / name)):
                log = Path(f"{backup / name}-wal")
                same = sealed.entry(backup / name) == expected and not (log.exists() and log.stat().st_size)
        except StorageCorruptError:
            raise
        except Exception as error:
            raise StorageCorruptError(f"{backup / name} cannot be read ({error}). Use another backup.") from error
        if not same:
            raise StorageCorruptError(
                f"{backup / name} is not as it was backed up: it is damaged, or a client that was not read-only has "
                "written to the backup. Use another backup. Nothing was changed."
            )


def dated_backups(folder: Path) -> list[Path]:
    """Return the dated backups in a folder, oldest first."""
    if not folder.is_dir():
        return []
    names = sorted(name for name in os.listdir(folder) if DATED.fullmatch(name))
    return [folder / name for name in names if (folder / name / MANIFEST).is_file()]


def describe(path: Path, manifest: Manifest) -> Backup:
    """Return what there is to tell of a backup."""
    sizes = [each.stat() for each in path.rglob("*") if each.is_file()]
    return Backup(
        str(path),
        manifest.created,
        manifest.version,
        len(manifest.collections),
        sum(entry.records for entry in manifest.collections),
        sum(each.st_size for each in sizes),
        sum(each.st_size for each in sizes if each.st_nlink > 1),
    )


def remove_directory(path: Path) -> None:
    """Remove a directory, which is no backup and no database any more from the first moment on."""
    doomed = _unfinished(path.parent, path.name)
    with explained(str(path)):
        try:
            os.rename(path, doomed)
        except FileNotFoundError:
            # Another process was quicker.
            return
    shutil.rmtree(doomed, ignore_errors=True)


@contextmanager
def unfinished_directory(folder: Path, name: str) -> Iterator[Path]:
    """Give a new directory in `folder` for what is to be called `name`; what is still there at the end is removed."""
    unfinished = _unfinished(folder, name)
    with explained(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder, name)
        unfinished.mkdir()
    try:
        with turn(unfinished):
            yield unfinished
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _unfinished(folder: Path, name: str) -> Path:
    return folder / f".{name}.{uuid4().hex[:8]}{UNFINISHED}"


def _sweep(folder: Path, name: str) -> None:
    """Remove what was interrupted: of this name, or dated."""
    for entry in os.scandir(folder):
        if entry.name.startswith(".") and entry.name.endswith(UNFINISHED):
            of = entry.name[1:].removesuffix(UNFINISHED).rpartition(".")[0]
            if (of == name or DATED.fullmatch(of)) and is_abandoned(Path(entry.path)):
                shutil.rmtree(entry.path, ignore_errors=True)


def _check_target(source: Path | None, target: Path) -> None:
    with explained(str(target)):
        if os.path.ismount(target):
            raise UniqueConstraintError(
                f"{target} is a mount point, which cannot be made anew. Choose a directory in it, or make dated "
                "backups there. Nothing was changed."
            )
        if target.exists() and not (target.is_dir() and not os.listdir(target)):
            raise UniqueConstraintError(
                f"{target} exists and is not empty. Choose another name for the backup, or make dated backups. "
                "Nothing was changed."
            )
        if source is not None:
            here, there = source.resolve(), target.resolve()
            if here == there or here in there.parents:
                raise InvalidArgumentError(
                    f"Expected the backup to be outside of the directory {source}, got {target}. Choose a place "
                    "that is not lost together with it."
                )
        outer = next((each for each in target.resolve().parents if _is_taken(each)), None)
        if outer is not None:
            raise InvalidArgumentError(
                f"Expected the backup to be outside of other data and backups, got {target}, which is in {outer}. "
                "Choose a place that is not removed together with it."
            )


def _is_taken(folder: Path) -> bool:
    """Return whether a folder is a backup, or a directory of data."""
    return any((folder / name).is_file() for name in (MANIFEST, CATALOG))


def _copy_collections(
    source: Path | None,
    open_collection: Callable[[Address], AbstractContextManager[Source]],
    unfinished: Path,
    former: Path | None,
    progress: Progress | None,
) -> list[CollectionEntry]:
    """Copy the collections that a copy of the catalog names, and make it name those that are there."""
    (unfinished / COLLECTIONS).mkdir()
    catalog = Catalog(SqliteDatabase(str(unfinished / CATALOG), "catalog", "normal"))
    try:
        infos = catalog.all_collections()
        entries = []
        for number, info in enumerate(infos):
            if progress is not None:
                progress(f"{info.tenant}/{info.database}/{info.name}", number, len(infos))
            entry = _copy_collection(source, open_collection, unfinished, former, info)
            if entry is None:
                catalog.forget_collection(info.id)
            else:
                entries.append(entry)
        # Their files were not copied.
        catalog.note_removed(catalog.deleted_ids())
    finally:
        catalog.close_catalog()
    return entries


def _copy_collection(
    source: Path | None,
    open_collection: Callable[[Address], AbstractContextManager[Source]],
    unfinished: Path,
    former: Path | None,
    info: CollectionInfo,
) -> CollectionEntry | None:
    """Copy a collection; None if it was deleted."""
    place = Path(COLLECTIONS, str(info.id))
    entry = CollectionEntry(str(info.id), info.tenant, info.database, info.name, 0, 0)
    if source is not None and info.dimension is None and not (source / place / RECORDS).exists():
        # Nobody has used it yet.
        return entry
    try:
        with open_collection(Address(None, None, info.id)) as store:
            state = store.copy_to(unfinished / place, None if former is None else former / place)
    except InvalidCollectionException:
        shutil.rmtree(unfinished / place, ignore_errors=True)
        return None
    entry.records, entry.commit_no = state.live, state.commit_no
    if not state.commit_no:
        # Made anew when it is opened: so a collection has a file if it ever had a record.
        shutil.rmtree(unfinished / place)
    else:
        # By it a lost catalog is made anew, here as there.
        keep_description(unfinished / place, info)
    return entry


def _verify_database(path: Path) -> None:
    """Raise if a file is damaged, as far as a restore would find that.

    Raises:
        StorageCorruptError: with what is wrong.
    """
    # Nobody else has it yet.
    connection = reading.connect(str(path), 0.0)
    try:
        if path.name == RECORDS:
            wrong = [finding.what for finding in check_store(path.name, connection, read_state(connection))]
        else:
            wrong = [finding.what for finding in check_sqlite(path.name, connection)]
    except (apsw.CorruptError, apsw.NotADBError) as error:
        wrong = [str(error)]
    finally:
        connection.close()
    if wrong:
        first = "; ".join(wrong[:3]) + (" ..." if len(wrong) > 3 else "")
        raise StorageCorruptError(
            f"The data is damaged, so there is no new backup: {path.parent.name}/{path.name}: {first}. chroma utils "
            "check says more, and with --repair saves what can be read. Restore an earlier backup, or delete the "
            "collection."
        )

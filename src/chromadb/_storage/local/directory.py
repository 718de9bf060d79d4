"""The local backend: a directory of SQLite files, or the same in memory.

::

    <path>/catalog.sqlite3                        tenants, databases, collections
    <path>/collections/<uuid>/records.sqlite3     the records of one collection
    <path>/collections/<uuid>/index/, text/, columns/
                                                  what is derived from them; can be deleted at any time

A folder is made when its collection is first opened, after the catalog has its row. The catalog remembers what was
deleted until its folder is gone; a folder that it never knew is left alone, and ``check`` tells of it. Where the disk
is so full that the catalog cannot be written, a deletion goes the other way round: the folder is renamed to
<uuid>.deleted, which is the moment of the deletion, then emptied, and the row goes with the space that this gives; if
the process ends before, when the place is opened next. Forks are made in steps of their own (``forks``).
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar
from uuid import UUID, uuid4

from chromadb._model.entities import Address, Backup, CollectionInfo, Finding, TenantUsage, Usage, Vacuumed
from chromadb._storage.local.collection import LocalCollection
from chromadb._storage.local.copying import forks
from chromadb._storage.local.copying.backups import Progress, write_backup
from chromadb._storage.local.copying.copies import remove_ahead
from chromadb._storage.local.derived.builder import Builder
from chromadb._storage.local.layout import CATALOG, COLLECTIONS, NEW, RECORDS, collections_in, find_files, is_uuid
from chromadb._storage.local.leases import OpenCollections
from chromadb._storage.local.paths import check_path
from chromadb._storage.local.platform.durable import make_folder, sync
from chromadb._storage.local.platform.failures import explained
from chromadb._storage.local.repairing.salvage import survey
from chromadb._storage.local.sqlite.database import SqliteDatabase
from chromadb._storage.local.tables.catalog import Catalog
from chromadb._storage.local.tables.description import keep_description
from chromadb._storage.local.usage import Counted, size_of
from chromadb._storage.local.vacuum import files_of, vacuum_database
from chromadb._tracing import span, spanned
from chromadb.errors import (
    InvalidCollectionException,
    StorageChangedError,
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StorageLockedError,
    StorageReadOnlyError,
)

logger = logging.getLogger("chromadb.storage")

T = TypeVar("T")

DELETED = ".deleted"
"""Ends the name of a folder whose collection is deleted, though the catalog may have it still."""

HANDLES = 16
"""Of the files that a process may have open, one open collection is allowed for so many: it holds up to six itself."""


class LocalBackend(Catalog):
    """Tenants, databases and collections in a directory; see ``_storage.base.Backend``.

    Args:
        path: the directory, made if it is missing; None keeps everything in memory.
        synchronous: see ``SqliteDatabase``.
        busy_timeout: seconds to wait for a writer of another process.
        memory_limit: bytes of memory that open collections may take, mapped files not counted; the least recently used
            idle one is closed first. 0: no limit. One collection alone may take more; then it is the only one.
        max_open_collections: how many collections are kept open, as far as the limit of open files allows; the least
            recently used idle one is closed first.
        read_only: nothing is written, and no file is made, neither by operations nor by the builder. The directory must
            exist.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        *,
        synchronous: Literal["full", "normal"] = "full",
        busy_timeout: float = 30.0,
        memory_limit: int = 0,
        max_open_collections: int = 256,
        read_only: bool = False,
    ) -> None:
        self.path = None if path is None else Path(path)
        self._synchronous = synchronous
        self._busy_timeout = busy_timeout
        most = None if self.path is None else min(max_open_collections, _handles() // HANDLES)
        self._open = OpenCollections(most, memory_limit)
        self._builder = Builder()
        self._counted = Counted(self._folder, RECORDS)
        self._read_only = read_only and self.path is not None
        if self._read_only:
            # Nothing is ever built.
            self._builder.stop()
        if self.path is not None:
            check_path(self.path, make=not self._read_only)
            if not self._read_only:
                with explained(str(self.path)):
                    self._make_folder(self.path)
        super().__init__(self._open_database(None if self.path is None else self.path / CATALOG, "catalog"))
        if not self._read_only:
            self._sweep()

    # --- Backend ----------------------------------------------------------------------------------

    def update_collection(self, address: Address, change: Callable[[CollectionInfo], CollectionInfo]) -> CollectionInfo:
        """Change what the catalog says of a collection, and the copy of it in its folder."""
        info = super().update_collection(address, change)
        if self.path is not None and (folder := self.path / COLLECTIONS / str(info.id)).is_dir():
            keep_description(folder, info)
        return info

    def delete_database(self, name: str, tenant: str) -> None:
        def doomed() -> list[UUID]:
            return [info.id for info in self.list_collections(tenant, name, None, 0)]

        for id in self._with_room(lambda: self.remove_database(name, tenant), doomed):
            self._discard(id)

    def delete_collection(self, tenant: str, database: str, name: str) -> None:
        def doomed() -> list[UUID]:
            return [self.get_collection(tenant, database, name).id]

        self._discard(self._with_room(lambda: self.remove_collection(tenant, database, name), doomed))

    def fork_collection(self, address: Address, name: str) -> CollectionInfo:
        """Make a copy of a collection, of another name in the same database; see ``_storage.base.Backend``."""
        self._database.check_writable()
        source = self.get_collection_by_id(address.tenant, address.database, address.collection)
        self.check_free(source.tenant, source.database, name)
        info = replace(source, id=uuid4(), name=name)
        # As the source was opened with the metadata and the configuration that it had then.
        with self.open(source.address) as store:
            if self.path is None:
                return self._fork_in_memory(store, info)
            folder = self.path / COLLECTIONS / str(info.id)
            return forks.fork(store, info, folder, lambda fork: self.create_collection(fork, get_or_create=False))

    def _fork_in_memory(self, source: LocalCollection, info: CollectionInfo) -> CollectionInfo:
        lease, _ = self._open.take(info.id, lambda: self._open_collection(info))
        try:
            state = source.copy_into(lease.store)
            return self.create_collection(replace(info, dimension=state.dimension), get_or_create=False)
        except BaseException:
            self._open.retire(info.id)
            raise
        finally:
            self._open.give_back(info.id, lease)

    @contextmanager
    def open(self, address: Address) -> Iterator[LocalCollection]:
        """Give the records of a collection, which stay usable until the context ends."""
        try:
            with span("storage.catalog"):
                info = self.get_collection_by_id(address.tenant, address.database, address.collection)
        except InvalidCollectionException:
            if address.collection not in self.collection_ids():
                # Another process deleted it.
                self._discard(address.collection)
            raise
        if self._read_only and self.path and not find_files(self.path / COLLECTIONS / str(info.id)):
            with closing(self._open_in_memory(info)) as empty:
                yield empty
            return
        try:
            lease, new = self._open.take(info.id, lambda: self._open_collection(info))
        except StorageError as error:
            # Deleted a moment ago, and its files with it.
            self.get_collection_by_id(info.tenant, info.database, info.id)
            raise _of_collection(info, error) from error
        try:
            if new:
                self._still_there(info)
                self._builder.patrol(self._close_deleted)
            lease.store.configure(info.configuration.hnsw)
            if not self._read_only:
                lease.store.describe(info)
            yield lease.store
            if info.dimension is None and not self._read_only:
                self._copy_dimension(info.id, lease.store)
        except StorageChangedError:
            # What it has loaded may be of two states.
            self._open.drop(info.id, lease)
            raise
        except StorageError as error:
            # Another process may have deleted the collection meanwhile, and its files.
            self.get_collection_by_id(info.tenant, info.database, info.id)
            raise _of_collection(info, error) from error
        finally:
            if self._open.give_back(info.id, lease):
                self._remove(info.id)

    def is_loaded(self, collection: UUID, *, vectors: bool) -> bool:
        """Return whether a read of a collection, or with `vectors` a search, has nothing to open or load first."""
        lease = self._open.leases.get(collection)
        return lease is not None and (not vectors or lease.store.is_loaded)

    def reset(self) -> None:
        """Delete everything; the default tenant and database are there again."""
        for id in self._with_room(self.clear, self.collection_ids):
            self._discard(id)

    def check(self) -> list[Finding]:
        """Audit the catalog and every collection."""
        findings = self.check_catalog() + self._orphans()
        for tenant, database in self.all_databases():
            for info in self.list_collections(tenant, database, None, 0):
                findings += self._check_collection(info)
        return findings

    def _check_collection(self, info: CollectionInfo) -> list[Finding]:
        try:
            with self.open(info.address) as store:
                findings = store.check()
        except InvalidCollectionException:
            # Deleted meanwhile.
            return []
        except StorageError as error:
            findings = [Finding(f"{COLLECTIONS}/{info.id}", error.message())]
            if not isinstance(error, StorageCorruptError):
                return findings
        if self.path is not None and not all(finding.repairable for finding in findings):
            findings += survey(self.path / COLLECTIONS / str(info.id) / RECORDS)
        return findings

    def vacuum(
        self, timeout: float | None = None, progress: Callable[[str, int, int], None] | None = None
    ) -> list[Vacuumed]:
        """Write the catalog and every collection anew; see ``_storage.base.Backend``."""
        if self.path is None:
            return []
        self._database.check_writable()
        infos = [
            info
            for tenant, database in self.all_databases()
            for info in self.list_collections(tenant, database, None, 0)
        ]
        names = [*(f"{info.tenant}/{info.database}/{info.name}" for info in infos), "catalog"]
        done = []
        for number, (name, info) in enumerate(zip(names, [*infos, None], strict=True)):
            if progress is not None:
                progress(name, number, len(names))
            vacuumed = self._vacuum_catalog(timeout) if info is None else self._vacuum_collection(name, info, timeout)
            if vacuumed is not None:
                done.append(vacuumed)
        return done

    def _vacuum_catalog(self, timeout: float | None) -> Vacuumed:
        def files() -> dict[str, int]:
            assert self.path is not None
            return {path: size for path, size in files_of(self.path).items() if _part(path) not in known}

        known = {str(id) for id in self.collection_ids()}
        before, error = files(), None
        self._sweep()
        try:
            vacuum_database(self._database, timeout)
        except StorageError as failure:
            error = failure.message()
        return _vacuumed(CATALOG, "catalog", before, files(), error)

    def _vacuum_collection(self, name: str, info: CollectionInfo, timeout: float | None) -> Vacuumed | None:
        assert self.path is not None
        folder, error = self.path / COLLECTIONS / str(info.id), None
        before = files_of(folder)
        try:
            with self.open(info.address) as store:
                store.vacuum(timeout)
        except InvalidCollectionException:
            # Deleted meanwhile.
            return None
        except StorageError as failure:
            error = failure.message()
        return _vacuumed(f"{COLLECTIONS}/{info.id}", name, before, files_of(folder), error)

    def backup(self, target: Path, dated: bool, keep: int | None, progress: Progress | None, version: str) -> Backup:
        """Write a copy of everything to a new directory; see ``_storage.base.Backend``."""
        how: Any = {"version": version, "dated": dated, "keep": keep, "progress": progress}
        return write_backup(self.path, self._database, self.open, target, **how)

    def usage(self) -> Usage:
        """Return what is open in this process, for those who watch; touches no file."""
        stores = self._open.stores()
        return Usage(
            len(stores),
            sum(store.nbytes for store in stores),
            sum(store.loose for store in stores),
            sum(store.unbuilt for store in stores),
            self._builder.due,
        )

    def size(self) -> int:
        """Return the bytes that everything takes on the disk; 0 in memory."""
        return 0 if self.path is None else size_of(self.path)

    def tenant_usage(self, tenant: str) -> TenantUsage:
        """Count what a tenant stores."""
        infos = {
            info.id: info
            for database in self.list_databases(tenant, None, 0)
            for info in self.list_collections(tenant, database.name, None, 0)
        }

        def count(id: UUID) -> int:
            try:
                with self.open(infos[id].address) as store:
                    return store.count()
            except InvalidCollectionException:
                return 0

        return self._counted.count(infos, count)

    def _folder(self, id: UUID) -> Path | None:
        return None if self.path is None else self.path / COLLECTIONS / str(id)

    def close(self) -> None:
        """Release every file. Calling it again does nothing."""
        self._builder.stop()
        self._open.close()
        self.close_catalog()

    # --- open collections -------------------------------------------------------------------------

    def _copy_dimension(self, id: UUID, store: LocalCollection) -> None:
        """Tell the catalog what the first vector has fixed."""
        try:
            dimension = store.dimension()
            if dimension is not None:
                self.note_dimension(id, dimension)
        except StorageError as error:
            # What was written is written. The next operation tries again.
            logger.warning("the catalog could not note the dimension of collection %s: %s", id, error)

    def _still_there(self, info: CollectionInfo) -> None:
        """Undo the opening of a collection that was deleted while it was being opened."""
        try:
            self.get_collection_by_id(info.tenant, info.database, info.id)
        except InvalidCollectionException:
            self._discard(info.id)
            raise

    def _discard(self, id: UUID) -> None:
        """Close and remove a collection that the catalog does not know any more."""
        if self._open.retire(id):
            self._remove(id)

    def _close_deleted(self) -> None:
        """Close what other processes have deleted: its space is free once nobody has it open."""
        if self.path is not None and not self._read_only:
            for id in self._open.ids():
                if not os.path.exists(self.path / COLLECTIONS / str(id)):
                    self._open.close_idle(id)

    @spanned("storage.open")
    def _open_collection(self, info: CollectionInfo) -> LocalCollection:
        file = None
        if self.path is not None:
            folder = self.path / COLLECTIONS / str(info.id)
            if self._read_only:
                folder = find_files(folder) or folder
            elif not folder.exists():
                forks.finish(folder)
            file = folder / RECORDS
            if info.dimension is not None and (not file.exists() or not file.stat().st_size):
                # Unless the collection was deleted a moment ago.
                self.get_collection_by_id(info.tenant, info.database, info.id)
                raise StorageCorruptError(
                    f"{file} is missing or empty, but there were records. Restore the file from a backup, or delete "
                    "the collection. Other collections are not affected."
                )
            if not self._read_only:
                with explained(str(folder)):
                    self._make_folder(folder)
        database = self._open_database(file, "records")
        if file is not None and not self._read_only:
            try:
                with explained(str(file)):
                    remove_ahead(database, file.parent)
            except BaseException:
                database.close()
                raise
        return LocalCollection(database, None if file is None else file.parent, info.configuration.hnsw, self._builder)

    def _open_database(self, file: Path | None, schema: str) -> SqliteDatabase:
        path = None if file is None else str(file)
        return SqliteDatabase(path, schema, self._synchronous, self._busy_timeout, self._read_only)

    def _open_in_memory(self, info: CollectionInfo) -> LocalCollection:
        """Return an empty collection in place of one that has no files yet."""
        if info.dimension is not None:
            return self._open_collection(info)
        return LocalCollection(
            SqliteDatabase(None, "records", "normal", self._busy_timeout), None, info.configuration.hnsw, self._builder
        )

    # --- folders ----------------------------------------------------------------------------------

    def _make_folder(self, folder: Path) -> None:
        if self._synchronous == "full":
            make_folder(folder)
        else:
            folder.mkdir(parents=True, exist_ok=True)

    def _with_room(self, remove: Callable[[], T], doomed: Callable[[], Iterable[UUID]]) -> T:
        """Take collections out of the catalog; where the disk is too full for it, their files go first."""
        try:
            return remove()
        except StorageFullError:
            if self.path is None:
                raise
            folders = self.path / COLLECTIONS
            # Renamed together before any is emptied: all of them are deleted, or none.
            names = [str(id) for id in doomed() if (folders / str(id)).is_dir()]
            with ExitStack() as undo:
                for name in names:
                    self._open.close_idle(UUID(name))
                    with explained(str(folders / name)):
                        os.rename(folders / name, folders / (name + DELETED))
                    undo.callback(os.rename, folders / (name + DELETED), folders / name)
                undo.pop_all()
            for name in names:
                self._open.retire(UUID(name))
                _empty(folders / (name + DELETED))
            return remove()

    def _remove(self, id: UUID) -> None:
        if self.path is not None and not self._read_only:
            for name in (str(id), str(id) + DELETED, str(id) + NEW):
                shutil.rmtree(self.path / COLLECTIONS / name, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove the folders of collections that were deleted, where a process ended before it could.

        What the catalog never knew is left alone: the catalog may be an older one, restored from a backup.
        """
        if self.path is None or not (self.path / COLLECTIONS).is_dir():
            return
        try:
            names = set(os.listdir(self.path / COLLECTIONS))
            for name in names:
                id = name.removesuffix(DELETED)
                if id != name and is_uuid(id):
                    self.forget_collection(UUID(id))
                    self._remove(UUID(id))
                elif name.endswith(NEW) and is_uuid(id := name.removesuffix(NEW)):
                    forks.sweep(self.path / COLLECTIONS / id, known=UUID(id) in self.collection_ids())
            deleted = self.deleted_ids()
            # Most of them are gone long since.
            for gone in deleted:
                if str(gone) in names:
                    self._remove(gone)
            if deleted:
                if self._synchronous == "full":
                    # Or a folder came back after a loss of power, and nobody knew any more that it was deleted.
                    with explained(str(self.path)):
                        sync(self.path / COLLECTIONS)
                self.note_removed(deleted)
        except (StorageFullError, StorageLockedError, StorageReadOnlyError) as error:
            logger.warning("what is left of deleted collections could not be removed: %s", error)

    def _orphans(self) -> list[Finding]:
        """Return what there is of collections that the catalog does not know."""
        if self.path is None or not (self.path / COLLECTIONS).is_dir():
            return []
        # In this order: a folder is only made once its row is there.
        folders = collections_in(self.path)
        known = {str(id) for id in self.collection_ids() | self.deleted_ids()}
        return [
            Finding(
                f"{COLLECTIONS}/{name}",
                "no collection of the catalog: was an older catalog restored from a backup? Restore the one that "
                "belongs to it, take it in with 'chroma utils check --repair', or remove the folder",
            )
            for name in sorted(folders)
            if name not in known
        ]


def _empty(folder: Path) -> None:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            with suppress(OSError):
                os.unlink(entry.path)


def _of_collection(info: CollectionInfo, error: StorageError) -> StorageError:
    """Return the error of a damaged file with the name of its collection; another one as it is."""
    if not isinstance(error, StorageCorruptError):
        return error
    return StorageCorruptError(f"Collection {info.name!r} cannot be read. {error.message()}")


def _part(path: str) -> str:
    """Return to which collection a file below the directory belongs, "" if to none."""
    folder, _, rest = path.partition("/")
    return rest.partition("/")[0] if folder == COLLECTIONS else ""


def _vacuumed(where: str, name: str, before: dict[str, int], after: dict[str, int], error: str | None) -> Vacuumed:
    def size(files: dict[str, int]) -> int:
        # What processes share goes with the last of them.
        return sum(size for path, size in files.items() if not path.endswith("-shm"))

    # SQLite's own files beside a database come and go.
    removed = [path for path in before if path not in after and not path.endswith(("-wal", "-shm"))]
    return Vacuumed(where, name, size(before), size(after), removed, error)


def _handles() -> int:
    """Return how many files this process may have open."""
    try:
        import resource
    except ImportError:
        return 8192
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**20 if soft == resource.RLIM_INFINITY else soft

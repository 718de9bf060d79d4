"""The local backend: a directory of SQLite files, or the same in memory. What lies in it: ``layout``."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

from chromadb._model.entities import Address, Backup, CollectionInfo, Finding, TenantUsage, Usage, Vacuumed
from chromadb._model.operations import Progress
from chromadb._storage.local import folders
from chromadb._storage.local.collection import LocalCollection
from chromadb._storage.local.copying import forks
from chromadb._storage.local.copying.backups import write_backup
from chromadb._storage.local.copying.copies import remove_ahead
from chromadb._storage.local.derived.builder import Builder
from chromadb._storage.local.layout import CATALOG, COLLECTIONS, RECORDS, find_files
from chromadb._storage.local.leases import OpenCollections, allowed
from chromadb._storage.local.paths import check_path
from chromadb._storage.local.platform.durable import make_folder
from chromadb._storage.local.platform.failures import explained
from chromadb._storage.local.repairing.salvage import survey
from chromadb._storage.local.sqlite.alone import check_not_repaired
from chromadb._storage.local.sqlite.database import SqliteDatabase, UnmadeError
from chromadb._storage.local.tables.catalog import Catalog
from chromadb._storage.local.tables.description import keep_description
from chromadb._storage.local.usage import Counted, size_of
from chromadb._storage.local.vacuum import Part, files_of, vacuum_database, vacuum_parts
from chromadb._tracing import span, spanned
from chromadb.errors import (
    InvalidCollectionException,
    StorageChangedError,
    StorageCorruptError,
    StorageError,
    StorageFullError,
)

logger = logging.getLogger("chromadb.storage")


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
        most = None if self.path is None else min(max_open_collections, allowed())
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
        if self.path is not None:
            try:
                # Begun since it was looked at: from here on the catalog is seen to be open.
                check_not_repaired(self.path)
            except BaseException:
                self.close_catalog()
                raise
        if self.path is not None and not self._read_only:
            folders.sweep(self.path, self, synced=self._synchronous == "full")

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

        def remove() -> list[UUID]:
            return self.remove_database(name, tenant)

        for id in self._with_room(remove, doomed, lambda _: remove()):
            self._discard(id)

    def delete_collection(self, tenant: str, database: str, name: str) -> None:
        def remove() -> list[UUID]:
            return [self.remove_collection(tenant, database, name)]

        def doomed() -> list[UUID]:
            return [self.get_collection(tenant, database, name).id]

        def forget(ids: Sequence[UUID]) -> list[UUID]:
            # By its id: who found the folder gone may have done it already, and made another of this name.
            for id in ids:
                self.forget_collection(id)
            return [*ids]

        for id in self._with_room(remove, doomed, forget):
            self._discard(id)

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
            return forks.fork(
                store,
                info,
                folder,
                lambda fork: self.create_collection(fork, get_or_create=False),
                lambda: info.id in self.collection_ids(),
            )

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
                info = self.remembered(address)
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
        except UnmadeError:
            if info.dimension is not None:
                raise
            # Nothing was ever written.
            with closing(self._open_in_memory(info)) as empty:
                yield empty
            return
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
        for id in self._with_room(self.clear, self.collection_ids, lambda _: self.clear()):
            self._discard(id)

    def check(self) -> list[Finding]:
        """Audit the catalog and every collection."""
        findings = self.check_catalog()
        if self.path is not None:
            findings += folders.check_known(self.path, self)
        for info in self.all_collections():
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

    def vacuum(self, timeout: float | None = None, progress: Progress | None = None) -> list[Vacuumed]:
        """Write the catalog and every collection anew; see ``_storage.base.Backend``."""
        if self.path is None:
            return []
        self._database.check_writable()
        parts = [self._collection_to_vacuum(self.path, info, timeout) for info in self.all_collections()]
        return vacuum_parts([*parts, self._catalog_to_vacuum(self.path, timeout)], progress)

    def _catalog_to_vacuum(self, path: Path, timeout: float | None) -> Part:
        def vacuum() -> None:
            folders.sweep(path, self, synced=self._synchronous == "full")
            vacuum_database(self._database, timeout)

        return Part(CATALOG, "catalog", lambda: folders.files_of_none(path, self.collection_ids()), vacuum)

    def _collection_to_vacuum(self, path: Path, info: CollectionInfo, timeout: float | None) -> Part:
        def vacuum() -> None:
            with self.open(info.address) as store:
                store.vacuum(timeout)

        name, folder = f"{info.tenant}/{info.database}/{info.name}", path / COLLECTIONS / str(info.id)
        return Part(f"{COLLECTIONS}/{info.id}", name, lambda: files_of(folder), vacuum)

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

    def tenant_usage(self, tenant: str, collection: UUID | None = None) -> TenantUsage:
        """Count what a tenant stores, of one collection alone if one is given."""
        infos = {
            info.id: info
            for database in self.list_databases(tenant, None, 0)
            for info in self.list_collections(tenant, database.name, None, 0)
            if collection in (None, info.id)
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

    def _remove(self, id: UUID) -> None:
        if self.path is not None and not self._read_only:
            folders.remove(self.path, id)

    def _with_room(
        self,
        remove: Callable[[], Iterable[UUID]],
        doomed: Callable[[], Iterable[UUID]],
        finish: Callable[[Sequence[UUID]], Iterable[UUID]],
    ) -> Iterable[UUID]:
        """Take collections out of the catalog; where the disk is too full for it, their files go first.

        Args:
            remove: takes them out, and returns them.
            doomed: returns which these are.
            finish: takes out those whose files are gone.
        """
        try:
            return remove()
        except StorageFullError:
            if self.path is None:
                raise
            ids = [*doomed()]
            folders.remove_first(self.path, ids, self._open)
            return finish(ids)


def _of_collection(info: CollectionInfo, error: StorageError) -> StorageError:
    """Return the error of a damaged file with the name of its collection; another one as it is."""
    if not isinstance(error, StorageCorruptError):
        return error
    return StorageCorruptError(f"Collection {info.name!r} cannot be read. {error.message()}")

"""The storage seam: what the engine asks of a backend, and what every backend guarantees.

A backend answers whole plans. It is handed a selection (ids and a filter) together with what to do with it: read,
delete, or find the nearest. How it evaluates the filter, whether it has an index, and in which order it does these
things is its own affair, so that a database server can execute a plan where its data is.

Guarantees, proved for every implementation by ``tests/contract/test_storage.py``:

- **Atomic.** A write happens whole or not at all. When the call returns, it survives the end of the process.
- **Isolated.** A read sees one state of the collection, that of some moment between its call and its return.
- **Ordered.** Records have an order: that in which they were first inserted. An update keeps the place; a record
  that was deleted and added again stands last. Reads and limited deletes follow this order; equally near records too.
- **Exact.** A filter selects what ``_model.match`` says, no more and no less. Distances returned are computed
  from the vectors as stored, in float32 precision or better.
- **Nearest.** A query gives ``min(n, records selected)`` results. An index may miss some of the nearest, in favour of
  others that are nearly as near (recall at 10: 0.98 and more); with `exact` it does not.
- **Fixed dimension.** The first vector written fixes the dimension of a collection for good.

Identifiers such as labels or commit numbers stay below the seam.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from chromadb._model.entities import (
    Address,
    Backup,
    CollectionInfo,
    Database,
    Finding,
    IndexingStatus,
    Tenant,
    TenantUsage,
    Usage,
    Vacuumed,
)
from chromadb._model.operations import Progress, Selection
from chromadb._model.records import Records
from chromadb._model.types import Metadata
from chromadb._model.vectors import Matrix

WriteMode = Literal["add", "update", "upsert"]


@dataclass(frozen=True)
class Found:
    """Records that a read found, as columns in parallel; None for a column that was not asked for."""

    ids: list[str]
    documents: list[str | None] | None = None
    metadatas: list[Metadata | None] | None = None
    uris: list[str | None] | None = None
    vectors: Matrix | None = None
    distances: NDArray[np.float32] | None = None


class CollectionStore(Protocol):
    """The records of one collection."""

    def write(self, mode: WriteMode, records: Records) -> list[str]:
        """Write records; return the ids that were ignored: existing ones by "add", missing ones by "update".

        Raises:
            InvalidDimensionException: the vectors do not fit the collection. Nothing is written.
            InvalidArgumentError: a new record has no vector. Nothing is written.
        """
        ...

    def delete(self, selection: Selection, limit: int | None = None) -> int:
        """Delete the records selected, the first `limit` of them; return how many."""
        ...

    def get(self, selection: Selection, limit: int | None, offset: int, fields: Sequence[str]) -> Found:
        """Read the records selected, in order, `limit` of them after the first `offset`."""
        ...

    def query(
        self,
        vectors: Matrix,
        n: int,
        selection: Selection,
        fields: Sequence[str],
        *,
        exact: bool = False,
        ef_search: int | None = None,
    ) -> list[Found]:
        """Find for each vector the `n` nearest of the records selected, nearest first.

        Args:
            vectors: the queries.
            n: how many.
            selection: among which records.
            fields: what to read of them.
            exact: compare every record selected, whatever it costs.
            ef_search: how many candidates an index looks at; the collection's for None.

        Raises:
            InvalidDimensionException: the vectors do not fit the collection.
        """
        ...

    def count(self) -> int:
        """Count the records."""
        ...

    def dimension(self) -> int | None:
        """Return the dimension of the vectors, None before the first."""
        ...

    def check(self) -> list[Finding]:
        """Audit everything that can be audited."""
        ...

    def vacuum(self, timeout: float | None = None) -> None:
        """Write everything anew so that nothing is left of what was deleted; as long as it takes, writers wait.

        Raises:
            StorageLockedError: others were in the way for `timeout` seconds; None: as long as a writer waits.
        """
        ...

    def indexing_status(self) -> IndexingStatus:
        """Return how far the index is."""
        ...


class Backend(Protocol):
    """A catalog of tenants, databases and collections, and the stores of the collections.

    A missing thing raises NotFoundError (a collection InvalidCollectionException), a duplicate UniqueConstraintError.
    """

    def create_tenant(self, name: str) -> None: ...
    def get_tenant(self, name: str) -> Tenant: ...
    def create_database(self, name: str, tenant: str) -> None: ...
    def get_database(self, name: str, tenant: str) -> Database: ...
    def list_databases(self, tenant: str, limit: int | None, offset: int) -> list[Database]: ...
    def delete_database(self, name: str, tenant: str) -> None: ...

    def create_collection(self, info: CollectionInfo, *, get_or_create: bool) -> CollectionInfo:
        """Make the collection `info`, or with `get_or_create` return the one of this name as it is."""
        ...

    def get_collection(self, tenant: str, database: str, name: str) -> CollectionInfo: ...
    def get_collection_by_id(self, tenant: str | None, database: str | None, id: UUID) -> CollectionInfo: ...
    def list_collections(self, tenant: str, database: str, limit: int | None, offset: int) -> list[CollectionInfo]: ...
    def count_collections(self, tenant: str, database: str) -> int: ...
    def update_collection(self, address: Address, change: Callable[[CollectionInfo], CollectionInfo]) -> CollectionInfo:
        """Store name, metadata and configuration as `change` makes them of what is stored now, and return that."""
        ...

    def fork_collection(self, address: Address, name: str) -> CollectionInfo:
        """Make a copy of a collection at one commit, in the same database; from then on each goes its own way.

        Metadata, configuration and embedding function are those of the source, the id is new.
        """
        ...

    def delete_collection(self, tenant: str, database: str, name: str) -> None: ...

    def open(self, address: Address) -> AbstractContextManager[CollectionStore]:
        """Give the records of a collection, which stay usable until the context ends."""
        ...

    def is_loaded(self, collection: UUID, *, vectors: bool) -> bool:
        """Return whether a read of a collection, or with `vectors` a search, has nothing to open or load first.

        It answers at once, and may say no where it does not know.
        """
        ...

    def reset(self) -> None:
        """Delete everything; the default tenant and database are there again."""
        ...

    def check(self) -> list[Finding]:
        """Audit the catalog and every collection."""
        ...

    def vacuum(self, timeout: float | None = None, progress: Progress | None = None) -> list[Vacuumed]:
        """Write everything anew so that nothing is left of what was deleted; what fails is named, the rest goes on.

        Args:
            timeout: seconds to wait, at each part, for others that use it; None: as at writing.
            progress: called before each part with its name, its number from 0 on, and how many there are.
        """
        ...

    def backup(
        self,
        target: Path,
        dated: bool,
        keep: int | None,
        progress: Progress | None,
        version: str,
    ) -> Backup:
        """Write a copy of everything to a new directory, which can be opened and restored, while others write.

        Each collection is of one commit, that of the moment when its turn comes; the catalog names those that are
        there.

        Args:
            target: the directory to make; with `dated` the folder in which one is made, named after the time.
            dated: whether to make a dated one.
            keep: how many dated ones are kept; None: all.
            progress: as for `vacuum`.
            version: of the API, which is noted.
        """
        ...

    def usage(self) -> Usage:
        """Return what is open in this process, for those who watch; touches no file."""
        ...

    def size(self) -> int:
        """Return the bytes that everything takes on the disk; 0 in memory."""
        ...

    def tenant_usage(self, tenant: str, collection: UUID | None = None) -> TenantUsage:
        """Count what a tenant stores, of one collection alone if one is given."""
        ...

    def close(self) -> None:
        """Release every file. Calling it again does nothing."""
        ...

"""Operations: every API call as a value.

A runner (the engine, an HTTP client, any other backend) executes it: ``runner.run(Count(address))`` gives an int.
The type parameter of an operation is the type of its result.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import msgspec

from chromadb._model.configuration import HnswConfiguration
from chromadb._model.entities import (
    Address,
    Backup,
    CollectionInfo,
    Database,
    Finding,
    IndexingStatus,
    Tenant,
    UserIdentity,
    Vacuumed,
)
from chromadb._model.records import Records
from chromadb._model.results import GET_DEFAULT, QUERY_DEFAULT
from chromadb._model.types import GetResult, QueryResult
from chromadb._model.vectors import Matrix
from chromadb._model.where import Filter

R = TypeVar("R")

Progress = Callable[[str, int, int], None]
"""Called before each part of a long call with its name, its number from 0 on, and how many there are."""


class Operation(msgspec.Struct, Generic[R], frozen=True):
    """An API call whose result is of type R: a `Read` or a `Write`."""


class Read(Operation[R], Generic[R], frozen=True):
    """One that changes nothing: doing it twice does no harm."""


class Write(Operation[R], Generic[R], frozen=True):
    """One that changes what is stored: it may wait for the disk, or for others that write."""


class Runner(Protocol):
    """Executes operations and blocks until they are done."""

    def run(self, operation: Operation[R]) -> R:
        """Execute one operation; raises a ChromaError if it cannot."""
        ...

    def close(self) -> None:
        """Give back what the runner holds. Calling it again does nothing."""
        ...


class AsyncRunner(Protocol):
    """Executes operations without blocking the event loop."""

    def run(self, operation: Operation[R]) -> Awaitable[R]:
        """Execute one operation; raises a ChromaError if it cannot."""
        ...

    def close(self) -> Awaitable[None]:
        """Give back what the runner holds. Calling it again does nothing."""
        ...


@dataclass(frozen=True)
class Selection:
    """Which records an operation means: all of these conditions hold; none given means every record."""

    ids: list[str] | None = None
    filter: Filter | None = None


# --- the service ----------------------------------------------------------------------------------


class Heartbeat(Read[int], frozen=True):
    """Nanoseconds since the epoch."""


class GetVersion(Read[str], frozen=True):
    """The version of the service."""


class GetMaxBatchSize(Read[int], frozen=True):
    """How many records one write should carry at most."""


class CheckHealth(Read[bool], frozen=True):
    """Whether the service can read what it stores."""


class GetUserIdentity(Read[UserIdentity], frozen=True):
    """Who the caller is to the service."""


class Check(Read[list[Finding]], frozen=True):
    """Audit everything that is stored."""


class Vacuum(Write[list[Vacuumed]], frozen=True):
    """Write everything that is stored anew, without what was deleted."""

    timeout: float | None = None
    """Seconds to wait, at each file, for others that use it; the setting's for None."""
    progress: Progress | None = None
    """Called before each part with its name, its number from 0 on, and how many there are."""


class MakeBackup(Read[Backup], frozen=True):
    """Write a copy of everything that is stored to a directory."""

    target: Path
    dated: bool = False
    """Whether `target` is a folder of dated backups."""
    keep: int | None = None
    """How many dated backups are kept; all for None."""
    progress: Progress | None = None
    """As for `Vacuum`."""


class Reset(Write[bool], frozen=True):
    """Delete everything."""


# --- tenants and databases ------------------------------------------------------------------------


class CreateTenant(Write[None], frozen=True):
    """Make a tenant."""

    name: str


class GetTenant(Read[Tenant], frozen=True):
    """Look a tenant up."""

    name: str


class CreateDatabase(Write[None], frozen=True):
    """Make a database."""

    name: str
    tenant: str


class GetDatabase(Read[Database], frozen=True):
    """Look a database up."""

    name: str
    tenant: str


class DeleteDatabase(Write[None], frozen=True):
    """Delete a database and its collections."""

    name: str
    tenant: str


class ListDatabases(Read[list[Database]], frozen=True):
    """List the databases of a tenant, oldest first."""

    tenant: str
    limit: int | None = None
    offset: int = 0


# --- collections ----------------------------------------------------------------------------------


class CreateCollection(Write[CollectionInfo], frozen=True):
    """Make a collection, or with `get_or_create` take the one of this name as it is."""

    tenant: str
    database: str
    name: str
    hnsw: HnswConfiguration
    embedding_function: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    get_or_create: bool = False


class GetCollection(Read[CollectionInfo], frozen=True):
    """Look a collection up by name."""

    tenant: str
    database: str
    name: str


class GetCollectionById(Read[CollectionInfo], frozen=True):
    """Look a collection up by id."""

    tenant: str
    database: str
    id: UUID


class LocateCollection(Read[CollectionInfo], frozen=True):
    """Look a collection up by id, wherever it is; for servers, which then decide whether somebody may know."""

    id: UUID


class ListCollections(Read[list[CollectionInfo]], frozen=True):
    """List the collections of a database, oldest first."""

    tenant: str
    database: str
    limit: int | None = None
    offset: int = 0


class CountCollections(Read[int], frozen=True):
    """Count the collections of a database."""

    tenant: str
    database: str


class ModifyCollection(Write[CollectionInfo], frozen=True):
    """Rename a collection, replace its metadata, change its configuration; None leaves each as it is."""

    address: Address
    name: str | None = None
    metadata: Mapping[str, Any] | None = None
    configuration: Mapping[str, Any] | None = None
    embedding_function: Mapping[str, Any] | None = None


class ForkCollection(Write[CollectionInfo], frozen=True):
    """Make a copy of a collection, which goes its own way from then on."""

    address: Address
    name: str
    """Of the copy."""


class DeleteCollection(Write[None], frozen=True):
    """Delete a collection and its records."""

    tenant: str
    database: str
    name: str


# --- records --------------------------------------------------------------------------------------


class Add(Write[None], frozen=True):
    """Add records; ids that exist are left as they are."""

    address: Address
    records: Records


class Update(Write[None], frozen=True):
    """Change records; ids that do not exist are ignored."""

    address: Address
    records: Records


class Upsert(Write[None], frozen=True):
    """Change the records that exist and add the others."""

    address: Address
    records: Records


class Delete(Write[int], frozen=True):
    """Delete the records selected, the oldest first up to `limit`; the result is how many there were."""

    address: Address
    selection: Selection
    limit: int | None = None


class Count(Read[int], frozen=True):
    """Count the records of a collection."""

    address: Address


class Get(Read[GetResult], frozen=True):
    """Read the records selected, in the order in which they were inserted."""

    address: Address
    selection: Selection = Selection()
    limit: int | None = None
    offset: int = 0
    include: tuple[str, ...] = GET_DEFAULT


class Query(Read[QueryResult], frozen=True):
    """Find the records selected that are nearest to each vector, nearest first."""

    address: Address
    vectors: Matrix
    n_results: int = 10
    selection: Selection = Selection()
    include: tuple[str, ...] = QUERY_DEFAULT
    exact: bool = False
    """Whether to compare every record selected, rather than what an index suggests."""
    ef_search: int | None = None
    """How many candidates an index looks at; the collection's for None."""


class GetIndexingStatus(Read[IndexingStatus], frozen=True):
    """How far the index of a collection is."""

    address: Address

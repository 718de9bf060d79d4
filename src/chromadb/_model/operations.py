"""Operations: every API call as a value.

A runner (the engine, an HTTP client, any other backend) executes it: ``runner.run(Count(address))`` gives an int.
The type parameter of an operation is the type of its result.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from chromadb._model.configuration import HnswConfiguration
from chromadb._model.entities import Address, CollectionInfo, Database, Finding, IndexingStatus, Tenant, UserIdentity
from chromadb._model.records import Records
from chromadb._model.results import GET_DEFAULT, QUERY_DEFAULT
from chromadb._model.types import GetResult, QueryResult
from chromadb._model.vectors import Matrix
from chromadb._model.where import Filter

R = TypeVar("R")


class Operation(Generic[R]):
    """An API call whose result is of type R."""

    __slots__ = ()


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


@dataclass(frozen=True)
class Heartbeat(Operation[int]):
    """Nanoseconds since the epoch."""


@dataclass(frozen=True)
class GetVersion(Operation[str]):
    """The version of the service."""


@dataclass(frozen=True)
class GetMaxBatchSize(Operation[int]):
    """How many records one write should carry at most."""


@dataclass(frozen=True)
class GetUserIdentity(Operation[UserIdentity]):
    """Who the caller is to the service."""


@dataclass(frozen=True)
class Check(Operation[list[Finding]]):
    """Audit everything that is stored."""


@dataclass(frozen=True)
class Reset(Operation[bool]):
    """Delete everything."""


# --- tenants and databases ------------------------------------------------------------------------


@dataclass(frozen=True)
class CreateTenant(Operation[None]):
    """Make a tenant."""

    name: str


@dataclass(frozen=True)
class GetTenant(Operation[Tenant]):
    """Look a tenant up."""

    name: str


@dataclass(frozen=True)
class CreateDatabase(Operation[None]):
    """Make a database."""

    name: str
    tenant: str


@dataclass(frozen=True)
class GetDatabase(Operation[Database]):
    """Look a database up."""

    name: str
    tenant: str


@dataclass(frozen=True)
class DeleteDatabase(Operation[None]):
    """Delete a database and its collections."""

    name: str
    tenant: str


@dataclass(frozen=True)
class ListDatabases(Operation[list[Database]]):
    """List the databases of a tenant, oldest first."""

    tenant: str
    limit: int | None = None
    offset: int = 0


# --- collections ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class CreateCollection(Operation[CollectionInfo]):
    """Make a collection, or with `get_or_create` take the one of this name as it is."""

    tenant: str
    database: str
    name: str
    hnsw: HnswConfiguration
    embedding_function: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    get_or_create: bool = False


@dataclass(frozen=True)
class GetCollection(Operation[CollectionInfo]):
    """Look a collection up by name."""

    tenant: str
    database: str
    name: str


@dataclass(frozen=True)
class GetCollectionById(Operation[CollectionInfo]):
    """Look a collection up by id."""

    tenant: str
    database: str
    id: UUID


@dataclass(frozen=True)
class ListCollections(Operation[list[CollectionInfo]]):
    """List the collections of a database, oldest first."""

    tenant: str
    database: str
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True)
class CountCollections(Operation[int]):
    """Count the collections of a database."""

    tenant: str
    database: str


@dataclass(frozen=True)
class ModifyCollection(Operation[CollectionInfo]):
    """Rename a collection, replace its metadata, change its configuration; None leaves each as it is."""

    address: Address
    name: str | None = None
    metadata: Mapping[str, Any] | None = None
    configuration: Mapping[str, Any] | None = None
    embedding_function: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class DeleteCollection(Operation[None]):
    """Delete a collection and its records."""

    tenant: str
    database: str
    name: str


# --- records --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Add(Operation[None]):
    """Add records; ids that exist are left as they are."""

    address: Address
    records: Records


@dataclass(frozen=True, eq=False)
class Update(Operation[None]):
    """Change records; ids that do not exist are ignored."""

    address: Address
    records: Records


@dataclass(frozen=True, eq=False)
class Upsert(Operation[None]):
    """Change the records that exist and add the others."""

    address: Address
    records: Records


@dataclass(frozen=True)
class Delete(Operation[int]):
    """Delete the records selected, the oldest first up to `limit`; the result is how many there were."""

    address: Address
    selection: Selection
    limit: int | None = None


@dataclass(frozen=True)
class Count(Operation[int]):
    """Count the records of a collection."""

    address: Address


@dataclass(frozen=True)
class Get(Operation[GetResult]):
    """Read the records selected, in the order in which they were inserted."""

    address: Address
    selection: Selection = Selection()
    limit: int | None = None
    offset: int = 0
    include: tuple[str, ...] = GET_DEFAULT


@dataclass(frozen=True, eq=False)
class Query(Operation[QueryResult]):
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


@dataclass(frozen=True)
class GetIndexingStatus(Operation[IndexingStatus]):
    """How far the index of a collection is."""

    address: Address

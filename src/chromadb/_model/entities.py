"""What the catalog knows: tenants, databases, collections, users."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from chromadb._model.configuration import Configuration


class _Entity(Mapping[str, Any]):
    """A value whose attributes can be read as keys too, as callers of 0.x and 1.x do."""

    _keys: tuple[str, ...]

    def __getitem__(self, key: str) -> Any:
        if key in self._keys:
            return getattr(self, key)
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


@dataclass(frozen=True)
class Tenant(_Entity):
    """A tenant: a separate set of databases."""

    name: str
    _keys = ("name",)


@dataclass(frozen=True)
class Database(_Entity):
    """A database: a separate set of collections of one tenant."""

    id: UUID
    name: str
    tenant: str
    _keys = ("id", "name", "tenant")


@dataclass(frozen=True)
class UserIdentity:
    """Who a server takes the caller for."""

    user_id: str = ""
    tenant: str | None = None
    databases: list[str] | None = None
    attributes: dict[str, Any] | None = None


@dataclass(frozen=True)
class Address:
    """Where an operation on records goes: a collection of a database of a tenant; None stands for whichever it is."""

    tenant: str | None
    database: str | None
    collection: UUID


@dataclass(frozen=True)
class CollectionInfo:
    """A collection as the catalog knows it."""

    id: UUID
    name: str
    tenant: str
    database: str
    configuration: Configuration = field(default_factory=Configuration)
    metadata: Mapping[str, Any] | None = None
    dimension: int | None = None
    """None until the first vector is written."""

    @property
    def address(self) -> Address:
        """Where operations on the records of this collection go."""
        return Address(self.tenant, self.database, self.id)


@dataclass(frozen=True)
class IndexingStatus(_Entity):
    """How far the index of a collection is."""

    num_indexed_ops: int
    """Records that are searched as fast as they will be: in a graph, or among so few that no graph is worth it."""
    num_unindexed_ops: int
    """Records that are scanned until their graph is built."""
    total_ops: int
    _keys = ("num_indexed_ops", "num_unindexed_ops", "total_ops", "op_indexing_progress")

    @property
    def op_indexing_progress(self) -> float:
        """From 0 to 1."""
        return self.num_indexed_ops / self.total_ops if self.total_ops else 1.0


@dataclass(frozen=True)
class Usage:
    """What the open collections of this process take."""

    collections: int = 0
    """How many are open."""
    nbytes: int = 0
    """Memory, mapped files not counted."""
    loose: int = 0
    """Vectors in no segment, which are compared one by one."""
    unbuilt: int = 0
    """Records that were written or deleted since the last build, about."""
    due: int = 0
    """Collections that wait to be built."""


@dataclass(frozen=True)
class TenantUsage:
    """What a tenant stores, in all of its databases."""

    collections: int = 0
    records: int = 0
    nbytes: int = 0
    """Of files."""

    def __add__(self, other: TenantUsage) -> TenantUsage:
        return TenantUsage(
            self.collections + other.collections, self.records + other.records, self.nbytes + other.nbytes
        )


@dataclass(frozen=True)
class Vacuumed(_Entity):
    """What a vacuum did to the catalog, or to one collection."""

    where: str
    """The file or the folder, below the directory of the data."""
    name: str
    """Tenant, database and collection, "default_tenant/default_database/docs"; "catalog"."""
    size_before: int
    """Bytes of all files."""
    size_after: int
    removed: list[str] = field(default_factory=list)
    """Files that were derived from deleted records, or left over; indexes are made anew when the collection is used."""
    error: str | None = None
    """Why it could not be done; None if it could."""
    _keys = ("where", "name", "size_before", "size_after", "removed", "error")


@dataclass(frozen=True)
class Repaired(_Entity):
    """What a repair did to the catalog, or to one collection."""

    where: str
    """The damaged file, below the directory of the data."""
    name: str
    """Tenant, database and collection, "default_tenant/default_database/docs"; "catalog"."""
    saved: int = 0
    """Records; of the catalog collections."""
    lost: int = 0
    """Records that are not there any more, as far as is known how many there were."""
    lost_ids: list[str] = field(default_factory=list)
    """The ids of those of them that are known."""
    kept: list[str] = field(default_factory=list)
    """Where the damaged files are now; one that ends in ``.jsonl`` has what can be read of lost records."""
    notes: list[str] = field(default_factory=list)
    """What else there is to say."""
    error: str | None = None
    """Why nothing could be saved; None if that could be done. Nothing was changed then."""
    _keys = ("where", "name", "saved", "lost", "lost_ids", "kept", "notes", "error")


@dataclass(frozen=True)
class Backup(_Entity):
    """A backup of everything that is stored."""

    path: str
    """The directory."""
    created: str
    """When, ISO 8601, UTC."""
    version: str
    """Of the API of the software that made it."""
    collections: int
    records: int
    size: int
    """Bytes of all files."""
    shared: int
    """How many of them take no space, as they are shared by hard links with the data or with other backups."""
    _keys = ("path", "created", "version", "collections", "records", "size", "shared")


@dataclass(frozen=True)
class Finding:
    """Something that an audit found to be wrong."""

    where: str
    """The file."""
    what: str
    repairable: bool = False
    """Whether it is in a cache, which is made anew when the collection is opened."""

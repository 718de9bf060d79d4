# Generated from _async by scripts/generate_sync.py: change it there.
"""Clients."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any
from uuid import UUID

from chromadb._client._sync.collection import Collection, ListedCollection
from chromadb._client.arguments import backup_operation, create_operation
from chromadb._client.embedding import DEFAULT_FUNCTION, check_data_loader
from chromadb._client.http.identity import settle
from chromadb._client.system import CLOSED, System, clear_system_cache
from chromadb._model import operations as op
from chromadb._model.entities import Backup, CollectionInfo, Finding, UserIdentity, Vacuumed
from chromadb._model.names import DEFAULT_DATABASE, DEFAULT_TENANT, check_collection_id, check_lookup
from chromadb._model.results import check_count
from chromadb._model.types import CollectionMetadata, DataLoader, Loadable
from chromadb._settings import Settings
from chromadb.errors import InvalidArgumentError, InvalidCollectionException


class SharedSystemClient:
    """What clients have in common: the backends they share."""

    @staticmethod
    def clear_system_cache() -> None:
        """Forget which backends have clients: new clients start anew, those that exist go on as they are."""
        clear_system_cache()


class Client(SharedSystemClient):
    """A client of one database of one tenant.

    Made by ``EphemeralClient()``, ``PersistentClient()`` and their like. A context manager that closes itself.
    """

    def __init__(self, system: System, tenant: str = DEFAULT_TENANT, database: str = DEFAULT_DATABASE) -> None:
        self._system = system
        self._runner: op.Runner = system.begin()
        self.tenant = tenant
        self.database = database

    @classmethod
    def from_system(cls, system: System, tenant: str = DEFAULT_TENANT, database: str = DEFAULT_DATABASE) -> Client:
        """Return a client that shares the system of another one; both must be closed before it ends.

        Raises:
            NotFoundError: the tenant or the database does not exist.
        """
        return cls.join(system.share(), tenant, database)

    @classmethod
    def create(
        cls, tenant: str = DEFAULT_TENANT, database: str = DEFAULT_DATABASE, settings: Settings | None = None
    ) -> Client:
        """Return the client that the settings describe.

        Raises:
            NotFoundError: the tenant or the database does not exist.
            ServerConnectionError: the server cannot be reached.
        """
        from chromadb._client import connect

        return connect.Client(settings, tenant, database)

    @classmethod
    def join(cls, system: System, tenant: str | None, database: str | None) -> Client:
        """Return a client of a system that counts it already.

        Args:
            system: with the runner.
            tenant: None leaves it to the identity.
            database: None leaves it to the identity.

        Raises:
            NotFoundError: the tenant or the database does not exist.
            ChromaAuthError: they are not those of the identity, or it does not say which they are.
        """
        client = cls(system)
        try:
            if system.by_identity:
                tenant, database = settle(client.get_user_identity(), tenant, database)
            client.set_tenant(tenant or DEFAULT_TENANT, database or DEFAULT_DATABASE)
        except BaseException:
            client.close()
            raise
        return client

    # --- the service ------------------------------------------------------------------------------

    def heartbeat(self) -> int:
        """Return the time of the service in nanoseconds since the epoch."""
        return self._runner.run(op.Heartbeat())

    def get_version(self) -> str:
        """Return the version of Chroma whose API this is."""
        return self._runner.run(op.GetVersion())

    def get_settings(self) -> Settings:
        """Return the settings that the client was made with."""
        return self._system.settings

    def get_user_identity(self) -> UserIdentity:
        """Return who the service takes the caller for."""
        return self._runner.run(op.GetUserIdentity())

    def get_max_batch_size(self) -> int:
        """Return how many records one call should carry; larger calls are accepted too."""
        return self._runner.run(op.GetMaxBatchSize())

    def check(self) -> list[Finding]:
        """Audit everything that is stored, in all tenants and databases.

        Reads every record: costs about two seconds per 100,000.

        Returns:
            What is wrong: the file, what it is, and whether it mends itself. An empty list if nothing is.
        """
        return self._runner.run(op.Check())

    def vacuum(
        self, timeout: float | None = None, progress: Callable[[str, int, int], None] | None = None
    ) -> list[Vacuumed]:
        """Write everything that is stored anew, in all tenants, so that nothing is left of what was deleted.

        Takes a few seconds per gigabyte, and room for a copy of the largest collection. Writers wait meanwhile.
        Indexes that know deleted records are removed and made anew in the background. Data on memory is left as it is.

        Args:
            timeout: seconds to wait, at each file, for others that use it; None: ``chroma_busy_timeout_seconds``.
            progress: called before each part with its name, its number from 0 on, and how many there are.

        Returns:
            What was done to the catalog and to each collection: sizes in bytes before and after, and where it could
            not be done, why (``error``).
        """
        return self._runner.run(op.Vacuum(timeout, progress))

    def backup(
        self,
        path: str | os.PathLike[str],
        *,
        dated: bool = False,
        keep: int | None = None,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> Backup:
        """Write a copy of everything that is stored, in all tenants and databases, to a new directory.

        Others write meanwhile. Each collection is copied as at one commit, one after the other. The directory can be
        opened as it is, best with ``Settings(chroma_read_only=True)``; :func:`chromadb.utils.backup.restore` and
        ``chroma utils restore`` make a directory of data of it. Index files are shared by hard links where both places
        are on one file system.

        Args:
            path: the directory to make; with `dated` the folder in which one is made, named after the time.
            dated: make a dated backup.
            keep: how many dated backups to keep, the newest ones; None: all.
            progress: called before each collection with its name, its number from 0 on, and how many there are.

        Raises:
            UniqueConstraintError: something stands at `path`.
            StorageCorruptError: the data is damaged; there is no new backup, and none is removed.
            UnsupportedError: the data is behind a server.
        """
        return self._runner.run(backup_operation(path, dated, keep, progress))

    def reset(self) -> bool:
        """Delete everything, in all tenants and databases, for good.

        Raises:
            ResetDisabledError: the settings do not say ``allow_reset=True``.
        """
        return self._runner.run(op.Reset())

    def close(self) -> None:
        """Give back files and memory, once no other client shares them. Calling it again does nothing."""
        runner, self._runner = self._runner, CLOSED
        if runner is not CLOSED and self._system.leave(runner):
            runner.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- tenant and database ----------------------------------------------------------------------

    def set_tenant(self, tenant: str, database: str = DEFAULT_DATABASE) -> None:
        """Go on in another tenant.

        Raises:
            NotFoundError: the tenant or the database does not exist; nothing changes.
        """
        tenant, database = check_lookup(tenant, "tenant"), check_lookup(database, "database")
        self._runner.run(op.GetTenant(tenant))
        self._runner.run(op.GetDatabase(database, tenant))
        self.tenant, self.database = tenant, database

    def set_database(self, database: str) -> None:
        """Go on in another database of the same tenant.

        Raises:
            NotFoundError: the database does not exist; nothing changes.
        """
        database = check_lookup(database, "database")
        self._runner.run(op.GetDatabase(database, self.tenant))
        self.database = database

    # --- collections ------------------------------------------------------------------------------

    def list_collections(self, limit: int | None = None, offset: int | None = None) -> list[ListedCollection]:
        """Return the collections, oldest first.

        Args:
            limit: how many at most.
            offset: how many to leave out first.

        Returns:
            Items that are both the name, a `str`, and the collection, opened with its stored embedding function.
        """
        infos = self._runner.run(
            op.ListCollections(
                self.tenant, self.database, check_count(limit, "limit"), check_count(offset, "offset") or 0
            )
        )
        return [ListedCollection(self._runner, info, DEFAULT_FUNCTION) for info in infos]

    def count_collections(self) -> int:
        """Return how many collections there are."""
        return self._runner.run(op.CountCollections(self.tenant, self.database))

    def create_collection(
        self,
        name: str,
        schema: None = None,
        configuration: Mapping[str, Any] | None = None,
        metadata: CollectionMetadata | None = None,
        embedding_function: Any = DEFAULT_FUNCTION,
        data_loader: DataLoader[Loadable] | None = None,
        get_or_create: bool = False,
    ) -> Collection:
        """Make a collection.

        Args:
            name: 3 to 63 characters of ``[A-Za-z0-9._-]``, letters or digits at both ends.
            schema: not supported yet; use `configuration`.
            configuration: for example ``{"hnsw": {"space": "cosine"}}``.
            metadata: anything worth noting; ``hnsw:*`` keys are configuration.
            embedding_function: computes vectors; its name and configuration are stored. None: there is none.
            data_loader: loads the data that URIs point to.
            get_or_create: take the collection of this name as it is if there is one.

        Raises:
            UniqueConstraintError: a collection of this name exists already.
            InvalidArgumentError: the name, the metadata or the configuration is not allowed.
        """
        check_data_loader(data_loader)  # before anything is made
        operation, function = create_operation(
            self.tenant, self.database, name, schema, configuration, metadata, embedding_function, get_or_create
        )
        return Collection(self._runner, self._runner.run(operation), function, data_loader)

    def get_collection(
        self,
        name: str | None = None,
        embedding_function: Any = DEFAULT_FUNCTION,
        data_loader: DataLoader[Loadable] | None = None,
        *,
        id: UUID | str | None = None,
    ) -> Collection:
        """Return a collection that exists.

        Args:
            name: its name.
            embedding_function: the function it was made with; left out: the one that is stored. None: there is none.
            data_loader: loads the data that URIs point to.
            id: its id, beside the name or instead of it.

        Raises:
            InvalidCollectionException: there is no such collection (a NotFoundError and a ValueError).
            EmbeddingFunctionError: the function given is another one than the stored one.
        """
        if id is not None:
            info = self._get_by_id(id)
            if name is not None and info.name != name:
                raise InvalidCollectionException(f"Collection {id} has the name {info.name!r}, not {name!r}.")
        elif name is not None:
            info = self._runner.run(op.GetCollection(self.tenant, self.database, check_lookup(name, "collection")))
        else:
            raise InvalidArgumentError("Expected the name or the id of a collection, got neither.")
        return Collection(self._runner, info, embedding_function, data_loader)

    def get_collection_by_id(
        self,
        id: UUID | str,
        embedding_function: Any = DEFAULT_FUNCTION,
        data_loader: DataLoader[Loadable] | None = None,
    ) -> Collection:
        """Return the collection of this id; the rest is as for :meth:`get_collection`."""
        return Collection(self._runner, self._get_by_id(id), embedding_function, data_loader)

    def get_or_create_collection(
        self,
        name: str,
        schema: None = None,
        configuration: Mapping[str, Any] | None = None,
        metadata: CollectionMetadata | None = None,
        embedding_function: Any = DEFAULT_FUNCTION,
        data_loader: DataLoader[Loadable] | None = None,
    ) -> Collection:
        """Return the collection of this name as it is, or make it.

        Metadata and configuration are used only when it is made. Args and errors are those of
        :meth:`create_collection` and :meth:`get_collection`.
        """
        return self.create_collection(
            name, schema, configuration, metadata, embedding_function, data_loader, get_or_create=True
        )

    def delete_collection(self, name: str) -> None:
        """Delete a collection with all its records, for good.

        Raises:
            InvalidCollectionException: there is no such collection (a NotFoundError and a ValueError).
        """
        self._runner.run(op.DeleteCollection(self.tenant, self.database, check_lookup(name, "collection")))

    def _get_by_id(self, id: UUID | str) -> CollectionInfo:
        return self._runner.run(op.GetCollectionById(self.tenant, self.database, check_collection_id(id)))

    # --- what others look for ---------------------------------------------------------------------

    @property
    def _server(self) -> Any:
        return self._system.server

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._system.where}, tenant {self.tenant!r}, database {self.database!r}>"

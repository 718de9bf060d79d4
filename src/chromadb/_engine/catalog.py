"""Operations on tenants, databases and collections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

from chromadb._model import operations as op
from chromadb._model.configuration import Configuration, update_configuration
from chromadb._model.entities import CollectionInfo, Database, Tenant
from chromadb._model.operations import Operation
from chromadb._storage.base import Backend


def _create_tenant(backend: Backend, operation: op.CreateTenant) -> None:
    backend.create_tenant(operation.name)


def _get_tenant(backend: Backend, operation: op.GetTenant) -> Tenant:
    return backend.get_tenant(operation.name)


def _create_database(backend: Backend, operation: op.CreateDatabase) -> None:
    backend.create_database(operation.name, operation.tenant)


def _get_database(backend: Backend, operation: op.GetDatabase) -> Database:
    return backend.get_database(operation.name, operation.tenant)


def _list_databases(backend: Backend, operation: op.ListDatabases) -> list[Database]:
    return backend.list_databases(operation.tenant, operation.limit, operation.offset)


def _delete_database(backend: Backend, operation: op.DeleteDatabase) -> None:
    backend.delete_database(operation.name, operation.tenant)


def _create_collection(backend: Backend, operation: op.CreateCollection) -> CollectionInfo:
    info = CollectionInfo(
        uuid4(),
        operation.name,
        operation.tenant,
        operation.database,
        Configuration(operation.hnsw, operation.embedding_function),
        operation.metadata,
    )
    return backend.create_collection(info, get_or_create=operation.get_or_create)


def _get_collection(backend: Backend, operation: op.GetCollection) -> CollectionInfo:
    return backend.get_collection(operation.tenant, operation.database, operation.name)


def _get_collection_by_id(backend: Backend, operation: op.GetCollectionById) -> CollectionInfo:
    return backend.get_collection_by_id(operation.tenant, operation.database, operation.id)


def _locate_collection(backend: Backend, operation: op.LocateCollection) -> CollectionInfo:
    return backend.get_collection_by_id(None, None, operation.id)


def _list_collections(backend: Backend, operation: op.ListCollections) -> list[CollectionInfo]:
    return backend.list_collections(operation.tenant, operation.database, operation.limit, operation.offset)


def _count_collections(backend: Backend, operation: op.CountCollections) -> int:
    return backend.count_collections(operation.tenant, operation.database)


def _modify_collection(backend: Backend, operation: op.ModifyCollection) -> CollectionInfo:
    def change(info: CollectionInfo) -> CollectionInfo:
        return replace(
            info,
            name=operation.name if operation.name is not None else info.name,
            metadata=info.metadata if operation.metadata is None else operation.metadata or None,
            configuration=Configuration(
                update_configuration(info.configuration.hnsw, operation.metadata, operation.configuration),
                operation.embedding_function or info.configuration.embedding_function,
            ),
        )

    return backend.update_collection(operation.address, change)


def _fork_collection(backend: Backend, operation: op.ForkCollection) -> CollectionInfo:
    return backend.fork_collection(operation.address, operation.name)


def _delete_collection(backend: Backend, operation: op.DeleteCollection) -> None:
    backend.delete_collection(operation.tenant, operation.database, operation.name)


HANDLERS: dict[type[Operation[Any]], Callable[[Backend, Any], Any]] = {
    op.CreateTenant: _create_tenant,
    op.GetTenant: _get_tenant,
    op.CreateDatabase: _create_database,
    op.GetDatabase: _get_database,
    op.ListDatabases: _list_databases,
    op.DeleteDatabase: _delete_database,
    op.CreateCollection: _create_collection,
    op.GetCollection: _get_collection,
    op.GetCollectionById: _get_collection_by_id,
    op.LocateCollection: _locate_collection,
    op.ListCollections: _list_collections,
    op.CountCollections: _count_collections,
    op.ModifyCollection: _modify_collection,
    op.ForkCollection: _fork_collection,
    op.DeleteCollection: _delete_collection,
}

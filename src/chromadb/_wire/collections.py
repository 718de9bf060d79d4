"""Exchanges about collections, whose form is the one thing that old clients and new ones cannot share.

A client of 0.5 or 0.6 fails on a key that it does not know; one of 1.x fails without its own configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from chromadb._decoding import laid_out
from chromadb._model import operations as op
from chromadb._model.configuration import Configuration, HnswConfiguration, hnsw_from_dict, parse_configuration
from chromadb._model.entities import Address, CollectionInfo
from chromadb._model.metadata import check_collection_metadata
from chromadb._model.names import check_collection_id, check_collection_name, check_lookup
from chromadb._model.operations import Operation
from chromadb._wire.dialects import Dialect
from chromadb._wire.exchanges import Asked, Exchange, Parameters, as_it_is, no_result, nothing, unchanged
from chromadb._wire.schema import configuration_of_schema, schema_to_wire
from chromadb.errors import InvalidArgumentError


class NewCollection(Struct, omit_defaults=True):
    """A collection to make."""

    name: str
    configuration: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    get_or_create: bool | None = False
    schema: dict[str, Any] | None = None


class CollectionChanges(Struct, omit_defaults=True):
    """What is to change in a collection; null leaves it as it is."""

    new_name: str | None = None
    new_metadata: dict[str, Any] | None = None
    new_configuration: dict[str, Any] | None = None


class NewFork(Struct):
    """The name of a fork."""

    new_name: str


class CollectionBody(Struct):
    """A collection."""

    id: UUID
    name: str
    configuration_json: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    dimension: int | None = None
    tenant: str = ""
    database: str = ""
    version: int = 0
    log_position: int = 0
    schema: dict[str, Any] | UnsetType | None = UNSET


_OLD_NAMES = {"M": "max_neighbors"}
_OLD_KEYS = {
    "space": "hnsw:space",
    "ef_construction": "hnsw:construction_ef",
    "ef_search": "hnsw:search_ef",
    "max_neighbors": "hnsw:M",
    "num_threads": "hnsw:num_threads",
    "batch_size": "hnsw:batch_size",
    "sync_threshold": "hnsw:sync_threshold",
    "resize_factor": "hnsw:resize_factor",
}


# --- the configuration ----------------------------------------------------------------------------


def _old_configuration(hnsw: HnswConfiguration) -> dict[str, Any]:
    """Return the form of 0.6, which names the classes it was written by and has no embedding function."""
    return {
        "hnsw_configuration": {
            "space": hnsw.space,
            "ef_construction": hnsw.ef_construction,
            "ef_search": hnsw.ef_search,
            "num_threads": max(1, hnsw.num_threads),
            "M": hnsw.max_neighbors,
            "resize_factor": hnsw.resize_factor,
            "batch_size": hnsw.batch_size,
            "sync_threshold": hnsw.sync_threshold,
            "_type": "HNSWConfigurationInternal",
        },
        "_type": "CollectionConfigurationInternal",
    }


def _parse_old(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration in the form of 1.x, without the names of classes."""
    plain: dict[str, Any] = {}
    for key, value in configuration.items():
        if key == "hnsw_configuration" and isinstance(value, Mapping):
            plain["hnsw"] = {name: each for name, each in value.items() if name != "_type"}
        elif key != "_type":
            plain[key] = value
    return plain


def parse_wire_configuration(
    metadata: Mapping[str, Any] | None, configuration: Mapping[str, Any] | None
) -> HnswConfiguration:
    """Return the index parameters that a client asks for.

    Unlike in a call, defaults in the configuration give way to ``hnsw:*`` metadata: clients fill them in.

    Raises:
        InvalidArgumentError: as ``parse_configuration``.
    """
    given = _parse_old(configuration or {})
    hnsw = given.get("hnsw")
    if isinstance(hnsw, Mapping):
        given["hnsw"] = {name: value for name, value in hnsw.items() if not _gives_way(name, value, metadata or {})}
    return parse_configuration(metadata, given)


def _gives_way(name: str, value: Any, metadata: Mapping[str, Any]) -> bool:
    """Return whether a parameter is a default beside a key of the metadata that says something."""
    parameter = _OLD_NAMES.get(name, name)
    return _OLD_KEYS.get(parameter, "") in metadata and value == getattr(HnswConfiguration(), parameter)


def _answered_hnsw(body: CollectionBody) -> HnswConfiguration:
    """Return the index parameters that any server's answer tells of, in whatever form."""
    shown = body.configuration_json or {}
    sections = [shown, shown.get("vector_index") or {}]
    found: dict[str, Any] = {}
    for section in sections:
        for name in ("spann", "hnsw_configuration", "hnsw"):
            found.update(section.get(name) or {})
    parameters = {_OLD_NAMES.get(name, name): value for name, value in found.items() if value is not None}
    # Servers of 0.x leave what stands in the metadata out of the configuration.
    for name, key in _OLD_KEYS.items():
        if body.metadata and key in body.metadata:
            parameters[name] = body.metadata[key]
    return hnsw_from_dict(parameters)


# --- collections ----------------------------------------------------------------------------------


def _body(info: CollectionInfo, dialect: Dialect) -> CollectionBody:
    configuration = info.configuration
    body = CollectionBody(
        info.id,
        info.name,
        _old_configuration(configuration.hnsw) if dialect.old else configuration.to_dict(),
        None if info.metadata is None else dict(info.metadata),
        info.dimension,
        info.tenant,
        info.database,
    )
    if not dialect.old:
        body.schema = schema_to_wire(configuration)
    return body


def _info(body: CollectionBody, tenant: str, database: str) -> CollectionInfo:
    function = (body.configuration_json or {}).get("embedding_function") or None
    return CollectionInfo(
        body.id,
        body.name,
        body.tenant or tenant,
        body.database or database,
        Configuration(_answered_hnsw(body), function),
        body.metadata or None,
        body.dimension,
    )


def _place(operation: Any, **more: Any) -> dict[str, Any]:
    return {"tenant": operation.tenant, "database": operation.database, **more}


def _answer(result: CollectionInfo, operation: Any, dialect: Dialect) -> CollectionBody:
    return _body(result, dialect)


def _result(answered: CollectionBody, operation: Any) -> CollectionInfo:
    return _info(answered, operation.tenant, operation.database)


def _create(parameters: Parameters, body: NewCollection) -> op.CreateCollection:
    metadata = check_collection_metadata(body.metadata)
    # Clients that send a schema may send a configuration of nulls beside it.
    given = {key: value for key, value in (body.configuration or {}).items() if value is not None}
    configuration = {**configuration_of_schema(body.schema or {}), **given}
    return op.CreateCollection(
        parameters.tenant,
        parameters.database,
        check_collection_name(body.name),
        parse_wire_configuration(metadata, configuration),
        _function(configuration.get("embedding_function")),
        metadata,
        bool(body.get_or_create),
    )


def _function(function: Any) -> Mapping[str, Any] | None:
    if not function:
        return None
    if not isinstance(function, Mapping) or not isinstance(function.get("type"), str):
        raise InvalidArgumentError(
            'Expected the embedding function of a configuration to be an object with a "type", such as '
            f'{{"type": "known", "name": ..., "config": ...}}; got {str(function)[:80]!r}.'
        )
    return dict(function)


def _ask_create(operation: op.CreateCollection, dialect: Dialect, base64: bool) -> Asked:
    metadata = None if operation.metadata is None else dict(operation.metadata)
    configuration: dict[str, Any] | None = None
    if dialect.old:
        default = HnswConfiguration()
        for name, key in _OLD_KEYS.items():
            value = getattr(operation.hnsw, name)
            if value != getattr(default, name):
                metadata = {**(metadata or {}), key: value}
    else:
        configuration = Configuration(operation.hnsw, operation.embedding_function).to_dict()
    body = NewCollection(operation.name, configuration, metadata, operation.get_or_create)
    return Asked(_place(operation), body)


def _list(parameters: Parameters, body: None) -> op.ListCollections:
    return op.ListCollections(parameters.tenant, parameters.database, parameters.limit, parameters.offset or 0)


def _modify(parameters: Parameters, body: CollectionChanges) -> op.ModifyCollection:
    metadata = None
    if body.new_metadata is not None:
        metadata = check_collection_metadata(body.new_metadata, update=True) or {}
    configuration = _parse_old(body.new_configuration or {})
    function = _function(configuration.pop("embedding_function", None))
    return op.ModifyCollection(
        Address(None, None, check_collection_id(parameters.collection_id)),
        None if body.new_name is None else check_collection_name(body.new_name),
        metadata,
        {key: value for key, value in configuration.items() if value is not None} or None,
        function,
    )


def _ask_modify(operation: op.ModifyCollection, dialect: Dialect, base64: bool) -> Asked:
    address = operation.address
    parameters = {"tenant": address.tenant, "database": address.database, "collection_id": address.collection}
    configuration: dict[str, Any] | None = dict(operation.configuration or {})
    if operation.embedding_function is not None:
        configuration = {**(configuration or {}), "embedding_function": dict(operation.embedding_function)}
    metadata = None if operation.metadata is None else dict(operation.metadata)
    return Asked(parameters, CollectionChanges(operation.name, metadata, configuration or None))


def _modified(answered: dict[str, Any] | None, operation: op.ModifyCollection) -> CollectionInfo | None:
    """Return the collection as it is now; None where the server, one of the published, does not tell."""
    if not answered:
        return None
    address = operation.address
    return _info(msgspec.convert(answered, laid_out(CollectionBody)), address.tenant or "", address.database or "")


def _fork(parameters: Parameters, body: NewFork) -> op.ForkCollection:
    address = Address(None, None, check_collection_id(parameters.collection_id))
    return op.ForkCollection(address, check_collection_name(body.new_name))


def _ask_fork(operation: op.ForkCollection, dialect: Dialect, base64: bool) -> Asked:
    address = operation.address
    parameters = {"tenant": address.tenant, "database": address.database, "collection_id": address.collection}
    return Asked(parameters, NewFork(operation.name))


def _ask_by_name(operation: Any, dialect: Dialect, base64: bool) -> Asked:
    return Asked(_place(operation, name=operation.name))


def _ask_page(operation: op.ListCollections, dialect: Dialect, base64: bool) -> Asked:
    return Asked(_place(operation, limit=operation.limit, offset=operation.offset or None))


EXCHANGES: dict[type[Operation[Any]], Exchange] = {
    op.CreateCollection: Exchange(_create, _answer, _ask_create, _result, body=NewCollection, answered=CollectionBody),
    op.GetCollection: Exchange(
        lambda parameters, body: op.GetCollection(parameters.tenant, parameters.database, parameters.name),
        _answer,
        _ask_by_name,
        _result,
        answered=CollectionBody,
    ),
    op.GetCollectionById: Exchange(
        lambda parameters, body: op.GetCollectionById(
            parameters.tenant, parameters.database, check_collection_id(parameters.collection_id)
        ),
        _answer,
        lambda operation, dialect, base64: Asked(_place(operation, collection_id=operation.id)),
        _result,
        answered=CollectionBody,
    ),
    op.ListCollections: Exchange(
        _list,
        lambda result, operation, dialect: [_body(info, dialect) for info in result],
        _ask_page,
        lambda answered, operation: [_result(body, operation) for body in answered],
        answered=list[CollectionBody],
    ),
    op.CountCollections: Exchange(
        lambda parameters, body: op.CountCollections(parameters.tenant, parameters.database),
        unchanged,
        lambda operation, dialect, base64: Asked(_place(operation)),
        as_it_is,
        answered=int,
    ),
    op.ModifyCollection: Exchange(
        _modify, _answer, _ask_modify, _modified, body=CollectionChanges, answered=dict[str, Any] | None
    ),
    op.ForkCollection: Exchange(
        _fork,
        _answer,
        _ask_fork,
        lambda answered, operation: _info(answered, operation.address.tenant or "", operation.address.database or ""),
        body=NewFork,
        answered=CollectionBody,
    ),
    op.DeleteCollection: Exchange(
        lambda parameters, body: op.DeleteCollection(
            parameters.tenant, parameters.database, check_lookup(parameters.name, "collection")
        ),
        nothing,
        _ask_by_name,
        no_result,
    ),
}

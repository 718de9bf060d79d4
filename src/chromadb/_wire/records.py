"""Exchanges about the records of a collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from msgspec import Struct

from chromadb._model import operations as op
from chromadb._model.configuration import check_ef_search
from chromadb._model.entities import Address, IndexingStatus
from chromadb._model.names import check_collection_id
from chromadb._model.operations import Operation, Selection
from chromadb._model.records import Records, check_ids, check_records
from chromadb._model.results import GET_DEFAULT, QUERY_DEFAULT, check_include
from chromadb._model.types import GetResult, QueryResult
from chromadb._model.vectors import Matrix, to_matrix
from chromadb._model.where import parse_filter
from chromadb._wire.arrays import (
    WireVector,
    distances_from_wire,
    distances_to_wire,
    matrix_from_wire,
    rows_to_wire,
    vectors_from_wire,
    vectors_to_wire,
)
from chromadb._wire.dialects import Dialect
from chromadb._wire.exchanges import Asked, Count, Exchange, Parameters, as_it_is, no_result, nothing, unchanged
from chromadb._wire.filters import filter_to_wire
from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError, MalformedRequestError

# --- bodies ---------------------------------------------------------------------------------------


class RecordsBody(Struct, omit_defaults=True):
    """Records to write: lists in parallel, null for a list that is not given."""

    ids: list[str]
    embeddings: list[WireVector | None] | None = None
    documents: list[str | None] | None = None
    metadatas: list[dict[str, Any] | None] | None = None
    uris: list[str | None] | None = None
    modality: str | None = None
    """What the vectors were computed from: "document", "image" or "uri". Not part of the published API."""


class GetBody(Struct, omit_defaults=True):
    """Which records to read, and what of them."""

    ids: list[str] | None = None
    where: Any = None
    where_document: Any = None
    limit: Count | None = None
    offset: Count | None = None
    include: list[str] | None = None


class QueryBody(Struct, omit_defaults=True):
    """What to look for, among which records."""

    query_embeddings: list[WireVector]
    n_results: Count | None = None
    ids: list[str] | None = None
    where: Any = None
    where_document: Any = None
    include: list[str] | None = None
    exact: bool | None = None
    """Compare every record. Not part of the published API."""
    ef_search: int | None = None
    """How many candidates an index looks at. Not part of the published API."""


class DeleteBody(Struct, omit_defaults=True):
    """Which records to delete."""

    ids: list[str] | None = None
    where: Any = None
    where_document: Any = None
    limit: Count | None = None


def without_empty_filters(body: Any) -> Any:
    """Return a body in which an empty filter is none."""
    if isinstance(body, (GetBody, QueryBody, DeleteBody)):
        body.where = body.where or None
        body.where_document = body.where_document or None
    return body


class Deleted(Struct):
    """What was deleted."""

    deleted: int = 0


class Found(Struct):
    """Records read: lists in parallel, null for what was not included."""

    ids: list[str]
    embeddings: list[WireVector] | None = None
    documents: list[str | None] | None = None
    uris: list[str | None] | None = None
    metadatas: list[dict[str, Any] | None] | None = None


class Nearest(Struct):
    """Records found: one list for each query."""

    ids: list[list[str]]
    embeddings: list[list[WireVector]] | None = None
    documents: list[list[str | None]] | None = None
    uris: list[list[str | None]] | None = None
    metadatas: list[list[dict[str, Any] | None]] | None = None
    distances: list[list[float | None]] | None = None


class IndexingStatusBody(Struct):
    """How far the index of a collection is."""

    num_indexed_ops: int
    num_unindexed_ops: int
    total_ops: int
    op_indexing_progress: float


# --- writing --------------------------------------------------------------------------------------


def _address(parameters: Parameters) -> Address:
    # As in the published versions the id alone decides; API v1 has nothing else.
    return Address(None, None, check_collection_id(parameters.collection_id))


def _place(address: Address) -> dict[str, Any]:
    return {"tenant": address.tenant, "database": address.database, "collection_id": address.collection}


def _parse_add(parameters: Parameters, body: RecordsBody) -> op.Add:
    if body.embeddings is None or None in body.embeddings:
        raise MalformedRequestError("Expected an embedding for every record, got none. The server does not embed.")
    return op.Add(_address(parameters), _records(body, update=False))


def _parse_update(parameters: Parameters, body: RecordsBody) -> op.Update:
    return op.Update(_address(parameters), _records(body, update=True))


def _parse_upsert(parameters: Parameters, body: RecordsBody) -> op.Upsert:
    return op.Upsert(_address(parameters), _records(body, update=True))


def _records(body: RecordsBody, *, update: bool) -> Records:
    if not body.ids:
        if body.embeddings or body.documents or body.metadatas or body.uris:
            raise InvalidArgumentError("Expected as many ids as there are records, got none.")
        return Records([])
    if body.modality not in (None, "document", "image", "uri"):
        raise InvalidArgumentError(f"Expected modality to be document, image or uri; got {body.modality[:80]!r}.")
    if len(set(body.ids)) < len(body.ids):
        body = _without_repetitions(body, keep_last=update)
    embeddings = None if body.embeddings is None else vectors_from_wire(body.embeddings, "embeddings")
    try:
        return check_records(
            body.ids,
            embeddings=embeddings,
            documents=body.documents,
            metadatas=_without_empty(body.metadatas),
            uris=body.uris,
            modality=body.modality,
            update=update,
        )
    except InvalidArgumentTypeError as error:
        raise MalformedRequestError(error.message()) from None


def _without_empty(metadatas: list[dict[str, Any] | None] | None) -> list[dict[str, Any] | None] | None:
    """Take empty metadata for none: JavaScript clients send it."""
    return None if metadatas is None else [metadata or None for metadata in metadatas]


def _without_repetitions(body: RecordsBody, *, keep_last: bool) -> RecordsBody:
    """Return the records with each id once, as the published servers take them: the first one added, the last set."""
    chosen: dict[str, int] = {}
    for row, id in enumerate(body.ids):
        if keep_last or id not in chosen:
            chosen[id] = row
    rows = sorted(chosen.values())

    def column(values: list[Any] | None) -> Any:
        return [values[row] for row in rows] if values is not None and len(values) == len(body.ids) else values

    columns = {name: column(getattr(body, name)) for name in ("embeddings", "documents", "metadatas", "uris")}
    return RecordsBody([body.ids[row] for row in rows], **columns, modality=body.modality)


def _ask_write(operation: op.Add | op.Update | op.Upsert, dialect: Dialect, base64: bool) -> Asked:
    records = operation.records
    body = RecordsBody(
        records.ids,
        rows_to_wire(records.vectors, records.vector_rows, len(records), base64=base64),
        records.documents,
        cast(Any, records.metadatas),
        records.uris,
        records.modality,
    )
    return Asked(_place(operation.address), body)


def _added(result: None, operation: op.Add, dialect: Dialect) -> Any:
    return True if dialect.old else {}


def _parse_delete(parameters: Parameters, body: DeleteBody) -> op.Delete:
    if body.ids is None and body.where is None and body.where_document is None:
        raise InvalidArgumentError(
            "Expected ids, where or where_document to say what to delete, got none of them. "
            "To delete everything, delete the collection."
        )
    if body.limit is not None and body.where is None and body.where_document is None:
        raise InvalidArgumentError("Expected limit together with where or where_document, got it with ids alone.")
    ids = None if body.ids is None else check_ids(list(dict.fromkeys(body.ids)))
    return op.Delete(_address(parameters), Selection(ids, parse_filter(body.where, body.where_document)), body.limit)


def _ask_delete(operation: op.Delete, dialect: Dialect, base64: bool) -> Asked:
    where, where_document = filter_to_wire(operation.selection.filter)
    return Asked(_place(operation.address), DeleteBody(operation.selection.ids, where, where_document, operation.limit))


# --- reading --------------------------------------------------------------------------------------


def _selection(ids: list[str] | None, where: Any, where_document: Any) -> Selection:
    checked = None if ids is None else check_ids(list(dict.fromkeys(ids))) if ids else []
    return Selection(checked, parse_filter(where, where_document))


def _parse_get(parameters: Parameters, body: GetBody) -> op.Get:
    return op.Get(
        _address(parameters),
        _selection(body.ids, body.where, body.where_document),
        body.limit,
        body.offset or 0,
        GET_DEFAULT if body.include is None else check_include(body.include, query=False),
    )


def _ask_get(operation: op.Get, dialect: Dialect, base64: bool) -> Asked:
    where, where_document = filter_to_wire(operation.selection.filter)
    body = GetBody(
        operation.selection.ids,
        where,
        where_document,
        operation.limit,
        operation.offset or None,
        _sent_include(operation.include),
    )
    return Asked(_place(operation.address), body)


def _parse_query(parameters: Parameters, body: QueryBody) -> op.Query:
    vectors: Matrix = np.empty((0, 0), dtype=np.float32)
    if body.query_embeddings:
        vectors = to_matrix(vectors_from_wire(body.query_embeddings, "query_embeddings"), "query_embeddings")
    return op.Query(
        _address(parameters),
        vectors,
        10 if body.n_results is None else body.n_results,
        _selection(body.ids, body.where, body.where_document),
        QUERY_DEFAULT if body.include is None else check_include(body.include, query=True),
        bool(body.exact),
        None if body.ef_search is None else check_ef_search(body.ef_search),
    )


def _ask_query(operation: op.Query, dialect: Dialect, base64: bool) -> Asked:
    where, where_document = filter_to_wire(operation.selection.filter)
    body = QueryBody(
        # Published servers take base64 in writes only.
        vectors_to_wire(operation.vectors, base64=dialect is Dialect.EXTENDED),
        operation.n_results,
        operation.selection.ids,
        where,
        where_document,
        _sent_include(operation.include),
        operation.exact or None,
        operation.ef_search,
    )
    return Asked(_place(operation.address), body)


def _sent_include(include: Sequence[str]) -> list[str]:
    """Return what the server is to include; data is loaded by the client."""
    return [name for name in include if name != "data"]


def _answer_found(result: Any, operation: op.Get | op.Query, dialect: Dialect) -> dict[str, Any]:
    base64 = dialect is Dialect.EXTENDED
    embeddings = result["embeddings"]
    if isinstance(embeddings, np.ndarray):
        embeddings = vectors_to_wire(embeddings, base64=base64)
    elif embeddings is not None:
        embeddings = [vectors_to_wire(each, base64=base64) for each in embeddings]
    # Clients of 0.x read `included`, those of 1.x `include`.
    answer = {**result, "embeddings": embeddings, "include": result["included"]}
    if result.get("distances"):
        answer["distances"] = [distances_to_wire(row) for row in result["distances"]]
    return answer


def _get_result(answered: Found, operation: op.Get) -> GetResult:
    return {
        "ids": answered.ids,
        "embeddings": matrix_from_wire(answered.embeddings or []) if "embeddings" in operation.include else None,
        "documents": answered.documents if "documents" in operation.include else None,
        "uris": answered.uris if "uris" in operation.include else None,
        "included": cast(Any, list(operation.include)),
        "data": None,
        "metadatas": _metadatas(answered.metadatas) if "metadatas" in operation.include else None,
    }


def _metadatas(answered: Sequence[dict[str, Any] | None] | None) -> Any:
    """Take empty metadata for none: servers of 1.x answer with it."""
    return None if answered is None else [metadata or None for metadata in answered]


def _query_result(answered: Nearest, operation: op.Query) -> QueryResult:
    def column(field: str) -> Any:
        return getattr(answered, field) if field in operation.include else None

    embeddings, metadatas, distances = column("embeddings"), column("metadatas"), column("distances")
    return {
        "ids": answered.ids,
        "embeddings": None if embeddings is None else [matrix_from_wire(each) for each in embeddings],
        "documents": column("documents"),
        "uris": column("uris"),
        "included": cast(Any, list(operation.include)),
        "data": None,
        "metadatas": metadatas and [_metadatas(each) for each in metadatas],
        "distances": distances and [distances_from_wire(row) for row in distances],
    }


def _status_body(result: IndexingStatus, operation: Any, dialect: Dialect) -> IndexingStatusBody:
    return IndexingStatusBody(
        result.num_indexed_ops, result.num_unindexed_ops, result.total_ops, result.op_indexing_progress
    )


def _ask_nothing(operation: Any, dialect: Dialect, base64: bool) -> Asked:
    return Asked(_place(operation.address))


EXCHANGES: dict[type[Operation[Any]], Exchange] = {
    op.Add: Exchange(_parse_add, _added, _ask_write, no_result, body=RecordsBody),
    op.Update: Exchange(_parse_update, nothing, _ask_write, no_result, body=RecordsBody),
    op.Upsert: Exchange(_parse_upsert, nothing, _ask_write, no_result, body=RecordsBody),
    op.Delete: Exchange(
        _parse_delete,
        lambda result, operation, dialect: None if dialect.old else Deleted(result),
        _ask_delete,
        lambda answered, operation: answered.deleted if isinstance(answered, Deleted) else 0,
        body=DeleteBody,
        answered=Deleted | list[str] | None,
    ),
    op.Count: Exchange(
        lambda parameters, body: op.Count(_address(parameters)), unchanged, _ask_nothing, as_it_is, answered=int
    ),
    op.Get: Exchange(_parse_get, _answer_found, _ask_get, _get_result, body=GetBody, answered=Found),
    op.Query: Exchange(_parse_query, _answer_found, _ask_query, _query_result, body=QueryBody, answered=Nearest),
    op.GetIndexingStatus: Exchange(
        lambda parameters, body: op.GetIndexingStatus(_address(parameters)),
        _status_body,
        _ask_nothing,
        lambda answered, operation: IndexingStatus(
            answered.num_indexed_ops, answered.num_unindexed_ops, answered.total_ops
        ),
        body=None,
        answered=IndexingStatusBody,
    ),
}

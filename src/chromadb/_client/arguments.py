"""From the arguments of a call to an operation: everything that sync and async collections share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from chromadb._client.embedding import CollectionEmbedding, check_images, choose_function, default_space
from chromadb._embed.registry import describe
from chromadb._model import operations as op
from chromadb._model.configuration import check_ef_search, parse_configuration
from chromadb._model.entities import Address
from chromadb._model.metadata import check_collection_metadata
from chromadb._model.names import check_collection_name, shorten
from chromadb._model.names import describe as describe_value
from chromadb._model.operations import Selection
from chromadb._model.records import Records, check_ids, check_records, check_texts
from chromadb._model.results import check_count, check_include
from chromadb._model.types import GetResult, Include, QueryResult
from chromadb._model.vectors import Matrix, to_matrix
from chromadb._model.where import parse_filter
from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError

GET_INCLUDE: Include = ["metadatas", "documents"]
QUERY_INCLUDE: Include = ["metadatas", "documents", "distances"]
"""The defaults of `include`; these very objects mean that the caller gave none."""


NO_VECTORS: Matrix = np.empty((0, 0), dtype=np.float32)


def backup_operation(path: Any, dated: bool, keep: Any, progress: Any) -> op.MakeBackup:
    """Return the operation that ``backup()`` asks for.

    Raises:
        InvalidArgumentError: an argument is not allowed, or two contradict each other.
    """
    most = check_count(keep, "keep", least=1)
    if most is not None and not dated:
        raise InvalidArgumentError(
            "Expected keep together with dated=True, got keep alone. One backup in its own directory is never removed."
        )
    return op.MakeBackup(check_directory(path, "path"), bool(dated), most, progress)


def check_directory(path: Any, what: str) -> Path:
    """Return the path of a directory, absolute.

    Raises:
        InvalidArgumentTypeError: it is none.
        InvalidArgumentError: no system has such a path.
    """
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        raise InvalidArgumentTypeError(f"Expected {what} to be a str or a Path, got {describe_value(path)}.")
    text = os.fspath(path)
    if not text or "\0" in text:
        raise InvalidArgumentError(f"Expected {what} to be the path of a directory, got {text!r}.")
    return Path(os.path.abspath(text))


def create_operation(
    tenant: str,
    database: str,
    name: Any,
    schema: Any,
    configuration: Any,
    metadata: Any,
    embedding_function: Any,
    get_or_create: bool,
) -> tuple[op.CreateCollection, Any]:
    """Return the operation, and the embedding function that the collection is to be opened with.

    Raises:
        InvalidArgumentError: an argument is not allowed, or two contradict each other.
    """
    if schema is not None:
        raise InvalidArgumentError(
            "Expected schema to be None: schemas are not supported yet. Give the space and the index parameters as "
            'configuration={"hnsw": {...}}, and the embedding function as embedding_function=....'
        )
    checked_name = check_collection_name(name)
    checked_metadata = check_collection_metadata(metadata)
    function = choose_function(embedding_function, configuration)
    hnsw = parse_configuration(checked_metadata, configuration, default_space(function))
    operation = op.CreateCollection(
        tenant,
        database,
        checked_name,
        hnsw,
        describe(function),
        checked_metadata,
        bool(get_or_create),
    )
    return operation, function


def write_records(
    embedding: CollectionEmbedding,
    ids: Any,
    embeddings: Any,
    metadatas: Any,
    documents: Any,
    images: Any,
    uris: Any,
    *,
    update: bool = False,
    create: bool = True,
) -> Records:
    """Return the records of a write, embedded if no embeddings were given.

    Everything else is checked before anything is embedded, so that a mistake costs nothing.

    Args:
        update: whether existing records may be changed.
        create: whether records may be made, which then need a vector.

    Raises:
        InvalidArgumentError: see ``check_records``; or it is not clear what to embed.
    """
    columns = {"documents": documents, "metadatas": metadatas, "uris": uris}
    records = check_records(ids, embeddings=embeddings, update=update, **columns)
    if embeddings is not None:
        if create and len(records.vector_rows) < len(records):
            raise InvalidArgumentError(
                "Expected a vector for every record, got None among the embeddings. Only update() may leave them out."
            )
        return records
    loadable = uris is not None and (create or embedding.data_loader is not None)
    if images is None and documents is None and not loadable:
        if create:
            raise InvalidArgumentError("Expected embeddings, documents, images or uris; got none of them.")
        return records
    # A URI beside a document or an image is kept with the record; alone it is what the vector is made from.
    if documents is not None and images is not None:
        raise InvalidArgumentError(
            "Expected documents or images to embed, got both. Pass the embeddings, or split the call."
        )
    if documents is not None:
        return _embed_documents(embedding, records, columns, ids, update, create)
    if images is not None:
        listed = check_images(images)
        if len(listed) != len(records):
            raise InvalidArgumentError(
                f"Expected as many images as ids, got {len(listed)} images and {len(records)} ids."
            )
        vectors, modality = embedding.embed(listed), "image"
    else:
        missing = [row for row, uri in enumerate(records.uris or []) if uri is None]
        if missing:
            raise InvalidArgumentError(f"Expected a URI for every record to embed, got None at uris[{missing[0]}].")
        vectors, modality = embedding.embed(embedding.load(records.uris or [])), "uri"
    return check_records(ids, embeddings=vectors, modality=modality, update=update, **columns)


def _embed_documents(
    embedding: CollectionEmbedding, records: Records, columns: dict[str, Any], ids: Any, update: bool, create: bool
) -> Records:
    documents = records.documents or []
    texts = [text for text in documents if text is not None]
    if create and len(texts) < len(documents):
        row = documents.index(None)
        raise InvalidArgumentError(
            f"Expected a document for every record to embed, got None at documents[{row}]. Pass the embeddings, or "
            "leave the record out."
        )
    if not texts:
        return records
    vectors = iter(embedding.embed(texts))
    embeddings = [None if text is None else next(vectors) for text in documents]
    return check_records(ids, embeddings=embeddings, modality="document", update=update, **columns)


def select(ids: Any, where: Any, where_document: Any) -> Selection:
    """Return the selection that a call describes.

    Raises:
        InvalidArgumentError: the ids or a filter are not allowed.
    """
    return Selection(None if ids is None else check_ids(ids), parse_filter(where, where_document))


def get_operation(
    address: Address, ids: Any, where: Any, limit: Any, offset: Any, where_document: Any, include: Any, includes: Any
) -> op.Get:
    """Return the operation.

    Raises:
        InvalidArgumentError: an argument is not allowed.
    """
    wanted = check_include(_one_include(include, includes), query=False)
    return op.Get(
        address,
        select(ids, where, where_document),
        limit=check_count(limit, "limit"),
        offset=check_count(offset, "offset") or 0,
        include=_with_uris(wanted),
    )


def query_operation(
    address: Address,
    ids: Any,
    n_results: Any,
    where: Any,
    where_document: Any,
    include: Any,
    includes: Any,
    exact: Any,
    ef_search: Any,
) -> op.Query:
    """Return the operation, its vectors still to come: a mistake in a filter must not cost an embedding.

    Raises:
        InvalidArgumentError: an argument is not allowed.
    """
    wanted = check_include(_one_include(include, includes), query=True)
    count = check_count(n_results, "n_results", least=1)
    if count is None:
        raise InvalidArgumentTypeError("Expected n_results to be an int, got None.")
    # Unlike everywhere else an empty list of ids is allowed here: it means that nothing can match.
    checked = [] if isinstance(ids, (list, tuple)) and not ids else None if ids is None else check_ids(ids)
    return op.Query(
        address,
        NO_VECTORS,
        count,
        Selection(checked, parse_filter(where, where_document)),
        _with_uris(wanted),
        bool(exact),
        None if ef_search is None else check_ef_search(ef_search),
    )


def query_vectors(embedding: CollectionEmbedding, embeddings: Any, texts: Any, images: Any, uris: Any) -> Matrix:
    """Return the vectors of a query, shape (q, dimension).

    Raises:
        InvalidArgumentError: not exactly one kind of input was given, or it is not allowed.
    """
    inputs = {"query_embeddings": embeddings, "query_texts": texts, "query_images": images, "query_uris": uris}
    given = [name for name, values in inputs.items() if values is not None]
    if len(given) != 1:
        raise InvalidArgumentError(
            f"Expected exactly one of {', '.join(inputs)}; got {' and '.join(given) or 'none of them'}."
        )
    if embeddings is not None:
        return to_matrix(embeddings, "query_embeddings")
    if images is not None:
        return embedding.embed(check_images(images), queries=True)
    name, values = (given[0], texts if texts is not None else uris)
    if isinstance(values, np.ndarray):
        values = values.tolist()
    listed = [values] if isinstance(values, str) else values
    checked = check_texts(listed, len(listed) if hasattr(listed, "__len__") else 0, name) or []
    if not checked or None in checked:
        raise InvalidArgumentError(f"Expected {name} to be a non-empty list of str, got {shorten(values)}.")
    return embedding.embed(checked if texts is not None else embedding.load(checked), queries=True)


def delete_operation(address: Address, ids: Any, where: Any, where_document: Any, limit: Any) -> op.Delete:
    """Return the operation.

    Raises:
        InvalidArgumentError: nothing was selected, or an argument is not allowed.
    """
    if ids is None and where is None and where_document is None:
        raise InvalidArgumentError(
            "Expected ids, where or where_document to say what to delete, got none of them. "
            "To delete everything, delete the collection."
        )
    count = check_count(limit, "limit")
    if count is not None and where is None and where_document is None:
        raise InvalidArgumentError("Expected limit together with where or where_document, got it with ids alone.")
    return op.Delete(address, select(ids, where, where_document), count)


def finish_get(embedding: CollectionEmbedding, operation: op.Get, result: GetResult) -> GetResult:
    """Return the result with the data of its URIs, as asked for."""
    if "data" in operation.include:
        result["data"] = _load(embedding, result["uris"] or [])
    return result


def finish_query(embedding: CollectionEmbedding, operation: op.Query, result: QueryResult) -> QueryResult:
    """Return the result with the data of its URIs, as asked for."""
    if "data" in operation.include:
        result["data"] = [_load(embedding, uris) for uris in result["uris"] or []]
    return result


def _load(embedding: CollectionEmbedding, uris: list[str | None]) -> list[Any]:
    """Return the data of each URI, None for a record without one."""
    present = [uri for uri in uris if uri is not None]
    loaded = iter(embedding.load(present) if present or embedding.data_loader is None else ())
    return [None if uri is None else next(loaded) for uri in uris]


def _one_include(include: Any, includes: Any) -> Any:
    """Settle between `include` and `includes`, the name under which parts of the documentation know it."""
    if includes is None:
        return include
    if include is not GET_INCLUDE and include is not QUERY_INCLUDE:
        raise InvalidArgumentError("Expected include or includes, got both. They are the same.")
    return includes


def _with_uris(include: tuple[str, ...]) -> tuple[str, ...]:
    """Data is loaded from the URIs, which therefore come along."""
    return (*include, "uris") if "data" in include and "uris" not in include else include

"""Operations that read records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chromadb._model import operations as op
from chromadb._model.entities import IndexingStatus
from chromadb._model.operations import Operation
from chromadb._model.types import GetResult, QueryResult
from chromadb._model.vectors import Matrix
from chromadb._storage.base import Backend, Found


def _count(backend: Backend, operation: op.Count) -> int:
    with backend.open(operation.address) as store:
        return store.count()


def _indexing_status(backend: Backend, operation: op.GetIndexingStatus) -> IndexingStatus:
    with backend.open(operation.address) as store:
        return store.indexing_status()


def _get(backend: Backend, operation: op.Get) -> GetResult:
    with backend.open(operation.address) as store:
        found = store.get(operation.selection, operation.limit, operation.offset, operation.include)
    return {
        "ids": found.ids,
        "embeddings": _embeddings(found.vectors),
        "documents": found.documents,
        "uris": found.uris,
        "included": list(operation.include),  # type: ignore[arg-type]
        "data": None,
        "metadatas": found.metadatas,
    }


def _query(backend: Backend, operation: op.Query) -> QueryResult:
    with backend.open(operation.address) as store:
        found: list[Found] = []
        if len(operation.vectors):
            found = store.query(
                operation.vectors,
                operation.n_results,
                operation.selection,
                operation.include,
                exact=operation.exact,
                ef_search=operation.ef_search,
            )

    def nested(field: str, column: Callable[[Found], Any]) -> Any:
        return [column(each) for each in found] if field in operation.include else None

    return {
        "ids": [each.ids for each in found],
        "embeddings": nested("embeddings", lambda each: _embeddings(each.vectors)),
        "documents": nested("documents", lambda each: each.documents),
        "uris": nested("uris", lambda each: each.uris),
        "included": list(operation.include),  # type: ignore[arg-type]
        "data": None,
        "metadatas": nested("metadatas", lambda each: each.metadatas),
        "distances": nested("distances", lambda each: _floats(each.distances)),
    }


def _embeddings(vectors: Matrix | None) -> NDArray[np.float64] | None:
    """Return vectors in the type that callers of 0.6 and 1.x get; its items are Python floats too, unlike float32's."""
    return None if vectors is None else vectors.astype(np.float64)


def _floats(distances: NDArray[np.float32] | None) -> list[float]:
    return [] if distances is None else distances.tolist()


HANDLERS: dict[type[Operation[Any]], Callable[[Backend, Any], Any]] = {
    op.Count: _count,
    op.Get: _get,
    op.Query: _query,
    op.GetIndexingStatus: _indexing_status,
}

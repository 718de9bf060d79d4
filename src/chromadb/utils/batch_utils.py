"""Cutting records into batches (public path)."""

from __future__ import annotations

from typing import Any

from chromadb.errors import InvalidArgumentError

Batch = tuple[list[str], Any, Any, Any]


def create_batches(
    api: Any,
    ids: list[str],
    embeddings: Any = None,
    metadatas: Any = None,
    documents: Any = None,
) -> list[Batch]:
    """Return records cut into batches that a client takes well: tuples of ids, embeddings, metadatas, documents.

    Args:
        api: the client, asked for ``get_max_batch_size()`` (or a number ``max_batch_size``, as 0.4 had it).
        ids: of the records.
        embeddings: one per id, or None.
        metadatas: one per id, or None.
        documents: one per id, or None.

    Raises:
        InvalidArgumentError: a column has another length than `ids`.
    """
    size = int(api.get_max_batch_size() if hasattr(api, "get_max_batch_size") else api.max_batch_size)
    columns = {"embeddings": embeddings, "metadatas": metadatas, "documents": documents}
    for name, values in columns.items():
        if values is not None and len(values) != len(ids):
            raise InvalidArgumentError(f"Expected as many {name} as ids, got {len(values)} {name} and {len(ids)} ids.")

    def batch(start: int) -> Batch:
        cut = slice(start, start + size)
        parts = [None if values is None else values[cut] for values in columns.values()]
        return ids[cut], parts[0], parts[1], parts[2]

    return [batch(start) for start in range(0, len(ids), size)]

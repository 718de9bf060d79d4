"""Records: what one call writes, checked and in columns."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chromadb._model.metadata import check_metadata, is_list
from chromadb._model.names import check_text, describe, list_hint, plain_text, shorten
from chromadb._model.vectors import Matrix, to_matrix, to_rows
from chromadb.errors import DuplicateIDError, InvalidArgumentError, InvalidArgumentTypeError


@dataclass(frozen=True, eq=False)
class Records:
    """The records of one write, as columns in parallel; None stands for a column that was not given.

    In an update an item of None keeps what is stored.
    """

    ids: list[str]
    vectors: Matrix | None = None
    """Shape (len(vector_rows), dimension), float32."""
    vector_rows: Sequence[int] = ()
    """The positions in `ids` that `vectors` belong to, ascending."""
    documents: list[str | None] | None = None
    metadatas: list[dict[str, Any] | None] | None = None
    uris: list[str | None] | None = None
    modality: str | None = None
    """What the vectors were computed from: "document", "image" or "uri"; None if they were given. A record that
    exists has one modality at a time: the document or URI of the former one goes."""

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, start: int, stop: int) -> Records:
        """Return the records from `start` to before `stop`."""
        first, end = (bisect_left(self.vector_rows, row) for row in (start, stop))
        some = slice(start, stop)
        return replace(
            self,
            ids=self.ids[some],
            vectors=None if self.vectors is None or first == end else self.vectors[first:end],
            vector_rows=[row - start for row in self.vector_rows[first:end]],
            documents=None if self.documents is None else self.documents[some],
            metadatas=None if self.metadatas is None else self.metadatas[some],
            uris=None if self.uris is None else self.uris[some],
        )


def check_records(
    ids: Any,
    *,
    embeddings: Any = None,
    documents: Any = None,
    metadatas: Any = None,
    uris: Any = None,
    modality: str | None = None,
    update: bool = False,
) -> Records:
    """Return the records of one write.

    Args:
        ids: one id or a sequence of ids.
        embeddings: one vector, a sequence of vectors, or an array of shape (n, dimension).
        documents: one text or a sequence of texts and None.
        metadatas: one dict or a sequence of dicts and None.
        uris: one URI or a sequence of URIs and None.
        modality: what the embeddings were computed from.
        update: whether existing records are changed: vectors may be missing, metadata values may be None.

    Raises:
        InvalidArgumentError: lengths that differ, wrong types, or a value that is not allowed.
        DuplicateIDError: an id stands twice.
    """
    id_list = check_ids(ids)
    count = len(id_list)
    vectors: Matrix | None = None
    rows: Sequence[int] = range(count)
    if embeddings is not None:
        if update:
            listed = [embeddings] if _is_one_vector(embeddings) else embeddings
            if not is_list(listed):
                raise InvalidArgumentTypeError(
                    "Expected embeddings to be a vector, a list of vectors or a numpy array, got "
                    f"{describe(embeddings)}.{list_hint(embeddings, 'embeddings')}"
                )
            _check_length(listed, count, "embeddings")
            vectors, rows = to_rows(listed, count)
        else:
            vectors = to_matrix(embeddings, "embeddings")
            _check_length(vectors, count, "embeddings")
    return Records(
        ids=id_list,
        vectors=vectors,
        vector_rows=rows if vectors is not None else (),
        documents=check_texts(documents, count, "documents"),
        metadatas=_check_metadatas(metadatas, count, update),
        uris=check_texts(uris, count, "uris"),
        modality=modality,
    )


def check_ids(ids: Any, what: str = "ids") -> list[str]:
    """Return ids as a list.

    Raises:
        InvalidArgumentError: no id, an empty one, or something else than str.
        DuplicateIDError: an id stands twice.
    """
    listed = [ids] if isinstance(ids, str) else ids
    if not is_list(listed):
        raise InvalidArgumentTypeError(
            f"Expected {what} to be a str or a list of str, got {describe(ids)}.{list_hint(ids, what)}"
        )
    if len(listed) == 0:
        raise InvalidArgumentError(f"Expected {what} to be a non-empty list, got {shorten(ids)}.")
    for row, value in enumerate(listed):
        if not isinstance(value, str):
            raise InvalidArgumentTypeError(f"Expected every id to be a str, got {describe(value)} at {what}[{row}].")
        if not value:
            raise InvalidArgumentError(f"Expected every id to be a non-empty str, got '' at {what}[{row}].")
        check_text(value, f"{what}[{row}]")
    checked = [plain_text(value) for value in listed]
    if len(set(checked)) < len(checked):
        seen: set[str] = set()
        again = {value: None for value in checked if value in seen or seen.add(value)}  # type: ignore[func-returns-value]
        raise DuplicateIDError(
            f"Expected {what} to be unique within one call, got more than once: {shorten(list(again), 200)}."
        )
    return checked


def check_texts(values: Any, count: int, what: str) -> list[str | None] | None:
    """Return texts or URIs as a list of `count` items, or None if none were given.

    Raises:
        InvalidArgumentError: another length, something else than str or None, or a lone surrogate.
    """
    if values is None:
        return None
    listed = [values] if isinstance(values, str) else values
    if not is_list(listed):
        raise InvalidArgumentTypeError(
            f"Expected {what} to be a str or a list of str, got {describe(values)}.{list_hint(values, what)}"
        )
    _check_length(listed, count, what)
    for row, value in enumerate(listed):
        if value is None:
            continue
        if not isinstance(value, str):
            raise InvalidArgumentTypeError(
                f"Expected every item of {what} to be a str or None, got {describe(value)} at {what}[{row}]."
            )
        check_text(value, f"{what}[{row}]")
    return [None if value is None else plain_text(value) for value in listed]


def _check_metadatas(values: Any, count: int, update: bool) -> list[dict[str, Any] | None] | None:
    if values is None:
        return None
    listed = [values] if isinstance(values, Mapping) else values
    if not isinstance(listed, (list, tuple)):
        raise InvalidArgumentTypeError(
            f"Expected metadatas to be a dict or a list of dicts, got {describe(values)}."
            f"{list_hint(values, 'metadatas')}"
        )
    _check_length(listed, count, "metadatas")
    return [check_metadata(value, f"metadatas[{row}]", update=update) for row, value in enumerate(listed)]


def _check_length(values: Any, count: int, what: str) -> None:
    if len(values) != count:
        raise InvalidArgumentError(f"Expected as many {what} as ids, got {len(values)} {what} and {count} ids.")


def _is_one_vector(embeddings: Any) -> bool:
    if isinstance(embeddings, np.ndarray):
        return embeddings.ndim == 1
    return (
        isinstance(embeddings, (list, tuple))
        and len(embeddings) > 0
        and all(isinstance(number, (int, float, np.number)) for number in embeddings)
    )

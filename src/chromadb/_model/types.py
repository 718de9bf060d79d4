"""Names of the types that users of the library see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
OneOrMany: TypeAlias = T | Sequence[T]

ID: TypeAlias = str
IDs: TypeAlias = list[ID]
URI: TypeAlias = str
URIs: TypeAlias = list[URI]
Document: TypeAlias = str
Documents: TypeAlias = list[Document]
ImageDType: TypeAlias = np.uint64 | np.int64 | np.float64
Image: TypeAlias = NDArray[Any]
Images: TypeAlias = list[Image]

Vector: TypeAlias = NDArray[np.float32]
PyEmbedding: TypeAlias = Sequence[float] | Sequence[int]
PyEmbeddings: TypeAlias = list[PyEmbedding]
Embedding: TypeAlias = NDArray[Any] | Sequence[float] | Sequence[int]
Embeddings: TypeAlias = list[Embedding]
VectorsLike: TypeAlias = (
    NDArray[Any]
    | Sequence[float]
    | Sequence[int]
    | Sequence[Sequence[float]]
    | Sequence[Sequence[int]]
    | Sequence[NDArray[Any]]
    | Sequence[Embedding]
)
"""One vector or many, as callers may pass them."""

Scalar: TypeAlias = str | int | float | bool
MetadataValue: TypeAlias = Scalar | list[str] | list[int] | list[float] | list[bool] | None
Metadata: TypeAlias = Mapping[str, Any]
UpdateMetadata: TypeAlias = Mapping[str, Any]
Metadatas: TypeAlias = list[Metadata]
CollectionMetadata: TypeAlias = dict[str, Any]
UpdateCollectionMetadata: TypeAlias = dict[str, Any]

WhereOperator: TypeAlias = Literal[
    "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$contains", "$not_contains"
]
LogicalOperator: TypeAlias = Literal["$and", "$or"]
WhereDocumentOperator: TypeAlias = Literal["$contains", "$not_contains", "$regex", "$not_regex", "$and", "$or"]
Where: TypeAlias = dict[str, Any]
WhereDocument: TypeAlias = dict[str, Any]

Include: TypeAlias = list[Literal["documents", "embeddings", "metadatas", "distances", "uris", "data"]]
Space: TypeAlias = Literal["l2", "ip", "cosine"]
Quantization: TypeAlias = Literal["auto", "binary", "int8", "float16", "float32"]

Embeddable: TypeAlias = Documents | Images
Loadable: TypeAlias = list[Any]
L_co = TypeVar("L_co", covariant=True)


class DataLoader(Protocol[L_co]):
    """Loads the data that URIs point to."""

    def __call__(self, uris: Sequence[str | None]) -> L_co:
        """Return the data of each URI, in order, ``None`` where the URI is ``None``."""
        ...


class GetResult(TypedDict):
    """Records found by ``get`` and ``peek``: lists in parallel, ``None`` where not included."""

    ids: list[ID]
    embeddings: NDArray[Any] | None
    documents: list[Document | None] | None
    uris: list[URI | None] | None
    data: Loadable | None
    metadatas: list[Metadata | None] | None
    included: Include


class QueryResult(TypedDict):
    """Nearest records found by ``query``: one list per query, nearest first."""

    ids: list[list[ID]]
    embeddings: list[NDArray[Any]] | None
    documents: list[list[Document | None]] | None
    uris: list[list[URI | None]] | None
    data: list[Loadable] | None
    metadatas: list[list[Metadata | None]] | None
    distances: list[list[float]] | None
    included: Include


class DeleteResult(TypedDict):
    """What ``delete`` did."""

    deleted: int

"""Types of arguments and results, and their checks (public path; defined in `_model` and `_embed`)."""

from __future__ import annotations

from typing import Any

from chromadb._embed.base import EmbeddingFunction
from chromadb._embed.registry import register_embedding_function
from chromadb._embed.sparse.base import SparseEmbeddingFunction, register_sparse_embedding_function
from chromadb._model.metadata import check_metadata
from chromadb._model.records import check_ids
from chromadb._model.results import IncludeEnum
from chromadb._model.sparse import SparseVector, SparseVectors
from chromadb._model.types import (
    ID,
    URI,
    CollectionMetadata,
    DataLoader,
    DeleteResult,
    Document,
    Documents,
    Embeddable,
    Embedding,
    Embeddings,
    GetResult,
    IDs,
    Image,
    ImageDType,
    Images,
    Include,
    Loadable,
    Metadata,
    Metadatas,
    OneOrMany,
    PyEmbedding,
    PyEmbeddings,
    QueryResult,
    Space,
    T,
    UpdateCollectionMetadata,
    UpdateMetadata,
    URIs,
    Vector,
    Where,
    WhereDocument,
)
from chromadb._model.vectors import to_matrix
from chromadb._model.where import parse_filter


def validate_where(where: Any) -> Where:
    """Return a filter on metadata, or raise an InvalidArgumentError that names what is wrong in it."""
    parse_filter(where)
    return where  # type: ignore[no-any-return]


def validate_where_document(where_document: Any) -> WhereDocument:
    """Return a filter on documents, or raise an InvalidArgumentError that names what is wrong in it."""
    parse_filter(where_document=where_document)
    return where_document  # type: ignore[no-any-return]


def validate_ids(ids: Any) -> IDs:
    """Return ids as a list, or raise an InvalidArgumentError."""
    return check_ids(ids)


def validate_metadata(metadata: Any) -> dict[str, Any] | None:
    """Return a record's metadata, or raise an InvalidArgumentError."""
    return check_metadata(metadata, "metadata")


def validate_embeddings(embeddings: Any) -> Embeddings:
    """Return embeddings as float32 arrays, or raise an InvalidArgumentError."""
    return list(to_matrix(embeddings, "embeddings"))


__all__ = [
    "ID",
    "URI",
    "CollectionMetadata",
    "DataLoader",
    "DeleteResult",
    "Document",
    "Documents",
    "Embeddable",
    "Embedding",
    "EmbeddingFunction",
    "Embeddings",
    "GetResult",
    "IDs",
    "Image",
    "ImageDType",
    "Images",
    "Include",
    "IncludeEnum",
    "Loadable",
    "Metadata",
    "Metadatas",
    "OneOrMany",
    "PyEmbedding",
    "PyEmbeddings",
    "QueryResult",
    "Space",
    "SparseEmbeddingFunction",
    "SparseVector",
    "SparseVectors",
    "T",
    "URIs",
    "UpdateCollectionMetadata",
    "UpdateMetadata",
    "Vector",
    "Where",
    "WhereDocument",
    "register_embedding_function",
    "register_sparse_embedding_function",
    "validate_embeddings",
    "validate_ids",
    "validate_metadata",
    "validate_where",
    "validate_where_document",
]

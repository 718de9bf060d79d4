"""Types of values (public path; defined in `_model`)."""

from chromadb._model.entities import CollectionInfo as Collection
from chromadb._model.entities import Database, Finding, Tenant
from chromadb._model.types import (
    LogicalOperator,
    Metadata,
    UpdateMetadata,
    Where,
    WhereDocument,
    WhereDocumentOperator,
    WhereOperator,
)
from chromadb._model.types import Vector as Vector

__all__ = [
    "Collection",
    "Database",
    "Finding",
    "LogicalOperator",
    "Metadata",
    "Tenant",
    "UpdateMetadata",
    "Vector",
    "Where",
    "WhereDocument",
    "WhereDocumentOperator",
    "WhereOperator",
]

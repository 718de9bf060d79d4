"""Types of `configuration` as 1.x writes it (public path)."""

from __future__ import annotations

from typing import Any, TypedDict

from chromadb._model.types import Quantization, Space


class CreateHNSWConfiguration(TypedDict, total=False):
    """Index parameters of a new collection; see docs/collections.md."""

    space: Space
    ef_construction: int
    max_neighbors: int
    ef_search: int
    quantization: Quantization
    num_threads: int
    batch_size: int
    sync_threshold: int
    resize_factor: float


class UpdateHNSWConfiguration(TypedDict, total=False):
    """Index parameters that ``modify`` changes."""

    ef_search: int
    max_neighbors: int
    ef_construction: int
    quantization: Quantization
    num_threads: int
    batch_size: int
    sync_threshold: int
    resize_factor: float


class CreateSpannConfiguration(TypedDict, total=False):
    """The configuration of a hosted index, of which the parameters that exist here are taken."""

    space: Space
    ef_construction: int
    ef_search: int
    max_neighbors: int


class CreateCollectionConfiguration(TypedDict, total=False):
    """The `configuration` of ``create_collection``."""

    hnsw: CreateHNSWConfiguration | None
    spann: CreateSpannConfiguration | None
    embedding_function: Any


class UpdateCollectionConfiguration(TypedDict, total=False):
    """The `configuration` of ``modify``."""

    hnsw: UpdateHNSWConfiguration | None
    embedding_function: Any


class CollectionConfiguration(TypedDict, total=False):
    """The `configuration` of a collection."""

    hnsw: CreateHNSWConfiguration | None
    spann: CreateSpannConfiguration | None
    embedding_function: Any


__all__ = [
    "CollectionConfiguration",
    "CreateCollectionConfiguration",
    "CreateHNSWConfiguration",
    "CreateSpannConfiguration",
    "UpdateCollectionConfiguration",
    "UpdateHNSWConfiguration",
]

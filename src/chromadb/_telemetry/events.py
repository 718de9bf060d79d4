"""Events: what may be told of the use of a database. Names and properties are those of 0.6."""

from __future__ import annotations

import sys
from typing import Any, ClassVar


class ProductTelemetryEvent:
    """Something that happened; several of a kind can be told as one.

    Args:
        batch_size: how many it stands for.
    """

    max_batch_size: ClassVar[int] = 1

    def __init__(self, batch_size: int = 1) -> None:
        self.batch_size = batch_size

    @property
    def name(self) -> str:
        """What it is called."""
        return type(self).__name__

    @property
    def properties(self) -> dict[str, Any]:
        """What is told of it."""
        return dict(vars(self))

    @property
    def batch_key(self) -> str:
        """What those have in common that may be told as one."""
        return self.name

    def batch(self, other: ProductTelemetryEvent) -> ProductTelemetryEvent:
        """Return one event for this one and another.

        Raises:
            NotImplementedError: events of this kind are told one by one.
            ValueError: the other one is of another kind.
        """
        raise NotImplementedError


class _Counted(ProductTelemetryEvent):
    """One whose numbers add up."""

    _sums: ClassVar[tuple[str, ...]] = ()

    def batch(self, other: ProductTelemetryEvent) -> ProductTelemetryEvent:
        """Return one event for this one and another of the same collection."""
        if self.batch_key != other.batch_key:
            raise ValueError("Expected an event that may be told with this one, got another. Compare their batch_key.")
        sums = {name: getattr(self, name) + getattr(other, name) for name in self._sums}
        return type(self)(**{**vars(self), **sums, "batch_size": self.batch_size + other.batch_size})


class ClientStartEvent(ProductTelemetryEvent):
    """A client was made."""

    def __init__(self) -> None:
        super().__init__()
        self.in_colab = "google.colab" in sys.modules


class ServerStartEvent(ProductTelemetryEvent):
    """A server was started."""

    def __init__(self) -> None:
        super().__init__()
        self.is_cli = "chromadb._cli.main" in sys.modules


class ClientCreateCollectionEvent(ProductTelemetryEvent):
    """A collection was made."""

    def __init__(self, collection_uuid: str) -> None:
        super().__init__()
        self.collection_uuid = collection_uuid


class CollectionAddEvent(_Counted):
    """Records were added."""

    max_batch_size: ClassVar[int] = 1000
    _sums = ("add_amount", "with_documents", "with_metadata", "with_uris")

    def __init__(
        self,
        collection_uuid: str,
        add_amount: int,
        with_documents: int,
        with_metadata: int,
        with_uris: int,
        batch_size: int = 1,
    ) -> None:
        super().__init__(batch_size)
        self.collection_uuid = collection_uuid
        self.add_amount = add_amount
        self.with_documents = with_documents
        self.with_metadata = with_metadata
        self.with_uris = with_uris

    @property
    def batch_key(self) -> str:
        """Its collection."""
        return self.collection_uuid + self.name


class CollectionUpdateEvent(_Counted):
    """Records were changed."""

    max_batch_size: ClassVar[int] = 100
    _sums = ("update_amount", "with_embeddings", "with_metadata", "with_documents", "with_uris")

    def __init__(
        self,
        collection_uuid: str,
        update_amount: int,
        with_embeddings: int,
        with_metadata: int,
        with_documents: int,
        with_uris: int,
        batch_size: int = 1,
    ) -> None:
        super().__init__(batch_size)
        self.collection_uuid = collection_uuid
        self.update_amount = update_amount
        self.with_embeddings = with_embeddings
        self.with_metadata = with_metadata
        self.with_documents = with_documents
        self.with_uris = with_uris

    @property
    def batch_key(self) -> str:
        """Its collection."""
        return self.collection_uuid + self.name


class CollectionQueryEvent(_Counted):
    """A collection was queried."""

    max_batch_size: ClassVar[int] = 1000
    _sums = (
        "query_amount",
        "with_metadata_filter",
        "with_document_filter",
        "n_results",
        "include_metadatas",
        "include_documents",
        "include_uris",
        "include_distances",
    )

    def __init__(
        self,
        collection_uuid: str,
        query_amount: int,
        with_metadata_filter: int,
        with_document_filter: int,
        n_results: int,
        include_metadatas: int,
        include_documents: int,
        include_uris: int,
        include_distances: int,
        batch_size: int = 1,
    ) -> None:
        super().__init__(batch_size)
        self.collection_uuid = collection_uuid
        self.query_amount = query_amount
        self.with_metadata_filter = with_metadata_filter
        self.with_document_filter = with_document_filter
        self.n_results = n_results
        self.include_metadatas = include_metadatas
        self.include_documents = include_documents
        self.include_uris = include_uris
        self.include_distances = include_distances

    @property
    def batch_key(self) -> str:
        """Its collection."""
        return self.collection_uuid + self.name


class CollectionGetEvent(_Counted):
    """Records were read."""

    max_batch_size: ClassVar[int] = 100
    _sums = ("ids_count", "include_metadata", "include_documents", "include_uris")

    def __init__(
        self,
        collection_uuid: str,
        ids_count: int,
        limit: int,
        include_metadata: int,
        include_documents: int,
        include_uris: int,
        batch_size: int = 1,
    ) -> None:
        super().__init__(batch_size)
        self.collection_uuid = collection_uuid
        self.ids_count = ids_count
        self.limit = limit
        self.include_metadata = include_metadata
        self.include_documents = include_documents
        self.include_uris = include_uris

    @property
    def batch_key(self) -> str:
        """Its collection, and its limit, which does not add up."""
        return self.collection_uuid + self.name + str(self.limit)


class CollectionDeleteEvent(ProductTelemetryEvent):
    """Records were deleted."""

    def __init__(self, collection_uuid: str, delete_amount: int) -> None:
        super().__init__()
        self.collection_uuid = collection_uuid
        self.delete_amount = delete_amount

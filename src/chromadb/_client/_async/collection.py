"""Collections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from msgspec import structs

from chromadb._client._async.threads import in_thread, in_thread_if
from chromadb._client.arguments import (
    GET_INCLUDE,
    QUERY_INCLUDE,
    delete_operation,
    finish_get,
    finish_query,
    get_operation,
    query_operation,
    query_vectors,
    write_records,
)
from chromadb._client.embedding import CollectionEmbedding
from chromadb._embed.registry import check_function
from chromadb._model import operations as op
from chromadb._model.configuration import update_configuration
from chromadb._model.entities import Address, CollectionInfo, IndexingStatus
from chromadb._model.metadata import check_collection_metadata
from chromadb._model.names import check_collection_name
from chromadb._model.types import (
    ID,
    URI,
    CollectionMetadata,
    DeleteResult,
    Document,
    GetResult,
    Image,
    Include,
    Metadata,
    OneOrMany,
    QueryResult,
    VectorsLike,
    Where,
    WhereDocument,
)


class AsyncCollection:
    """A collection of records: ids with vectors, documents, metadata and URIs.

    A handle: it holds no data, and reads what is stored at every call.
    """

    def __init__(
        self, runner: op.AsyncRunner, info: CollectionInfo, embedding_function: Any, data_loader: Any = None
    ) -> None:
        self._runner = runner
        self._info = info
        self._embedding = CollectionEmbedding(embedding_function, info.configuration, data_loader, info.name)

    # --- what it is -------------------------------------------------------------------------------

    @property
    def id(self) -> UUID:
        """The id, which stays the same for the life of the collection."""
        return self._info.id

    @property
    def name(self) -> str:
        """The name."""
        return self._info.name

    @property
    def metadata(self) -> CollectionMetadata | None:
        """The metadata of the collection, None if it has none."""
        return dict(self._info.metadata) if self._info.metadata is not None else None

    @property
    def tenant(self) -> str:
        """The tenant of the database."""
        return self._info.tenant

    @property
    def database(self) -> str:
        """The database."""
        return self._info.database

    @property
    def configuration(self) -> dict[str, Any]:
        """The configuration, with the embedding function itself under ``embedding_function``."""
        return {**self.configuration_json, "embedding_function": self._embedding.function_or_none}

    @property
    def configuration_json(self) -> dict[str, Any]:
        """The configuration as it is stored."""
        return self._info.configuration.to_dict()

    def get_model(self) -> CollectionInfo:
        """Return what the catalog knows of the collection."""
        return self._info

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AsyncCollection):
            return NotImplemented
        return self.id == other.id and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.id)

    # --- writing ----------------------------------------------------------------------------------

    async def add(
        self,
        ids: OneOrMany[ID],
        embeddings: VectorsLike | None = None,
        metadatas: OneOrMany[Metadata | None] | None = None,
        documents: OneOrMany[Document | None] | None = None,
        images: OneOrMany[Image] | None = None,
        uris: OneOrMany[URI | None] | None = None,
    ) -> None:
        """Add records; those whose id exists already are left as they are.

        Args:
            ids: one id or many, unique within the call.
            embeddings: one vector or many, of any float or int dtype; None computes them with the embedding function
                from the documents, else the images, else the data that the URIs point to.
            metadatas: one dict or many, None for records without.
            documents: one text or many, None for records without.
            images: one array or many; they are embedded and not stored.
            uris: one URI or many, stored with the records.

        Raises:
            InvalidArgumentError: an argument is not allowed; nothing is written.
            DuplicateIDError: an id stands twice in `ids`.
            InvalidDimensionException: the vectors have another dimension than those in the collection.
            EmbeddingFunctionError: there is no embedding function, or it failed.
        """
        records = await in_thread(write_records, self._embedding, ids, embeddings, metadatas, documents, images, uris)
        await self._runner.run(op.Add(self._address, records))

    async def update(
        self,
        ids: OneOrMany[ID],
        embeddings: VectorsLike | None = None,
        metadatas: OneOrMany[Metadata | None] | None = None,
        documents: OneOrMany[Document | None] | None = None,
        images: OneOrMany[Image] | None = None,
        uris: OneOrMany[URI | None] | None = None,
    ) -> None:
        """Change records; ids that do not exist are ignored and logged.

        What is not given stays as it is. Metadata is merged, key by key; the value None deletes a key. Documents that
        are given without embeddings are embedded anew. An image or a URI that is embedded replaces the document.

        Args and errors are those of :meth:`add`.
        """
        records = await in_thread(
            write_records,
            self._embedding,
            ids,
            embeddings,
            metadatas,
            documents,
            images,
            uris,
            update=True,
            create=False,
        )
        await self._runner.run(op.Update(self._address, records))

    async def upsert(
        self,
        ids: OneOrMany[ID],
        embeddings: VectorsLike | None = None,
        metadatas: OneOrMany[Metadata | None] | None = None,
        documents: OneOrMany[Document | None] | None = None,
        images: OneOrMany[Image] | None = None,
        uris: OneOrMany[URI | None] | None = None,
    ) -> None:
        """Change the records that exist, as :meth:`update` does, and add the others.

        Args and errors are those of :meth:`add`.
        """
        records = await in_thread(
            write_records, self._embedding, ids, embeddings, metadatas, documents, images, uris, update=True
        )
        await self._runner.run(op.Upsert(self._address, records))

    async def delete(
        self,
        ids: OneOrMany[ID] | None = None,
        where: Where | None = None,
        where_document: WhereDocument | None = None,
        limit: int | None = None,
    ) -> DeleteResult:
        """Delete the records that meet all the conditions given.

        Args:
            ids: one id or many; those that do not exist are ignored.
            where: a filter on the metadata.
            where_document: a filter on the documents.
            limit: how many at most, in the order of insertion; only together with a filter.

        Returns:
            ``{"deleted": n}``, n being how many records there were.

        Raises:
            InvalidArgumentError: no condition was given, or an argument is not allowed.
        """
        operation = delete_operation(self._address, ids, where, where_document, limit)
        return {"deleted": await self._runner.run(operation)}

    # --- reading ----------------------------------------------------------------------------------

    async def count(self, read_level: Any = None) -> int:
        """Return how many records there are.

        Args:
            read_level: accepted for clients of 1.x; every read sees every write.
        """
        return await self._runner.run(op.Count(self._address))

    async def get(
        self,
        ids: OneOrMany[ID] | None = None,
        where: Where | None = None,
        limit: int | None = None,
        offset: int | None = None,
        where_document: WhereDocument | None = None,
        include: Include = GET_INCLUDE,
        includes: Include | None = None,
    ) -> GetResult:
        """Return the records that meet all the conditions given, all records if there is none.

        Args:
            ids: one id or many; those that do not exist are left out.
            where: a filter on the metadata.
            limit: how many at most.
            offset: how many to leave out first.
            where_document: a filter on the documents.
            include: any of metadatas, documents, embeddings, uris, data.
            includes: another name of `include`.

        Returns:
            Lists in parallel, in the order of insertion, None for what is not included. Embeddings are an array of
            shape (n, dimension), float64.

        Raises:
            InvalidArgumentError: an argument is not allowed.
        """
        operation = get_operation(self._address, ids, where, limit, offset, where_document, include, includes)
        result = await self._runner.run(operation)
        return await in_thread_if("data" in operation.include, finish_get, self._embedding, operation, result)

    async def peek(self, limit: int = 10) -> GetResult:
        """Return the first `limit` records with embeddings, documents and metadata."""
        operation = get_operation(
            self._address, None, None, limit, None, None, ["metadatas", "documents", "embeddings"], None
        )
        return await self._runner.run(operation)

    async def query(
        self,
        query_embeddings: VectorsLike | None = None,
        query_texts: OneOrMany[Document] | None = None,
        query_images: OneOrMany[Image] | None = None,
        query_uris: OneOrMany[URI] | None = None,
        ids: OneOrMany[ID] | None = None,
        n_results: int = 10,
        where: Where | None = None,
        where_document: WhereDocument | None = None,
        include: Include = QUERY_INCLUDE,
        includes: Include | None = None,
        exact: bool = False,
        ef_search: int | None = None,
    ) -> QueryResult:
        """Return for each query the `n_results` nearest of the records that meet all the conditions.

        Args:
            query_embeddings: one vector or many; exactly one of the four kinds of query is given.
            query_texts: one text or many, embedded with the embedding function.
            query_images: one array or many, embedded with the embedding function.
            query_uris: one URI or many, whose data is loaded and embedded.
            ids: search among these records only; those that do not exist are left out.
            n_results: how many; all that match if there are fewer.
            where: a filter on the metadata.
            where_document: a filter on the documents.
            include: any of metadatas, documents, distances, embeddings, uris, data.
            includes: another name of `include`.
            exact: compare every record that meets the conditions, whatever it costs. Without it, large collections are
                searched by an index, which finds 98 % and more of the ten nearest.
            ef_search: how many candidates the index looks at, from 1 to 1,000,000; the collection's for None. More find
                more and cost more.

        Returns:
            For each query lists in parallel, nearest first, records that are equally near in the order of insertion;
            None for what is not included. Embeddings are arrays of shape (n, dimension), float64.

        Raises:
            InvalidArgumentError: an argument is not allowed.
            InvalidDimensionException: the query has another dimension than the vectors in the collection.
        """
        operation = query_operation(
            self._address, ids, n_results, where, where_document, include, includes, exact, ef_search
        )
        vectors = await in_thread_if(
            query_embeddings is None,
            query_vectors,
            self._embedding,
            query_embeddings,
            query_texts,
            query_images,
            query_uris,
        )
        result = await self._runner.run(structs.replace(operation, vectors=vectors))
        return await in_thread_if("data" in operation.include, finish_query, self._embedding, operation, result)

    async def get_indexing_status(self) -> IndexingStatus:
        """Return how far the index is.

        The result has ``num_indexed_ops`` (records that are searched as fast as they will be), ``num_unindexed_ops``
        (records that wait for a graph), ``total_ops``, and ``op_indexing_progress`` from 0 to 1.

        Queries are right meanwhile; those records that the index does not cover yet are compared one by one.
        """
        return await self._runner.run(op.GetIndexingStatus(self._address))

    # --- the collection itself --------------------------------------------------------------------

    async def modify(
        self,
        name: str | None = None,
        metadata: CollectionMetadata | None = None,
        configuration: Mapping[str, Any] | None = None,
    ) -> None:
        """Rename the collection, replace its metadata, or change its configuration.

        Args:
            name: the new name.
            metadata: the new metadata, in place of the former; ``hnsw:*`` keys change the configuration.
            configuration: parameters to change, for example ``{"hnsw": {"ef_search": 200}}``, at once. Others
                (``space``, ``max_neighbors``, ``ef_construction``) rebuild the index in the background.

        Raises:
            UniqueConstraintError: the name is taken.
            InvalidArgumentError: a value is not allowed, or the metadata names another space.
        """
        checked_name = None if name is None else check_collection_name(name)
        checked_metadata = None if metadata is None else check_collection_metadata(metadata, update=True) or {}
        update_configuration(self._info.configuration.hnsw, checked_metadata, configuration)
        function = None
        if configuration is not None and configuration.get("embedding_function") is not None:
            given, stored = configuration["embedding_function"], self._info.configuration.embedding_function
            function = check_function(given, stored, self._info.name)
        parameters = {key: value for key, value in (configuration or {}).items() if key != "embedding_function"}
        self._info = await self._runner.run(
            op.ModifyCollection(self._address, checked_name, checked_metadata, parameters or None, function)
        )

    async def fork(self, new_name: str) -> AsyncCollection:
        """Make a copy of the collection as it is now, in the same database; from then on each goes its own way.

        Metadata, configuration and embedding function stay the same, the id is new. Indexes are shared by hard links
        and the records copied file to file, so it takes a fraction of the time of adding them again.

        Args:
            new_name: the name of the copy.

        Raises:
            UniqueConstraintError: the name is taken.
            InvalidArgumentError: the name is not allowed.
        """
        info = await self._runner.run(op.ForkCollection(self._address, check_collection_name(new_name)))
        return AsyncCollection(self._runner, info, self._embedding.given, self._embedding.data_loader)

    @property
    def _address(self) -> Address:
        return self._info.address

    @property
    def _client(self) -> Any:
        return self._runner


class AsyncListedCollection(AsyncCollection, str):
    """A collection as ``list_collections()`` gives it: its name, a `str`, and a handle at once.

    Compares and hashes like the name. ``count()`` counts records; ``count("x")`` counts letters.
    """

    def __new__(cls, runner: op.AsyncRunner, info: CollectionInfo, *args: Any) -> AsyncListedCollection:
        return str.__new__(cls, info.name)

    def count(self, *args: Any, **kwargs: Any) -> Any:
        """Count records; with a text, as a `str` does, how often it occurs in the name."""
        if args and isinstance(args[0], str):
            return str.count(self, *args)
        return super().count(*args, **kwargs)

    __eq__ = str.__eq__
    __ne__ = str.__ne__
    __hash__ = str.__hash__
    __str__ = str.__str__
    __repr__ = str.__repr__

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Copy and pickle as the name alone: the connection stays in its process."""
        return str, (str.__str__(self),)

"""From the arguments of ``create_collection`` to an operation."""

from __future__ import annotations

from typing import Any

from chromadb._client.embedding import choose_function, default_space
from chromadb._embed.registry import describe
from chromadb._model.configuration import parse_configuration
from chromadb._model.metadata import check_collection_metadata
from chromadb._model.names import check_collection_name
from chromadb._model.operations import CreateCollection
from chromadb.errors import InvalidArgumentError


def create_operation(
    tenant: str,
    database: str,
    name: Any,
    schema: Any,
    configuration: Any,
    metadata: Any,
    embedding_function: Any,
    get_or_create: bool,
) -> tuple[CreateCollection, Any]:
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
    operation = CreateCollection(
        tenant,
        database,
        checked_name,
        hnsw,
        describe(function),
        checked_metadata,
        bool(get_or_create),
    )
    return operation, function

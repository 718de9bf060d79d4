"""The object that embedded clients hold as ``_server``."""

from __future__ import annotations

from typing import Any

from chromadb._model.entities import Address
from chromadb._model.names import DEFAULT_DATABASE, DEFAULT_TENANT, check_collection_id
from chromadb._model.operations import Query, Runner, Selection
from chromadb._model.results import QUERY_DEFAULT, check_count, check_include
from chromadb._model.types import QueryResult
from chromadb._model.vectors import to_matrix
from chromadb._model.where import parse_filter


class SegmentAPI:
    """The class under which instrumentation looks for queries below the clients.

    OpenTelemetry's instrumentation of 0.x wraps ``SegmentAPI._query``. As in 1.x, collections do not pass through it.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def _query(
        self,
        collection_id: Any,
        query_embeddings: Any,
        n_results: int = 10,
        where: Any = None,
        where_document: Any = None,
        include: Any = QUERY_DEFAULT,
        tenant: str = DEFAULT_TENANT,
        database: str = DEFAULT_DATABASE,
    ) -> QueryResult:
        """Query a collection by its id; arguments and result as for ``Collection.query``."""
        return self._runner.run(
            Query(
                Address(tenant, database, check_collection_id(collection_id)),
                to_matrix(query_embeddings, "query_embeddings"),
                check_count(n_results, "n_results", least=1) or 1,
                Selection(filter=parse_filter(where, where_document)),
                check_include(include, query=True),
            )
        )

"""A runner whose operations are told of, where the operator asked for it."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

from chromadb._model import operations as op
from chromadb._model.operations import Operation, R, Runner
from chromadb._model.where import Compare, Filter, MatchDocument
from chromadb._settings import Settings
from chromadb._settings.classes import System, made, named_class
from chromadb._telemetry import POSTHOG
from chromadb._telemetry.clients import Posthog, ProductTelemetryClient, ServerContext, check_posthog
from chromadb._telemetry.events import (
    ClientCreateCollectionEvent,
    ClientStartEvent,
    CollectionAddEvent,
    CollectionDeleteEvent,
    CollectionGetEvent,
    CollectionQueryEvent,
    CollectionUpdateEvent,
    ProductTelemetryEvent,
    ServerStartEvent,
)

logger = logging.getLogger("chromadb.telemetry")


def telemetry_client(settings: Settings, *, server: bool) -> ProductTelemetryClient | None:
    """Return who tells of events; None where nobody does, which is the default.

    Args:
        settings: of the client or the server.
        server: whether it is a server.

    Raises:
        InvalidArgumentError: the settings name a class that cannot be had, or half of what it takes.
    """
    check_posthog(settings)
    if not settings.anonymized_telemetry:
        return None
    setting = "chroma_product_telemetry_impl"
    if settings.chroma_product_telemetry_impl == POSTHOG:
        setting = "chroma_telemetry_impl"
    kind = named_class(settings, setting, ProductTelemetryClient, {POSTHOG: Posthog})
    if kind is Posthog and not settings.chroma_product_telemetry_api_key:
        return None
    return _placed(made(setting, kind, System(settings)), server)


def _placed(client: ProductTelemetryClient, server: bool) -> ProductTelemetryClient:
    if server:
        client.SERVER_CONTEXT = ServerContext.FASTAPI  # type: ignore[misc]  # the name that 0.6 gave it
    return client


def begin(runner: Runner, client: ProductTelemetryClient, *, server: bool) -> ToldRunner:
    """Tell that a client or a server begins; return a runner whose operations are told of."""
    _tell(client, ServerStartEvent() if server else ClientStartEvent())
    return ToldRunner(runner, client)


class ToldRunner:
    """A runner whose operations are told of.

    Args:
        runner: executes operations.
        client: who tells.
    """

    def __init__(self, runner: Runner, client: ProductTelemetryClient) -> None:
        self.runner = runner
        self._client = client

    def run(self, operation: Operation[R]) -> R:
        """Execute one operation."""
        result = self.runner.run(operation)
        event = event_of(operation, result)
        if event is not None:
            _tell(self._client, event)
        return result

    def close(self) -> None:
        """Close the runner."""
        self.runner.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.runner, name)


def _tell(client: ProductTelemetryClient, event: ProductTelemetryEvent) -> None:
    with suppress(Exception):  # whatever happens to it, the operation is done
        client.capture(event)


def event_of(operation: Any, result: Any) -> ProductTelemetryEvent | None:
    """Return what is told of an operation: how much it was about, never what."""
    if isinstance(operation, op.CreateCollection):
        return ClientCreateCollectionEvent(str(result.id))
    if not isinstance(operation, (op.Add, op.Upsert, op.Update, op.Delete, op.Get, op.Query)):
        return None
    collection = str(operation.address.collection)
    if isinstance(operation, (op.Add, op.Upsert, op.Update)):
        records = operation.records
        documents, metadatas, uris = map(_given, (records.documents, records.metadatas, records.uris))
        if isinstance(operation, op.Update):
            return CollectionUpdateEvent(collection, len(records), len(records.vector_rows), metadatas, documents, uris)
        return CollectionAddEvent(collection, len(records), documents, metadatas, uris)
    if isinstance(operation, op.Delete):
        return CollectionDeleteEvent(collection, result)
    included = {field: int(field in operation.include) for field in ("metadatas", "documents", "uris", "distances")}
    if isinstance(operation, op.Get):
        return CollectionGetEvent(
            collection,
            len(operation.selection.ids or ()),
            operation.limit or 0,
            included["metadatas"],
            included["documents"],
            included["uris"],
        )
    count = len(operation.vectors)
    metadata, document = _kinds(operation.selection.filter)
    return CollectionQueryEvent(
        collection,
        count,
        count if metadata else 0,
        count if document else 0,
        operation.n_results,
        *included.values(),
    )


def _given(column: Any) -> int:
    return 0 if column is None else sum(item is not None for item in column)


def _kinds(filter: Filter | None) -> tuple[bool, bool]:
    """Return whether a filter is about metadata, and whether about documents."""
    if filter is None:
        return False, False
    if isinstance(filter, Compare):
        return True, False
    if isinstance(filter, MatchDocument):
        return False, True
    kinds = [_kinds(clause) for clause in filter.clauses]
    return any(metadata for metadata, _ in kinds), any(document for _, document in kinds)

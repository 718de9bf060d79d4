"""Events of product telemetry (public path; defined in `_telemetry`)."""

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

__all__ = [
    "ClientCreateCollectionEvent",
    "ClientStartEvent",
    "CollectionAddEvent",
    "CollectionDeleteEvent",
    "CollectionGetEvent",
    "CollectionQueryEvent",
    "CollectionUpdateEvent",
    "ProductTelemetryEvent",
    "ServerStartEvent",
]

"""Clients and their types (public path; defined in `_client`)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from chromadb._client._sync.admin import AdminClient as AdminAPI
from chromadb._client._sync.client import Client as ClientAPI
from chromadb._embed.base import EmbeddingFunction
from chromadb.api import client, segment
from chromadb.api.collection_configuration import CreateCollectionConfiguration, UpdateCollectionConfiguration

if TYPE_CHECKING:
    from chromadb._client._async.admin import AsyncAdminClient as AsyncAdminAPI
    from chromadb._client._async.client import AsyncClient as AsyncClientAPI

__all__ = [
    "AdminAPI",
    "AsyncAdminAPI",
    "AsyncClientAPI",
    "ClientAPI",
    "CreateCollectionConfiguration",
    "EmbeddingFunction",
    "UpdateCollectionConfiguration",
    "client",
    "segment",
]

_ASYNCHRONOUS = {"AsyncAdminAPI": "AsyncAdminClient", "AsyncClientAPI": "AsyncClient"}


def __getattr__(name: str) -> Any:
    # A plain `import chromadb` does without the asynchronous clients.
    if name in _ASYNCHRONOUS:
        return getattr(importlib.import_module("chromadb.api.async_client"), _ASYNCHRONOUS[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

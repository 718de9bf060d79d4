"""An independent implementation of Chroma: the database that AI applications keep their knowledge in.

    import chromadb

    client = chromadb.PersistentClient("./knowledge")
    collection = client.get_or_create_collection("notes")
    collection.upsert(ids=["1"], documents=["Pineapples grow on Hawaii."])
    print(collection.query(query_texts=["Where do fruits come from?"], n_results=1))

Names are loaded when they are first used, so that a program that imports this module starts at once.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chromadb import api, auth, config, errors, telemetry, types, utils
    from chromadb import db as db
    from chromadb._client._async.client import AsyncClient as AsyncClientAPI
    from chromadb._client._sync.client import Client as ClientAPI
    from chromadb._client._sync.collection import Collection
    from chromadb._client.connect import (
        AdminClient,
        AsyncHttpClient,
        Client,
        CloudClient,
        EphemeralClient,
        HttpClient,
        PersistentClient,
        configure,
        get_settings,
    )
    from chromadb._embed.base import EmbeddingFunction
    from chromadb._model.names import DEFAULT_DATABASE, DEFAULT_TENANT
    from chromadb._model.sparse import SparseVector
    from chromadb._model.types import (
        ID,
        CollectionMetadata,
        Documents,
        Embeddings,
        GetResult,
        IDs,
        Metadata,
        QueryResult,
        Where,
        WhereDocument,
    )
    from chromadb._settings import Settings

__version__ = "1.5.9"

__all__ = [
    "DEFAULT_DATABASE",
    "DEFAULT_TENANT",
    "ID",
    "AdminClient",
    "AsyncClientAPI",
    "AsyncHttpClient",
    "Client",
    "ClientAPI",
    "CloudClient",
    "Collection",
    "CollectionMetadata",
    "Documents",
    "EmbeddingFunction",
    "Embeddings",
    "EphemeralClient",
    "GetResult",
    "HttpClient",
    "IDs",
    "Metadata",
    "PersistentClient",
    "QueryResult",
    "Settings",
    "SparseVector",
    "Where",
    "WhereDocument",
    "__version__",
    "api",
    "auth",
    "config",
    "configure",
    "errors",
    "get_settings",
    "telemetry",
    "types",
    "utils",
]

_SUBMODULES = ("api", "auth", "config", "db", "errors", "telemetry", "types", "utils")

_HOMES = {
    "AsyncClientAPI": ("chromadb._client._async.client", "AsyncClient"),
    "ClientAPI": ("chromadb._client._sync.client", "Client"),
    "Collection": ("chromadb._client._sync.collection", "Collection"),
    "EmbeddingFunction": ("chromadb._embed.base", "EmbeddingFunction"),
    "Settings": ("chromadb._settings", "Settings"),
    "SparseVector": ("chromadb._model.sparse", "SparseVector"),
    **{
        name: ("chromadb._client.connect", name)
        for name in (
            "AdminClient",
            "AsyncHttpClient",
            "Client",
            "CloudClient",
            "EphemeralClient",
            "HttpClient",
            "PersistentClient",
            "configure",
            "get_settings",
        )
    },
    **{name: ("chromadb._model.names", name) for name in ("DEFAULT_DATABASE", "DEFAULT_TENANT")},
    **{
        name: ("chromadb._model.types", name)
        for name in (
            "ID",
            "CollectionMetadata",
            "Documents",
            "Embeddings",
            "GetResult",
            "IDs",
            "Metadata",
            "QueryResult",
            "Where",
            "WhereDocument",
        )
    },
}
"""Where each name is defined, and as what."""


def __getattr__(name: str) -> Any:
    # The thin client lacks some of them.
    if name in _SUBMODULES and importlib.util.find_spec(f"chromadb.{name}"):
        return importlib.import_module(f"chromadb.{name}")
    if name in _HOMES:
        module, attribute = _HOMES[name]
        value = globals()[name] = getattr(importlib.import_module(module), attribute)
        return value
    raise AttributeError(f"module 'chromadb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""An independent implementation of Chroma: the database that AI applications keep their knowledge in.

import chromadb

client = chromadb.PersistentClient("./knowledge")
collection = client.get_or_create_collection("notes")
collection.upsert(ids=["1"], documents=["Pineapples grow on Hawaii."])
print(collection.query(query_texts=["Where do fruits come from?"], n_results=1))
"""

from __future__ import annotations

import importlib
from typing import Any

from chromadb import api, config, errors, types, utils
from chromadb._client._async.client import AsyncClient as AsyncClientAPI
from chromadb._client._sync.client import Client as ClientAPI
from chromadb._client._sync.collection import Collection
from chromadb._client.connect import (
    AdminClient,
    Client,
    EphemeralClient,
    PersistentClient,
    configure,
    get_settings,
)
from chromadb._embed.base import EmbeddingFunction
from chromadb._model.names import DEFAULT_DATABASE, DEFAULT_TENANT
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


def __getattr__(name: str) -> Any:
    # Loads the storage layer, which `import chromadb` does without.
    if name == "db":
        return importlib.import_module("chromadb.db")
    if name in ("HttpClient", "AsyncHttpClient", "CloudClient"):
        raise AttributeError(
            f"chromadb.{name} is not part of this version, which is the embedded database: see docs/differences.md."
        )
    raise AttributeError(f"module 'chromadb' has no attribute {name!r}")


__all__ = [
    "DEFAULT_DATABASE",
    "DEFAULT_TENANT",
    "ID",
    "AdminClient",
    "AsyncClientAPI",
    "Client",
    "ClientAPI",
    "Collection",
    "CollectionMetadata",
    "Documents",
    "EmbeddingFunction",
    "Embeddings",
    "EphemeralClient",
    "GetResult",
    "IDs",
    "Metadata",
    "PersistentClient",
    "QueryResult",
    "Settings",
    "Where",
    "WhereDocument",
    "__version__",
    "api",
    "config",
    "configure",
    "errors",
    "get_settings",
    "types",
    "utils",
]

"""Clients and their types (public path; defined in `_client`)."""

from chromadb._client._async.admin import AsyncAdminClient as AsyncAdminAPI
from chromadb._client._async.client import AsyncClient as AsyncClientAPI
from chromadb._client._sync.admin import AdminClient as AdminAPI
from chromadb._client._sync.client import Client as ClientAPI
from chromadb._embed.base import EmbeddingFunction
from chromadb.api import client, segment
from chromadb.api.collection_configuration import CreateCollectionConfiguration, UpdateCollectionConfiguration

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

"""Asynchronous client classes (public path; defined in `_client`)."""

from chromadb._client._async.admin import AsyncAdminClient
from chromadb._client._async.client import AsyncClient
from chromadb._client._async.client import AsyncClient as AsyncClientAPI

__all__ = ["AsyncAdminClient", "AsyncClient", "AsyncClientAPI"]

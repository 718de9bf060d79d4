"""Client classes (public path; defined in `_client`)."""

from chromadb._client._sync.admin import AdminClient
from chromadb._client._sync.client import Client, SharedSystemClient
from chromadb._client._sync.client import Client as ClientAPI

__all__ = ["AdminClient", "Client", "ClientAPI", "SharedSystemClient"]

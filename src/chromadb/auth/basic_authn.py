"""Authentication by user and password (public path; defined in `_client`)."""

from chromadb._client.http.auth import BasicAuthClientProvider

__all__ = ["BasicAuthClientProvider"]

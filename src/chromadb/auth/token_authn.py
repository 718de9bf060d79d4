"""Authentication by a token (public path; defined in `_client`)."""

from chromadb._client.http.auth import TokenAuthClientProvider

__all__ = ["TokenAuthClientProvider"]

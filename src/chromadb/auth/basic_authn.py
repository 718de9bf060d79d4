"""Authentication by user and password (public path; defined in `_auth` and `_client`)."""

from chromadb._auth.basic import BasicAuthenticationServerProvider
from chromadb._client.http.auth import BasicAuthClientProvider

__all__ = ["BasicAuthClientProvider", "BasicAuthenticationServerProvider"]

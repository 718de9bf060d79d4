"""Authentication by a token (public path; defined in `_auth` and `_client`)."""

from chromadb._auth.token import TokenAuthenticationServerProvider, TokenTransportHeader
from chromadb._client.http.auth import TokenAuthClientProvider

__all__ = ["TokenAuthClientProvider", "TokenAuthenticationServerProvider", "TokenTransportHeader"]

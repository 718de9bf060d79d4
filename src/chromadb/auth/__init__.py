"""How clients prove who they are, and how servers decide (public path; defined in `_auth` and `_client`)."""

from chromadb._auth.actions import AuthzAction, AuthzResource
from chromadb._auth.providers import ServerAuthenticationProvider, ServerAuthorizationProvider
from chromadb._client.http.auth import ClientAuthProvider
from chromadb._model.entities import UserIdentity
from chromadb.errors import ChromaAuthError as AuthError

__all__ = [
    "AuthError",
    "AuthzAction",
    "AuthzResource",
    "ClientAuthProvider",
    "ServerAuthenticationProvider",
    "ServerAuthorizationProvider",
    "UserIdentity",
]

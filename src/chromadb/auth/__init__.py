"""How clients prove who they are (public path; defined in `_client`)."""

from chromadb._client.http.auth import ClientAuthProvider
from chromadb._model.entities import UserIdentity

__all__ = ["ClientAuthProvider", "UserIdentity"]

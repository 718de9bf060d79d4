"""Collections (public path; defined in `_client`)."""

from chromadb._client._sync.collection import Collection
from chromadb._client._sync.collection import ListedCollection as CollectionName

__all__ = ["Collection", "CollectionName"]

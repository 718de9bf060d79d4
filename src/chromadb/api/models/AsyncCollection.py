"""Asynchronous collections (public path; defined in `_client`)."""

from chromadb._client._async.collection import AsyncCollection

__all__ = ["AsyncCollection"]

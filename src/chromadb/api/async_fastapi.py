"""The class behind asynchronous clients of a server (public path; defined in `_client`)."""

from chromadb._client._async.http import AsyncHttpRunner as AsyncFastAPI

__all__ = ["AsyncFastAPI"]

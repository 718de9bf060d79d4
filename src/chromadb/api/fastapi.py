"""The class behind clients of a server (public path; defined in `_client`)."""

from chromadb._client._sync.http import HttpRunner as FastAPI

__all__ = ["FastAPI"]

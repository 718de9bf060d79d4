"""The class behind embedded clients (public path; defined in `_client`)."""

from chromadb._client.segment import SegmentAPI

__all__ = ["SegmentAPI"]

"""The catalog under the name by which instrumentation of 0.x looks for it (public path)."""

from chromadb._storage.local.directory import LocalBackend as DB

__all__ = ["DB"]

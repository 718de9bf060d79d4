"""The engine: runs operations on a storage backend."""

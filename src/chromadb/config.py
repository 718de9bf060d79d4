"""Settings and the names of the tenant and the database that are there from the start."""

from __future__ import annotations

from chromadb._model.names import DEFAULT_DATABASE, DEFAULT_TENANT
from chromadb._settings import Settings

__all__ = ["DEFAULT_DATABASE", "DEFAULT_TENANT", "Settings"]

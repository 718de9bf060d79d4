"""Models of Nomic."""

from __future__ import annotations

from chromadb._embed.providers.nomic import NomicEmbeddingFunction, NomicQueryConfig

__all__ = ["NomicEmbeddingFunction", "NomicQueryConfig"]

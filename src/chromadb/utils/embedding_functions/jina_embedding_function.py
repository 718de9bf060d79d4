"""Models of Jina AI."""

from __future__ import annotations

from chromadb._embed.providers.jina import JinaEmbeddingFunction, JinaQueryConfig

__all__ = ["JinaEmbeddingFunction", "JinaQueryConfig"]

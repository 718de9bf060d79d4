"""Models of the text2vec package."""

from __future__ import annotations

from chromadb._embed.text2vec import Text2VecEmbeddingFunction

__all__ = ["Text2VecEmbeddingFunction"]

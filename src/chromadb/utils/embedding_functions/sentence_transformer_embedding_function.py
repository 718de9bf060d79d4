"""Models of the sentence-transformers package."""

from __future__ import annotations

from chromadb._embed.sentence_transformer import SentenceTransformerEmbeddingFunction

__all__ = ["SentenceTransformerEmbeddingFunction"]

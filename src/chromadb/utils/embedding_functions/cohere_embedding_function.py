"""Models of Cohere."""

from __future__ import annotations

from chromadb._embed.providers.cohere import CohereEmbeddingFunction

__all__ = ["CohereEmbeddingFunction"]

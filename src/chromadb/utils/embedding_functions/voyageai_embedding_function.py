"""Models of Voyage AI."""

from __future__ import annotations

from chromadb._embed.providers.voyageai import VoyageAIEmbeddingFunction

__all__ = ["VoyageAIEmbeddingFunction"]

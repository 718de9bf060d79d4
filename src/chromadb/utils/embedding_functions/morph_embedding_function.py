"""Models of Morph."""

from __future__ import annotations

from chromadb._embed.providers.morph import MorphEmbeddingFunction

__all__ = ["MorphEmbeddingFunction"]

"""Models deployed at Baseten."""

from __future__ import annotations

from chromadb._embed.providers.baseten import BasetenEmbeddingFunction

__all__ = ["BasetenEmbeddingFunction"]

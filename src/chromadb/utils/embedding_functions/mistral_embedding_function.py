"""Models of Mistral AI."""

from __future__ import annotations

from chromadb._embed.providers.mistral import MistralEmbeddingFunction

__all__ = ["MistralEmbeddingFunction"]

"""Models that Together AI runs."""

from __future__ import annotations

from chromadb._embed.providers.together_ai import TogetherAIEmbeddingFunction

__all__ = ["TogetherAIEmbeddingFunction"]

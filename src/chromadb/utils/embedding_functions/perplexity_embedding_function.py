"""Models of Perplexity."""

from __future__ import annotations

from chromadb._embed.providers.perplexity import PerplexityEmbeddingFunction

__all__ = ["PerplexityEmbeddingFunction"]

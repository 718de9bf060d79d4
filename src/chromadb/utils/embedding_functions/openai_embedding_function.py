"""Models of OpenAI, also in Azure."""

from __future__ import annotations

from chromadb._embed.providers.openai import OpenAIEmbeddingFunction

__all__ = ["OpenAIEmbeddingFunction"]

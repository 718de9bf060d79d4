"""Models that an Ollama server runs."""

from __future__ import annotations

from chromadb._embed.providers.ollama import OllamaEmbeddingFunction

__all__ = ["OllamaEmbeddingFunction"]

"""Models that Hugging Face runs, and its embedding server."""

from __future__ import annotations

from chromadb._embed.providers.huggingface import HuggingFaceEmbeddingFunction, HuggingFaceEmbeddingServer

__all__ = ["HuggingFaceEmbeddingFunction", "HuggingFaceEmbeddingServer"]

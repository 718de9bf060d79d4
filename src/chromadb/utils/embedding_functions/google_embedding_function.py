"""Models of Google."""

from __future__ import annotations

from chromadb._embed.providers.google import (
    GoogleGeminiEmbeddingFunction,
    GoogleGenaiEmbeddingFunction,
    GoogleGenerativeAiEmbeddingFunction,
)
from chromadb._embed.providers.google_palm import GooglePalmEmbeddingFunction
from chromadb._embed.providers.google_vertex import GoogleVertexEmbeddingFunction

__all__ = [
    "GoogleGeminiEmbeddingFunction",
    "GoogleGenaiEmbeddingFunction",
    "GoogleGenerativeAiEmbeddingFunction",
    "GooglePalmEmbeddingFunction",
    "GoogleVertexEmbeddingFunction",
]

"""The dense models that Chroma Cloud runs."""

from __future__ import annotations

from chromadb._embed.providers.chroma_cloud import (
    CHROMA_CLOUD_QWEN_DEFAULT_INSTRUCTIONS,
    ChromaCloudQwenEmbeddingFunction,
    ChromaCloudQwenEmbeddingModel,
    ChromaCloudQwenEmbeddingTarget,
)

__all__ = [
    "CHROMA_CLOUD_QWEN_DEFAULT_INSTRUCTIONS",
    "ChromaCloudQwenEmbeddingFunction",
    "ChromaCloudQwenEmbeddingModel",
    "ChromaCloudQwenEmbeddingTarget",
]

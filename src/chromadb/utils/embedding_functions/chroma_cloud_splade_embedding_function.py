"""The sparse models that Chroma Cloud runs."""

from __future__ import annotations

from chromadb._embed.providers.chroma_cloud import ChromaCloudSpladeEmbeddingFunction, ChromaCloudSpladeEmbeddingModel

__all__ = ["ChromaCloudSpladeEmbeddingFunction", "ChromaCloudSpladeEmbeddingModel"]

"""Sparse models of the hub."""

from __future__ import annotations

from chromadb._embed.sparse.base import QueryConfig as HuggingFaceSparseEmbeddingFunctionQueryConfig
from chromadb._embed.sparse.huggingface import HuggingFaceSparseEmbeddingFunction

__all__ = ["HuggingFaceSparseEmbeddingFunction", "HuggingFaceSparseEmbeddingFunctionQueryConfig"]

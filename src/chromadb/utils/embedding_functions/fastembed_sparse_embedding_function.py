"""Sparse models of fastembed."""

from __future__ import annotations

from chromadb._embed.sparse.base import QueryConfig as FastembedSparseEmbeddingFunctionQueryConfig
from chromadb._embed.sparse.fastembed import FastembedSparseEmbeddingFunction

__all__ = ["FastembedSparseEmbeddingFunction", "FastembedSparseEmbeddingFunctionQueryConfig"]

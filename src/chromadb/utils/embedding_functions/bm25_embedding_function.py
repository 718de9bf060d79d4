"""BM25 of fastembed."""

from __future__ import annotations

from chromadb._embed.sparse.base import QueryConfig as Bm25EmbeddingFunctionQueryConfig
from chromadb._embed.sparse.fastembed import Bm25EmbeddingFunction

__all__ = ["Bm25EmbeddingFunction", "Bm25EmbeddingFunctionQueryConfig"]

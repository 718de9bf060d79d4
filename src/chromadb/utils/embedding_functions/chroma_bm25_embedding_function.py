"""BM25 on this machine."""

from __future__ import annotations

from chromadb._embed.sparse.bm25 import STOPWORDS, ChromaBm25EmbeddingFunction

DEFAULT_CHROMA_BM25_STOPWORDS = sorted(STOPWORDS)

__all__ = ["DEFAULT_CHROMA_BM25_STOPWORDS", "ChromaBm25EmbeddingFunction"]

"""Embeddings of LangChain."""

from __future__ import annotations

from chromadb._embed.langchain import ChromaLangchainEmbeddingFunction, create_langchain_embedding

__all__ = ["ChromaLangchainEmbeddingFunction", "create_langchain_embedding"]

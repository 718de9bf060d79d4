"""Embedding functions: the default one, those of providers, and the means to write one.

The names are looked up when they are used: importing this module loads no model library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from chromadb._embed.base import EmbeddingFunction
from chromadb._embed.registry import known_embedding_functions, register_embedding_function
from chromadb._embed.table import public

if TYPE_CHECKING:
    from chromadb._embed.cached import CachedEmbeddingFunction
    from chromadb._embed.default import DefaultEmbeddingFunction
    from chromadb._embed.instructor import InstructorEmbeddingFunction
    from chromadb._embed.langchain import ChromaLangchainEmbeddingFunction, create_langchain_embedding
    from chromadb._embed.onnx_minilm import ONNXMiniLM_L6_V2
    from chromadb._embed.open_clip import OpenCLIPEmbeddingFunction
    from chromadb._embed.providers.amazon_bedrock import AmazonBedrockEmbeddingFunction
    from chromadb._embed.providers.baseten import BasetenEmbeddingFunction
    from chromadb._embed.providers.chroma_cloud import (
        ChromaCloudQwenEmbeddingFunction,
        ChromaCloudSpladeEmbeddingFunction,
    )
    from chromadb._embed.providers.cloudflare_workers_ai import CloudflareWorkersAIEmbeddingFunction
    from chromadb._embed.providers.cohere import CohereEmbeddingFunction
    from chromadb._embed.providers.google import (
        GoogleGeminiEmbeddingFunction,
        GoogleGenaiEmbeddingFunction,
        GoogleGenerativeAiEmbeddingFunction,
    )
    from chromadb._embed.providers.google_palm import GooglePalmEmbeddingFunction
    from chromadb._embed.providers.google_vertex import GoogleVertexEmbeddingFunction
    from chromadb._embed.providers.huggingface import HuggingFaceEmbeddingFunction, HuggingFaceEmbeddingServer
    from chromadb._embed.providers.jina import JinaEmbeddingFunction, JinaQueryConfig
    from chromadb._embed.providers.mistral import MistralEmbeddingFunction
    from chromadb._embed.providers.morph import MorphEmbeddingFunction
    from chromadb._embed.providers.nomic import NomicEmbeddingFunction, NomicQueryConfig
    from chromadb._embed.providers.ollama import OllamaEmbeddingFunction
    from chromadb._embed.providers.openai import OpenAIEmbeddingFunction
    from chromadb._embed.providers.perplexity import PerplexityEmbeddingFunction
    from chromadb._embed.providers.roboflow import RoboflowEmbeddingFunction
    from chromadb._embed.providers.together_ai import TogetherAIEmbeddingFunction
    from chromadb._embed.providers.voyageai import VoyageAIEmbeddingFunction
    from chromadb._embed.sentence_transformer import SentenceTransformerEmbeddingFunction
    from chromadb._embed.sparse.base import (
        SparseEmbeddingFunction,
        register_sparse_embedding_function,
        sparse_known_embedding_functions,
    )
    from chromadb._embed.sparse.bm25 import ChromaBm25EmbeddingFunction
    from chromadb._embed.sparse.fastembed import Bm25EmbeddingFunction, FastembedSparseEmbeddingFunction
    from chromadb._embed.sparse.huggingface import HuggingFaceSparseEmbeddingFunction
    from chromadb._embed.text2vec import Text2VecEmbeddingFunction

__all__ = [
    "AmazonBedrockEmbeddingFunction",
    "BasetenEmbeddingFunction",
    "Bm25EmbeddingFunction",
    "CachedEmbeddingFunction",
    "ChromaBm25EmbeddingFunction",
    "ChromaCloudQwenEmbeddingFunction",
    "ChromaCloudSpladeEmbeddingFunction",
    "ChromaLangchainEmbeddingFunction",
    "CloudflareWorkersAIEmbeddingFunction",
    "CohereEmbeddingFunction",
    "DefaultEmbeddingFunction",
    "EmbeddingFunction",
    "FastembedSparseEmbeddingFunction",
    "GoogleGeminiEmbeddingFunction",
    "GoogleGenaiEmbeddingFunction",
    "GoogleGenerativeAiEmbeddingFunction",
    "GooglePalmEmbeddingFunction",
    "GoogleVertexEmbeddingFunction",
    "HuggingFaceEmbeddingFunction",
    "HuggingFaceEmbeddingServer",
    "HuggingFaceSparseEmbeddingFunction",
    "InstructorEmbeddingFunction",
    "JinaEmbeddingFunction",
    "JinaQueryConfig",
    "MistralEmbeddingFunction",
    "MorphEmbeddingFunction",
    "NomicEmbeddingFunction",
    "NomicQueryConfig",
    "ONNXMiniLM_L6_V2",
    "OllamaEmbeddingFunction",
    "OpenAIEmbeddingFunction",
    "OpenCLIPEmbeddingFunction",
    "PerplexityEmbeddingFunction",
    "RoboflowEmbeddingFunction",
    "SentenceTransformerEmbeddingFunction",
    "SparseEmbeddingFunction",
    "Text2VecEmbeddingFunction",
    "TogetherAIEmbeddingFunction",
    "VoyageAIEmbeddingFunction",
    "config_to_embedding_function",
    "create_langchain_embedding",
    "known_embedding_functions",
    "register_embedding_function",
    "register_sparse_embedding_function",
    "sparse_known_embedding_functions",
]

_MODULES = public() | {
    "CachedEmbeddingFunction": "chromadb._embed.cached",
    "GoogleGenaiEmbeddingFunction": "chromadb._embed.providers.google",
    "SparseEmbeddingFunction": "chromadb._embed.sparse.base",
    "create_langchain_embedding": "chromadb._embed.langchain",
    "register_sparse_embedding_function": "chromadb._embed.sparse.base",
    "sparse_known_embedding_functions": "chromadb._embed.sparse.base",
    "JinaQueryConfig": "chromadb._embed.providers.jina",
    "NomicQueryConfig": "chromadb._embed.providers.nomic",
}


def config_to_embedding_function(config: dict[str, Any]) -> EmbeddingFunction[Any]:
    """Return the function of ``{"name": ..., "config": ...}``, as stored with a collection.

    Raises:
        EmbeddingFunctionError: the name is not registered, or its class refuses the configuration.
    """
    from chromadb._embed.registry import build

    return build({"type": "known", **config})


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

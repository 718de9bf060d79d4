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
    from chromadb._embed.onnx_minilm import ONNXMiniLM_L6_V2
    from chromadb._embed.open_clip import OpenCLIPEmbeddingFunction
    from chromadb._embed.providers.baseten import BasetenEmbeddingFunction
    from chromadb._embed.providers.cloudflare_workers_ai import CloudflareWorkersAIEmbeddingFunction
    from chromadb._embed.providers.cohere import CohereEmbeddingFunction
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

__all__ = [
    "BasetenEmbeddingFunction",
    "CachedEmbeddingFunction",
    "CloudflareWorkersAIEmbeddingFunction",
    "CohereEmbeddingFunction",
    "DefaultEmbeddingFunction",
    "EmbeddingFunction",
    "HuggingFaceEmbeddingFunction",
    "HuggingFaceEmbeddingServer",
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
    "TogetherAIEmbeddingFunction",
    "VoyageAIEmbeddingFunction",
    "config_to_embedding_function",
    "known_embedding_functions",
    "register_embedding_function",
]

_MODULES = public() | {
    "CachedEmbeddingFunction": "chromadb._embed.cached",
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

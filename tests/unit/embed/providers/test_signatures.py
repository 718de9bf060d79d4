"""The constructors take what those of 1.5.9 take, in the same order, with the same defaults."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from chromadb.utils import embedding_functions

KEY = {"api_key": None}
REQUIRED = inspect.Parameter.empty

PUBLISHED: dict[str, dict[str, Any]] = {
    "BasetenEmbeddingFunction": {
        "api_key": REQUIRED,
        "api_base": REQUIRED,
        "api_key_env_var": "CHROMA_BASETEN_API_KEY",
    },
    "CloudflareWorkersAIEmbeddingFunction": {
        "model_name": REQUIRED,
        "account_id": REQUIRED,
        **KEY,
        "api_key_env_var": "CHROMA_CLOUDFLARE_API_KEY",
        "gateway_id": None,
    },
    "CohereEmbeddingFunction": {**KEY, "model_name": "large", "api_key_env_var": "CHROMA_COHERE_API_KEY"},
    "HuggingFaceEmbeddingFunction": {
        **KEY,
        "model_name": "sentence-transformers/all-MiniLM-L6-v2",
        "api_key_env_var": "CHROMA_HUGGINGFACE_API_KEY",
    },
    "HuggingFaceEmbeddingServer": {"url": REQUIRED, "api_key_env_var": None, **KEY},
    "JinaEmbeddingFunction": {
        **KEY,
        "model_name": "jina-embeddings-v2-base-en",
        "api_key_env_var": "CHROMA_JINA_API_KEY",
        "task": None,
        "late_chunking": None,
        "truncate": None,
        "dimensions": None,
        "embedding_type": None,
        "normalized": None,
        "query_config": None,
    },
    "MistralEmbeddingFunction": {"model": REQUIRED, "api_key_env_var": "MISTRAL_API_KEY"},
    "MorphEmbeddingFunction": {
        **KEY,
        "model_name": "morph-embedding-v2",
        "api_base": "https://api.morphllm.com/v1",
        "encoding_format": "float",
        "api_key_env_var": "MORPH_API_KEY",
    },
    "NomicEmbeddingFunction": {
        "model": REQUIRED,
        "task_type": REQUIRED,
        "query_config": REQUIRED,
        "api_key_env_var": "NOMIC_API_KEY",
    },
    "OllamaEmbeddingFunction": {
        "url": "http://localhost:11434",
        "model_name": "chroma/all-minilm-l6-v2-f32",
        "timeout": 60,
    },
    "OpenAIEmbeddingFunction": {
        **KEY,
        "model_name": "text-embedding-ada-002",
        "organization_id": None,
        "api_base": None,
        "api_type": None,
        "api_version": None,
        "deployment_id": None,
        "default_headers": None,
        "dimensions": None,
        "api_key_env_var": "CHROMA_OPENAI_API_KEY",
    },
    "PerplexityEmbeddingFunction": {
        **KEY,
        "model_name": "pplx-embed-v1-0.6b",
        "api_key_env_var": "PERPLEXITY_API_KEY",
        "dimensions": None,
    },
    "TogetherAIEmbeddingFunction": {
        "model_name": REQUIRED,
        **KEY,
        "api_key_env_var": "CHROMA_TOGETHER_AI_API_KEY",
    },
    "VoyageAIEmbeddingFunction": {
        **KEY,
        "model_name": "voyage-large-2",
        "api_key_env_var": "CHROMA_VOYAGE_API_KEY",
        "input_type": None,
        "truncation": True,
    },
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_positional_parameters_are_those_of_the_published_version(name: str) -> None:
    parameters = inspect.signature(getattr(embedding_functions, name)).parameters.values()
    positional = {each.name: each.default for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD}
    assert list(positional.items()) == list(PUBLISHED[name].items())


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_configuration_without_extras_has_the_keys_that_the_published_version_stores(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = PUBLISHED[name]
    required = [each for each, default in parameters.items() if default is REQUIRED]
    given = {each: None if each in ("api_key", "query_config") else "x" for each in required}
    if (variable := parameters.get("api_key_env_var")) is not None:
        monkeypatch.setenv(variable, "a-key")
    if name == "VoyageAIEmbeddingFunction":
        monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    config = getattr(embedding_functions, name)(**given).get_config()
    assert set(config) == set(parameters) - {"api_key"}

"""Hugging Face: its inference API, and the embedding server that users run themselves (TEI). Over plain HTTP."""

from __future__ import annotations

from typing import Any

from typing_extensions import Unpack

from chromadb._embed.http import connect, post
from chromadb._embed.provider import Options, Provider, ProviderEmbeddingFunction, Purpose


class HuggingFaceEmbeddingFunction(ProviderEmbeddingFunction):
    """Embed texts with a model that Hugging Face runs.

    Args:
        api_key: not stored with collections; better in the environment.
        model_name: a model for sentences; others give a vector per word, which is an error.
        api_key_env_var: the environment variable of the key; else ``HF_TOKEN`` counts.
        api_base: another address than Hugging Face's own.
        options: see :class:`Options`.
    """

    provider = Provider("huggingface", "Hugging Face", inputs=100, key_variables=("HF_TOKEN",))

    def __init__(
        self,
        api_key: str | None = None,
        model_name: str = "sentence-transformers/all-MiniLM-L6-v2",
        api_key_env_var: str = "CHROMA_HUGGINGFACE_API_KEY",
        *,
        api_base: str = "https://router.huggingface.co/hf-inference",
        **options: Unpack[Options],
    ) -> None:
        super().__init__(api_key, api_key_env_var, options)
        self.model_name = model_name
        self.api_base = api_base

    def _connect(self) -> Any:
        # A model that nobody used lately is loaded first, instead of an error that says so.
        return connect(self.timeout, self._api_key, {"x-wait-for-model": "true"})

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        url = f"{self.api_base}/models/{self.model_name}/pipeline/feature-extraction"
        return post(client, url, {"inputs": texts})


class HuggingFaceEmbeddingServer(ProviderEmbeddingFunction):
    """Embed texts with the model of a text-embeddings-inference server.

    Args:
        url: of its embeddings, ``http://localhost:8001/embed``.
        api_key_env_var: the environment variable of the key, for servers that want one.
        api_key: not stored with collections.
        truncation: whether what is longer than the model reads is cut off; otherwise it is an error.
        options: see :class:`Options`.
    """

    provider = Provider("huggingface_server", "The Hugging Face embedding server", inputs=32)

    def __init__(
        self,
        url: str,
        api_key_env_var: str | None = None,
        api_key: str | None = None,
        *,
        truncation: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(api_key, api_key_env_var, options)
        self.url = url
        self.truncation = truncation

    def _connect(self) -> Any:
        return connect(self.timeout, self._api_key)

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        return post(client, self.url, {"inputs": texts, **({"truncate": True} if self.truncation else {})})

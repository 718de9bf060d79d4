"""Perplexity, by its own client library."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from typing_extensions import Unpack

from chromadb._embed.provider import Options, Provider, ProviderEmbeddingFunction, Purpose


class PerplexityEmbeddingFunction(ProviderEmbeddingFunction):
    """Embed texts with the models of Perplexity, ``pip install chromadb[perplexity]``.

    The vectors are whole numbers from -128 to 127, of no common length: they are compared by angle.

    Args:
        api_key: not stored with collections; better in the environment.
        model_name: the model.
        api_key_env_var: the environment variable of the key.
        dimensions: of the vectors, shortened; None: all that the model has.
        api_base: another address than Perplexity's own.
        options: see :class:`Options`.
    """

    provider = Provider(
        "perplexity", "Perplexity", package="perplexity", extra="perplexity", inputs=512, input_bytes=120_000
    )

    def __init__(
        self,
        api_key: str | None = None,
        model_name: str = "pplx-embed-v1-0.6b",
        api_key_env_var: str = "PERPLEXITY_API_KEY",
        dimensions: int | None = None,
        *,
        api_base: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(api_key, api_key_env_var, options)
        self.model_name = model_name
        self.dimensions = dimensions
        self.api_base = api_base

    def _connect(self) -> Any:
        import perplexity

        return perplexity.Perplexity(api_key=self._api_key, base_url=self.api_base, timeout=self.timeout, max_retries=0)

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        asked: dict[str, Any] = {} if self.dimensions is None else {"dimensions": self.dimensions}
        answer = client.embeddings.create(input=texts, model=self.model_name, encoding_format="base64_int8", **asked)
        items = sorted(answer.data, key=lambda item: item.index)
        return [np.frombuffer(base64.b64decode(item.embedding), dtype=np.int8) for item in items]

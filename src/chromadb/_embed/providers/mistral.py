"""Mistral AI, by its own client library."""

from __future__ import annotations

from typing import Any

from typing_extensions import Unpack

from chromadb._embed.provider import Options, Provider, ProviderEmbeddingFunction, Purpose


class MistralEmbeddingFunction(ProviderEmbeddingFunction):
    """Embed texts with the models of Mistral AI, ``pip install chromadb[mistral]``.

    Args:
        model: the model, such as ``"mistral-embed"``.
        api_key_env_var: the environment variable of the key.
        api_base: another address than Mistral's own.
        options: see :class:`Options`.
    """

    provider = Provider("mistral", "Mistral AI", package="mistralai", extra="mistral", inputs=128, input_bytes=16_000)

    def __init__(
        self,
        model: str,
        api_key_env_var: str = "MISTRAL_API_KEY",
        *,
        api_base: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(None, api_key_env_var, options)
        self.model = model
        self.api_base = api_base

    def _connect(self) -> Any:
        try:
            from mistralai.client import Mistral
        except ImportError:  # where versions before 2 have it
            from mistralai import Mistral

        return Mistral(api_key=self._api_key, server_url=self.api_base, timeout_ms=int(self.timeout * 1000))

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        answer = client.embeddings.create(model=self.model, inputs=texts, retries=None)
        return [item.embedding for item in sorted(answer.data, key=lambda item: item.index)]

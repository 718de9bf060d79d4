"""Together AI, over plain HTTP."""

from __future__ import annotations

from typing import Any

from typing_extensions import Unpack

from chromadb._embed.http import connect, part, post
from chromadb._embed.provider import Options, Provider, ProviderEmbeddingFunction, Purpose


class TogetherAIEmbeddingFunction(ProviderEmbeddingFunction):
    """Embed texts with the models that Together AI runs.

    Args:
        model_name: the model, such as ``"intfloat/multilingual-e5-large-instruct"``.
        api_key: not stored with collections; better in the environment.
        api_key_env_var: the environment variable of the key; else ``TOGETHER_API_KEY`` counts.
        api_base: another address than Together's own.
        options: see :class:`Options`.
    """

    provider = Provider("together_ai", "Together AI", inputs=100, key_variables=("TOGETHER_API_KEY",))

    def __init__(
        self,
        model_name: str,
        api_key: str | None = None,
        api_key_env_var: str = "CHROMA_TOGETHER_AI_API_KEY",
        *,
        api_base: str = "https://api.together.xyz/v1",
        **options: Unpack[Options],
    ) -> None:
        super().__init__(api_key, api_key_env_var, options)
        self.model_name = model_name
        self.api_base = api_base

    def _connect(self) -> Any:
        return connect(self.timeout, self._api_key)

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        answer = post(client, f"{self.api_base}/embeddings", {"model": self.model_name, "input": texts})
        items = sorted(part(answer, "data"), key=lambda item: int(item.get("index", 0)))
        return [part(item, "embedding") for item in items]

"""Cloudflare Workers AI, also through an AI Gateway, over plain HTTP."""

from __future__ import annotations

from typing import Any

from typing_extensions import Unpack

from chromadb._embed.http import connect, part, post
from chromadb._embed.provider import Options, Provider, ProviderEmbeddingFunction, Purpose

_DIRECT = "https://api.cloudflare.com/client/v4"
_GATEWAY = "https://gateway.ai.cloudflare.com/v1"


class CloudflareWorkersAIEmbeddingFunction(ProviderEmbeddingFunction):
    """Embed texts with the models that Cloudflare runs.

    Args:
        model_name: the model, such as ``"@cf/baai/bge-m3"``.
        account_id: of Cloudflare.
        api_key: not stored with collections; better in the environment.
        api_key_env_var: the environment variable of the key; else ``CLOUDFLARE_API_TOKEN`` counts.
        gateway_id: of an AI Gateway that requests go through; None: directly.
        api_base: another address than Cloudflare's own.
        options: see :class:`Options`.
    """

    provider = Provider(
        "cloudflare_workers_ai", "Cloudflare Workers AI", inputs=100, key_variables=("CLOUDFLARE_API_TOKEN",)
    )

    def __init__(
        self,
        model_name: str,
        account_id: str,
        api_key: str | None = None,
        api_key_env_var: str = "CHROMA_CLOUDFLARE_API_KEY",
        gateway_id: str | None = None,
        *,
        api_base: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(api_key, api_key_env_var, options)
        self.model_name = model_name
        self.account_id = account_id
        self.gateway_id = gateway_id
        self.api_base = api_base

    def _connect(self) -> Any:
        return connect(self.timeout, self._api_key)

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        return part(post(client, self._url(), {"text": texts}), "result", "data")

    def _url(self) -> str:
        if self.gateway_id:
            base = self.api_base or _GATEWAY
            return f"{base}/{self.account_id}/{self.gateway_id}/workers-ai/{self.model_name}"
        return f"{self.api_base or _DIRECT}/accounts/{self.account_id}/ai/run/{self.model_name}"

"""Models deployed at Baseten, in OpenAI's format and by OpenAI's client library."""

from __future__ import annotations

from typing import Any

from typing_extensions import Unpack

from chromadb._embed.provider import Options, Provider
from chromadb._embed.providers.openai import OpenAICompatible


class BasetenEmbeddingFunction(OpenAICompatible):
    """Embed texts with a model that is deployed at Baseten, ``pip install chromadb[openai]``.

    Args:
        api_key: not stored with collections; better in the environment.
        api_base: of the deployment, ``https://model-....api.baseten.co/environments/production/sync/v1``; it says
            which model answers.
        api_key_env_var: the environment variable of the key; else ``BASETEN_API_KEY`` counts.
        options: see :class:`Options`.
    """

    provider = Provider(
        "baseten", "Baseten", package="openai", extra="openai", inputs=128, key_variables=("BASETEN_API_KEY",)
    )

    def __init__(
        self,
        api_key: str | None,
        api_base: str,
        api_key_env_var: str = "CHROMA_BASETEN_API_KEY",
        **options: Unpack[Options],
    ) -> None:
        super().__init__(api_key, api_key_env_var, options)
        self.api_base = api_base

    @classmethod
    def build_from_config(cls, config: dict[str, Any]) -> BasetenEmbeddingFunction:
        """Return the function that ``get_config`` described; the key comes from the environment."""
        cls.validate_config(config)
        return cls(None, **config)

    def _asked(self) -> dict[str, Any]:
        return {"model": "baseten"}  # the format wants a name, the deployment reads none

"""Morph, in OpenAI's format and by OpenAI's client library."""

from __future__ import annotations

from typing import Any

from typing_extensions import Unpack

from chromadb._embed.provider import Options, Provider
from chromadb._embed.providers.openai import OpenAICompatible


class MorphEmbeddingFunction(OpenAICompatible):
    """Embed code and texts with the models of Morph, ``pip install chromadb[openai]``.

    Args:
        api_key: not stored with collections; better in the environment.
        model_name: the model.
        api_base: the address.
        encoding_format: how vectors are sent, ``"float"`` or ``"base64"``.
        api_key_env_var: the environment variable of the key.
        options: see :class:`Options`.
    """

    provider = Provider("morph", "Morph", package="openai", extra="openai", inputs=100)

    def __init__(
        self,
        api_key: str | None = None,
        model_name: str = "morph-embedding-v2",
        api_base: str = "https://api.morphllm.com/v1",
        encoding_format: str = "float",
        api_key_env_var: str = "MORPH_API_KEY",
        **options: Unpack[Options],
    ) -> None:
        super().__init__(api_key, api_key_env_var, options)
        self.model_name = model_name
        self.api_base = api_base
        self.encoding_format = encoding_format

    def _asked(self) -> dict[str, Any]:
        return {"model": self.model_name, "encoding_format": self.encoding_format}

"""Nomic, over plain HTTP: its client library brings pandas and pyarrow for one request."""

from __future__ import annotations

from typing import Any, TypedDict

from typing_extensions import Unpack

from chromadb._embed.http import connect, part, post
from chromadb._embed.provider import Options, Provider, ProviderEmbeddingFunction, Purpose


class NomicQueryConfig(TypedDict):
    """What is different for queries."""

    task_type: str
    """Such as ``"search_query"``."""


class NomicEmbeddingFunction(ProviderEmbeddingFunction):
    """Embed texts with the models of Nomic.

    Args:
        model: the model, such as ``"nomic-embed-text-v1.5"``.
        task_type: what the vectors are for: ``"search_document"``, ``"classification"``, ``"clustering"``.
        query_config: the task of queries; None: that of documents.
        api_key_env_var: the environment variable of the key.
        api_base: another address than Nomic's own.
        dimensions: of the vectors, for models that can shorten them.
        options: see :class:`Options`.
    """

    provider = Provider("nomic", "Nomic", inputs=50)

    def __init__(
        self,
        model: str,
        task_type: str,
        query_config: NomicQueryConfig | None,
        api_key_env_var: str = "NOMIC_API_KEY",
        *,
        api_base: str = "https://api-atlas.nomic.ai/v1",
        dimensions: int | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(None, api_key_env_var, options)
        self.model = model
        self.task_type = task_type
        self.query_config = query_config
        self.api_base = api_base
        self.dimensions = dimensions

    def _connect(self) -> Any:
        return connect(self.timeout, self._api_key)

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        task = self.task_type
        if purpose == "query" and self.query_config is not None:
            task = self.query_config["task_type"]
        asked: dict[str, Any] = {"texts": texts, "model": self.model, "task_type": task}
        if self.dimensions is not None:
            asked["dimensionality"] = self.dimensions
        return part(post(client, f"{self.api_base}/embedding/text", asked), "embeddings")

"""Jina AI, over plain HTTP."""

from __future__ import annotations

import base64
from typing import Any, TypedDict

import numpy as np
from typing_extensions import Unpack

from chromadb._embed.http import connect, part, post
from chromadb._embed.provider import Options, Provider, ProviderEmbeddingFunction, Purpose


class JinaQueryConfig(TypedDict):
    """What is different for queries."""

    task: str
    """Such as ``"retrieval.query"``."""


class JinaEmbeddingFunction(ProviderEmbeddingFunction):
    """Embed texts with the models of Jina AI.

    Args:
        api_key: not stored with collections; better in the environment.
        model_name: the model.
        api_key_env_var: the environment variable of the key; else ``JINA_API_KEY`` counts.
        task: what the vectors are for, such as ``"retrieval.passage"``, for models that can be told.
        late_chunking: whether the texts of a request are embedded in the context of one another.
        truncate: whether what is longer than the model reads is cut off; otherwise it is an error.
        dimensions: of the vectors, for models that can shorten them.
        embedding_type: how vectors are sent: ``"float"``, ``"base64"``, ``"binary"`` or ``"ubinary"``.
        normalized: whether vectors have length 1.
        query_config: the task of queries.
        api_base: another address than Jina's own.
        options: see :class:`Options`.
    """

    provider = Provider("jina", "Jina AI", inputs=512, key_variables=("JINA_API_KEY",))

    def __init__(
        self,
        api_key: str | None = None,
        model_name: str = "jina-embeddings-v2-base-en",
        api_key_env_var: str = "CHROMA_JINA_API_KEY",
        task: str | None = None,
        late_chunking: bool | None = None,
        truncate: bool | None = None,
        dimensions: int | None = None,
        embedding_type: str | None = None,
        normalized: bool | None = None,
        query_config: JinaQueryConfig | None = None,
        *,
        api_base: str = "https://api.jina.ai/v1",
        **options: Unpack[Options],
    ) -> None:
        super().__init__(api_key, api_key_env_var, options)
        self.model_name = model_name
        self.task = task
        self.late_chunking = late_chunking
        self.truncate = truncate
        self.dimensions = dimensions
        self.embedding_type = embedding_type
        self.normalized = normalized
        self.query_config = query_config
        self.api_base = api_base

    def _connect(self) -> Any:
        return connect(self.timeout, self._api_key)

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        asked = {
            "task": self.query_config["task"] if purpose == "query" and self.query_config else self.task,
            "late_chunking": self.late_chunking,
            "truncate": self.truncate,
            "dimensions": self.dimensions,
            "embedding_type": self.embedding_type,
            "normalized": self.normalized,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        answer = post(client, f"{self.api_base}/embeddings", {"model": self.model_name, "input": texts, **given})
        items = sorted(part(answer, "data"), key=lambda item: int(item.get("index", 0)))
        return [_numbers(part(item, "embedding")) for item in items]


def _numbers(embedding: Any) -> Any:
    return np.frombuffer(base64.b64decode(embedding), dtype="<f4") if isinstance(embedding, str) else embedding

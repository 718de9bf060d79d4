"""Cohere, by its own client library."""

from __future__ import annotations

from typing import Any

from typing_extensions import Unpack

from chromadb._embed.provider import Options, Provider, ProviderEmbeddingFunction, Purpose

_INPUT_TYPES = {"document": "search_document", "query": "search_query"}
_BEFORE_INPUT_TYPES = ("large", "small", "multilingual-22-12", "embed-english-v2.0", "embed-english-light-v2.0")


class CohereEmbeddingFunction(ProviderEmbeddingFunction):
    """Embed texts with the models of Cohere, ``pip install chromadb[cohere]``.

    Models from ``embed-...-v3.0`` on are told whether they embed documents or queries.

    Args:
        api_key: not stored with collections; better in the environment.
        model_name: the model.
        api_key_env_var: the environment variable of the key; else ``COHERE_API_KEY`` and ``CO_API_KEY`` count.
        api_base: another address than Cohere's own.
        truncation: whether what is longer than the model reads is cut off; otherwise it is an error.
        options: see :class:`Options`.
    """

    provider = Provider(
        "cohere",
        "Cohere",
        package="cohere",
        extra="cohere",
        inputs=96,
        key_variables=("COHERE_API_KEY", "CO_API_KEY"),
    )

    def __init__(
        self,
        api_key: str | None = None,
        model_name: str = "large",
        api_key_env_var: str = "CHROMA_COHERE_API_KEY",
        *,
        api_base: str | None = None,
        truncation: bool = True,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(api_key, api_key_env_var, options)
        self.model_name = model_name
        self.api_base = api_base
        self.truncation = truncation

    def _connect(self) -> Any:
        import cohere

        return cohere.Client(self._api_key, base_url=self.api_base, timeout=self.timeout)

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        more = {} if self.model_name in _BEFORE_INPUT_TYPES else {"input_type": _INPUT_TYPES[purpose]}
        answer = client.embed(
            texts=texts,
            model=self.model_name,
            truncate="END" if self.truncation else "NONE",
            batching=False,
            request_options={"max_retries": 0},
            **more,
        )
        return answer.embeddings

"""Voyage AI, by its own client library."""

from __future__ import annotations

from typing import Any

from typing_extensions import Unpack

from chromadb._embed.provider import Options, Provider, ProviderEmbeddingFunction, Purpose


class VoyageAIEmbeddingFunction(ProviderEmbeddingFunction):
    """Embed texts with the models of Voyage AI, ``pip install chromadb[voyageai]``.

    Args:
        api_key: not stored with collections; better in the environment.
        model_name: the model.
        api_key_env_var: the environment variable of the key; else ``VOYAGE_API_KEY`` counts.
        input_type: what documents are embedded as; None: as documents. Queries are embedded as queries.
        truncation: whether what is longer than the model reads is cut off; otherwise it is an error.
        api_base: another address than Voyage AI's own.
        dimensions: of the vectors, for models that can shorten them.
        options: see :class:`Options`.
    """

    provider = Provider(
        "voyageai",
        "Voyage AI",
        package="voyageai",
        extra="voyageai",
        inputs=1000,
        input_bytes=120_000,
        key_variables=("VOYAGE_API_KEY",),
    )

    def __init__(
        self,
        api_key: str | None = None,
        model_name: str = "voyage-large-2",
        api_key_env_var: str = "CHROMA_VOYAGE_API_KEY",
        input_type: str | None = None,
        truncation: bool = True,
        *,
        api_base: str | None = None,
        dimensions: int | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(api_key, api_key_env_var, options)
        self.model_name = model_name
        self.input_type = input_type
        self.truncation = truncation
        self.api_base = api_base
        self.dimensions = dimensions

    def _connect(self) -> Any:
        import voyageai

        return voyageai.Client(  # type: ignore[attr-defined, unused-ignore]
            api_key=self._api_key, max_retries=0, timeout=self.timeout, base_url=self.api_base
        )

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        answer = client.embed(
            texts,
            model=self.model_name,
            input_type="query" if purpose == "query" else self.input_type or "document",
            truncation=self.truncation,
            output_dimension=self.dimensions,
        )
        return answer.embeddings

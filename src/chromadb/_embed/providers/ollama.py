"""Ollama, by its own client library."""

from __future__ import annotations

from typing import Any

from typing_extensions import Unpack

from chromadb._embed.provider import Options, Portions, Provider, ProviderEmbeddingFunction, Purpose


class OllamaEmbeddingFunction(ProviderEmbeddingFunction):
    """Embed texts with a model that an Ollama server runs, ``pip install chromadb[ollama]``.

    Args:
        url: of the server. What follows it in older examples, ``/api/embeddings``, is left out.
        model_name: a model that was pulled: ``ollama pull chroma/all-minilm-l6-v2-f32``.
        timeout: seconds to wait for an answer; the first one loads the model.
        truncation: whether the server cuts off what is longer than the model reads; otherwise it is an error.
        options: see :class:`Portions`.
    """

    provider = Provider("ollama", "Ollama", package="ollama", extra="ollama", inputs=100)

    def __init__(
        self,
        url: str = "http://localhost:11434",
        model_name: str = "chroma/all-minilm-l6-v2-f32",
        timeout: float = 60,
        *,
        truncation: bool = True,
        **options: Unpack[Portions],
    ) -> None:
        super().__init__(None, None, Options(timeout=timeout, **options))
        self.url = url.rstrip("/").removesuffix("/api/embeddings").removesuffix("/api/embed")
        self.model_name = model_name
        self.truncation = truncation

    def _connect(self) -> Any:
        import ollama

        return ollama.Client(host=self.url, timeout=self.timeout)

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        return client.embed(model=self.model_name, input=texts, truncate=self.truncation).embeddings

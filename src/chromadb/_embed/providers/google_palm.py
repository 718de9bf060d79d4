"""The PaLM API of Google, which is no more."""

from __future__ import annotations

from typing import Any

from chromadb._embed.base import EmbeddingFunction
from chromadb._model.types import Documents, Embeddings
from chromadb.errors import EmbeddingDiscontinuedError


class GooglePalmEmbeddingFunction(EmbeddingFunction[Documents]):
    """Say that Google has switched off the PaLM API, and what takes its place.

    Args:
        api_key: not used.
        model_name: not used.
        api_key_env_var: not used.

    Raises:
        EmbeddingDiscontinuedError: always.
    """

    def __init__(
        self,
        api_key: str | None = None,
        model_name: str = "models/embedding-gecko-001",
        api_key_env_var: str = "CHROMA_GOOGLE_PALM_API_KEY",
    ) -> None:
        raise EmbeddingDiscontinuedError(
            f"The PaLM API with its model {model_name!r} was switched off by Google in August 2024. Use "
            "GoogleGeminiEmbeddingFunction, and embed the documents of former collections again into new ones: vectors "
            "of two models cannot be compared. Former vectors can be read with embedding_function=None."
        )

    def __call__(self, input: Documents) -> Embeddings:
        """Return nothing: no object of this class can be made."""
        raise NotImplementedError

    @staticmethod
    def name() -> str:
        """Return ``"google_palm"``."""
        return "google_palm"

    def get_config(self) -> dict[str, Any]:
        """Return nothing: no object of this class can be made."""
        raise NotImplementedError

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> GooglePalmEmbeddingFunction:
        """Raise the error that says what to use instead."""
        return GooglePalmEmbeddingFunction(model_name=str(config.get("model_name", "models/embedding-gecko-001")))

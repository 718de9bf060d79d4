"""Models of the sentence-transformers package."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chromadb._embed.base import EmbeddingFunction
from chromadb._embed.loaded import check_storable, load_once, package
from chromadb._model.names import shorten
from chromadb._model.types import Documents, Embeddings
from chromadb.errors import EmbeddingFunctionError


class SentenceTransformerEmbeddingFunction(EmbeddingFunction[Documents]):
    """Embed texts with a model of sentence-transformers, ``pip install chromadb[sentence-transformers]``.

    A model is loaded once per process.

    Args:
        model_name: a name on the model hub, or a folder.
        device: ``"cpu"``, ``"cuda"``, ``"mps"``, ...
        normalize_embeddings: whether to give unit vectors.
        kwargs: further arguments of ``sentence_transformers.SentenceTransformer``: text, numbers, bools or None.

    Raises:
        EmbeddingFunctionError: an argument cannot be stored with a collection, or the package is not installed.
    """

    def __init__(
        self,
        model_name: str = "all-MiniLM-L6-v2",
        device: str = "cpu",
        normalize_embeddings: bool = False,
        **kwargs: Any,
    ) -> None:
        check_storable(kwargs)
        self.model_name = model_name
        self.device = device
        self.normalize_embeddings = normalize_embeddings
        self.kwargs = kwargs
        library = package("sentence_transformers", self, "sentence-transformers")
        self._model = load_once(
            "sentence_transformer",
            {"model_name": model_name, "device": device, **kwargs},
            lambda: library.SentenceTransformer(model_name_or_path=model_name, device=device, **kwargs),
        )

    def __call__(self, input: Documents) -> Embeddings:
        """Return one float32 array per text, in the order of the texts."""
        vectors: NDArray[Any] = self._model.encode(
            list(input),
            convert_to_numpy=True,
            normalize_embeddings=self.normalize_embeddings,
            show_progress_bar=False,
        )
        return list(np.asarray(vectors, dtype=np.float32))

    @staticmethod
    def name() -> str:
        """Return ``"sentence_transformer"``."""
        return "sentence_transformer"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            "model_name": self.model_name,
            "device": self.device,
            "normalize_embeddings": self.normalize_embeddings,
            "kwargs": self.kwargs,
        }

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> SentenceTransformerEmbeddingFunction:
        """Return the function that ``get_config`` described."""
        return SentenceTransformerEmbeddingFunction(
            model_name=config.get("model_name", "all-MiniLM-L6-v2"),
            device=config.get("device", "cpu"),
            normalize_embeddings=config.get("normalize_embeddings", False),
            **config.get("kwargs", {}),
        )

    def validate_config_update(self, old_config: dict[str, Any], new_config: dict[str, Any]) -> None:
        """Refuse another model: its vectors could not be compared with those that are stored.

        Raises:
            EmbeddingFunctionError: the models differ; both are named.
        """
        old, new = old_config.get("model_name"), new_config.get("model_name", old_config.get("model_name"))
        if old != new:
            raise EmbeddingFunctionError(
                f"Expected model_name to be {shorten(old)}, the model of the collection, got {shorten(new)}: its "
                "vectors could not be compared with those that are stored. Embed the documents again into a new "
                "collection."
            )

"""Models of the text2vec package, for Chinese and several languages."""

from __future__ import annotations

import numpy as np

from chromadb._embed.base import EmbeddingFunction
from chromadb._embed.loaded import load_once, package
from chromadb._embed.stored import StoredByParameters, checked_texts
from chromadb._model.types import Documents, Embeddings, Space


class Text2VecEmbeddingFunction(StoredByParameters, EmbeddingFunction[Documents]):
    """Embed texts with a model of text2vec, ``pip install chromadb[text2vec]``.

    A model is loaded once per process.

    Args:
        model_name: a name on the model hub, or a folder.

    Raises:
        EmbeddingFunctionError: the package is not installed.
    """

    def __init__(self, model_name: str = "shibing624/text2vec-base-chinese") -> None:
        self.model_name = model_name
        library = package("text2vec", self, "text2vec")
        self._model = load_once("text2vec", {"model_name": model_name}, lambda: library.SentenceModel(model_name))

    def __call__(self, input: Documents) -> Embeddings:
        """Return one float32 array per text, in the order of the texts.

        Raises:
            EmbeddingFunctionError: `input` is not a list of texts.
        """
        texts = checked_texts(input)
        if not texts:
            return []
        return list(np.asarray(self._model.encode(texts, convert_to_numpy=True), dtype=np.float32))

    @staticmethod
    def name() -> str:
        """Return ``"text2vec"``."""
        return "text2vec"

    def default_space(self) -> Space:
        """Return ``"cosine"``."""
        return "cosine"

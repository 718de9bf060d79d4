"""Instructor models, which are told what the vectors are for."""

from __future__ import annotations

import numpy as np

from chromadb._embed.base import EmbeddingFunction
from chromadb._embed.loaded import load_once, package
from chromadb._embed.stored import StoredByParameters, checked_texts
from chromadb._model.types import Documents, Embeddings, Space


class InstructorEmbeddingFunction(StoredByParameters, EmbeddingFunction[Documents]):
    """Embed texts with an Instructor model, ``pip install chromadb[sentence-transformers]``.

    The models run on sentence-transformers, which reads them by itself; a model is loaded once per process.

    Args:
        model_name: ``"hkunlp/instructor-base"``, ``"hkunlp/instructor-large"``, ``"hkunlp/instructor-xl"``,
            or a folder.
        device: ``"cpu"``, ``"cuda"``, ``"mps"``, ...
        instruction: what the vectors are for, such as ``"Represent the science document for retrieval:"``.

    Raises:
        EmbeddingFunctionError: the package is not installed.
    """

    _may_change = frozenset({"device"})

    def __init__(
        self,
        model_name: str = "hkunlp/instructor-base",
        device: str = "cpu",
        instruction: str | None = None,
    ) -> None:
        self.model_name = model_name
        self.device = device
        self.instruction = instruction
        library = package("sentence_transformers", self, "sentence-transformers")
        self._model = load_once(
            "instructor",
            {"model_name": model_name, "device": device},
            lambda: _without_instructions(library.SentenceTransformer(model_name, device=device)),
        )

    def __call__(self, input: Documents) -> Embeddings:
        """Return one float32 array per text, in the order of the texts.

        Raises:
            EmbeddingFunctionError: `input` is not a list of texts.
        """
        texts = checked_texts(input)
        if not texts:
            return []
        vectors = self._model.encode(texts, prompt=self.instruction, convert_to_numpy=True, show_progress_bar=False)
        return list(np.asarray(vectors, dtype=np.float32))

    @staticmethod
    def name() -> str:
        """Return ``"instructor"``."""
        return "instructor"

    def default_space(self) -> Space:
        """Return ``"cosine"``."""
        return "cosine"


def _without_instructions(model: object) -> object:
    # The words of the instruction guide those of the text and are not part of the mean themselves.
    model.set_pooling_include_prompt(False)  # type: ignore[attr-defined]
    return model

"""all-MiniLM-L6-v2 by onnxruntime, as an embedding function."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chromadb._embed import model_release
from chromadb._embed.base import EmbeddingFunction
from chromadb._model.names import describe, shorten
from chromadb._model.types import Documents, Embeddings, Space
from chromadb._thin import full_package
from chromadb.errors import EmbeddingFunctionError


class ONNXMiniLM_L6_V2(EmbeddingFunction[Documents]):
    """Embed texts with all-MiniLM-L6-v2: 384 dimensions, unit length, at most 256 tokens of each text.

    The model is looked up, and fetched where it is missing, when the first text is embedded; all instances of
    a process share it.

    Args:
        preferred_providers: execution providers of onnxruntime in order of preference; None: the CPU.

    Raises:
        EmbeddingFunctionError: `preferred_providers` is not a list of different names.
    """

    MODEL_NAME = model_release.MODEL_NAME
    DOWNLOAD_PATH: str | Path = model_release.CACHE_FOLDER
    EXTRACTED_FOLDER_NAME = model_release.ARCHIVE_FOLDER
    ARCHIVE_FILENAME = "onnx.tar.gz"
    # Of the weights, model.safetensors.
    _MODEL_SHA256 = model_release.MINILM.files[0].sha256

    def __init__(self, preferred_providers: list[str] | None = None) -> None:
        if preferred_providers is not None:
            if not isinstance(preferred_providers, (list, tuple)) or not all(
                isinstance(provider, str) for provider in preferred_providers
            ):
                raise EmbeddingFunctionError(
                    f"Expected preferred_providers to be a list of names, got {describe(preferred_providers)}."
                )
            if len(set(preferred_providers)) != len(preferred_providers):
                raise EmbeddingFunctionError(
                    f"Expected preferred_providers to be different names, got {shorten(preferred_providers)}."
                )
        self._preferred_providers = None if preferred_providers is None else list(preferred_providers)

    def __call__(self, input: Documents) -> Embeddings:
        """Return a float32 array of 384 numbers per text, in the order of the texts.

        Raises:
            EmbeddingFunctionError: `input` is not a list of str, or a provider is not available.
            ThinClientError: this is the thin client, which has no model.
            ModelUnavailableError: the model is not here and cannot be fetched, or is damaged.
        """
        vectors: Embeddings = list(self._embed(input))
        return vectors

    def _embed(self, texts: object) -> NDArray[np.float32]:
        if isinstance(texts, str):
            raise EmbeddingFunctionError(
                f"Expected the input to be a list of texts, got {describe(texts)}. Pass [{shorten(texts)}]."
            )
        if not isinstance(texts, Iterable):
            raise EmbeddingFunctionError(f"Expected the input to be a list of texts, got {describe(texts)}.")
        texts = list(texts)
        for position, text in enumerate(texts):
            if not isinstance(text, str):
                raise EmbeddingFunctionError(
                    f"Expected every item of the input to be a str, got {describe(text)} at input[{position}]."
                )
        if not texts:
            return np.empty((0, model_release.DIMENSION), dtype=np.float32)
        # Not with this module, which every `import chromadb` loads.
        with full_package("The default embedding model", "Pass embeddings, or another embedding function"):
            import chromadb._embed.minilm as minilm
            import chromadb._embed.model_files as model_files

        model = minilm.shared(Path(self.DOWNLOAD_PATH), self._preferred_providers or [], model_files.locate)
        return model.embed(texts)

    @staticmethod
    def name() -> str:
        """Return ``"onnx_mini_lm_l6_v2"``."""
        return "onnx_mini_lm_l6_v2"

    def get_config(self) -> dict[str, Any]:
        """Return the preferred providers."""
        return {"preferred_providers": self._preferred_providers}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> ONNXMiniLM_L6_V2:
        """Return the function that ``get_config`` described."""
        return ONNXMiniLM_L6_V2(preferred_providers=config.get("preferred_providers"))

    def supported_spaces(self) -> list[Space]:
        """Return all three: of unit vectors they give the same order."""
        return ["cosine", "l2", "ip"]

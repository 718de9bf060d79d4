"""Texts and images in one space, by models of the open_clip library."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chromadb._embed.base import EmbeddingFunction
from chromadb._embed.images import to_picture
from chromadb._model.names import describe, shorten
from chromadb._model.types import Embeddable, Embeddings, Space
from chromadb.errors import EmbeddingFunctionError

# Inputs that a model is given at once: on a CPU more of them are no faster, and take memory.
_BATCH = 32
_FIXED = ("model_name", "checkpoint")


class _Model(NamedTuple):
    network: Any
    preprocess: Any
    tokenize: Any


_lock = threading.Lock()
_models: dict[str, _Model] = {}


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


class OpenCLIPEmbeddingFunction(EmbeddingFunction[Embeddable]):
    """Embed texts and images with a model of open_clip, ``pip install chromadb[open-clip]``: unit vectors.

    A model is loaded once per process; its weights are fetched from the model hub where they are not in its cache.

    Args:
        model_name: an architecture that open_clip knows, or a name on the model hub beginning with ``hf-hub:``.
        checkpoint: the weights: a name that open_clip has for this architecture, or a file.
        device: ``"cpu"``, ``"cuda"``, ...

    Raises:
        EmbeddingFunctionError: the package is not installed, or it has no such model or weights.
    """

    def __init__(
        self, model_name: str = "ViT-B-32", checkpoint: str = "laion2b_s34b_b79k", device: str | None = "cpu"
    ) -> None:
        self.model_name = model_name
        self.checkpoint = checkpoint
        self.device = device or "cpu"
        self._model = _load(model_name, checkpoint, self.device)

    def __call__(self, input: Embeddable) -> Embeddings:
        """Return one float32 array per text or image, in order; a call may have both.

        Args:
            input: texts, of which the model reads the first tokens (77 for most), and images as arrays of shape
                (height, width, 3), of any size.

        Raises:
            EmbeddingFunctionError: an item is neither.
        """
        items: Any = input
        if isinstance(items, (str, np.ndarray)) or not isinstance(items, Iterable):
            raise EmbeddingFunctionError(f"Expected the input to be a list of texts and images, got {describe(items)}.")
        items = list(items)
        texts = [place for place, item in enumerate(items) if isinstance(item, str)]
        images = [place for place, item in enumerate(items) if not isinstance(item, str)]
        vectors: Embeddings = [np.empty(0, dtype=np.float32)] * len(items)
        for places, encode in ((texts, self._encode_texts), (images, self._encode_images)):
            for start in range(0, len(places), _BATCH):
                batch = places[start : start + _BATCH]
                for place, vector in zip(batch, encode(batch, items), strict=True):
                    vectors[place] = vector
        return vectors

    def _encode_texts(self, places: Sequence[int], items: Sequence[Any]) -> NDArray[np.float32]:
        # A lone surrogate is not text for the tokenizer, but may well come out of a damaged document.
        texts = [items[place].encode("utf-8", "replace").decode() for place in places]
        return self._run(self._model.network.encode_text, self._model.tokenize(texts))

    def _encode_images(self, places: Sequence[int], items: Sequence[Any]) -> NDArray[np.float32]:
        import torch

        pictures = [to_picture(items[place], f"input[{place}]") for place in places]
        return self._run(
            self._model.network.encode_image, torch.stack([self._model.preprocess(picture) for picture in pictures])
        )

    def _run(self, encode: Any, tensor: Any) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            features = encode(tensor.to(self.device), normalize=True)
        vectors: NDArray[np.float32] = features.float().cpu().numpy()
        return vectors

    @staticmethod
    def name() -> str:
        """Return ``"open_clip"``."""
        return "open_clip"

    def default_space(self) -> Space:
        """Return ``"cosine"``."""
        return "cosine"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"model_name": self.model_name, "checkpoint": self.checkpoint, "device": self.device}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> OpenCLIPEmbeddingFunction:
        """Return the function that ``get_config`` described."""
        known = {"model_name", "checkpoint", "device"}
        return OpenCLIPEmbeddingFunction(**{name: value for name, value in config.items() if name in known})

    def validate_config_update(self, old_config: dict[str, Any], new_config: dict[str, Any]) -> None:
        """Refuse another model: its vectors could not be compared with those that are stored.

        Raises:
            EmbeddingFunctionError: the models differ; both are named.
        """
        for name in _FIXED:
            old, new = old_config.get(name), new_config.get(name, old_config.get(name))
            if old != new:
                raise EmbeddingFunctionError(
                    f"Expected {name} to be {shorten(old)}, as the collection has it, got {shorten(new)}: its vectors "
                    "could not be compared with those that are stored. Embed the data again into a new collection."
                )


def _load(model_name: str, checkpoint: str, device: str) -> _Model:
    try:
        import open_clip
    except ImportError as error:
        raise EmbeddingFunctionError(
            "The package open-clip-torch is not installed; OpenCLIPEmbeddingFunction needs it. "
            "Run pip install 'chromadb[open-clip]'."
        ) from error
    if not isinstance(model_name, str) or not isinstance(checkpoint, str) or not checkpoint:
        raise EmbeddingFunctionError(
            "Expected model_name and checkpoint to be names of a model and of its weights, got "
            f"{describe(model_name)} and {describe(checkpoint)}. open_clip.list_pretrained() has those that are known."
        )
    key = json.dumps([model_name, checkpoint, device])
    with _lock:
        if key not in _models:
            try:
                network, _, preprocess = open_clip.create_model_and_transforms(
                    model_name, pretrained=checkpoint, device=device
                )
                tokenize = open_clip.get_tokenizer(model_name)
            except Exception as error:  # of open_clip, torch and the model hub, each with classes of its own
                raise EmbeddingFunctionError(
                    f"The model {shorten(model_name)} with the weights {shorten(checkpoint)} cannot be loaded "
                    f"({type(error).__name__}: {shorten(str(error))}). open_clip.list_pretrained() has those that are "
                    "known; weights that are not in the cache of the model hub are fetched from there."
                ) from error
            network.eval()
            _models[key] = _Model(network, preprocess, tokenize)
        return _models[key]

"""A collection's embedding function: the one that was given, the one that is stored, or the default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from typing import Any

import numpy as np

from chromadb._embed.base import class_name, embed, function_label
from chromadb._embed.default import DefaultEmbeddingFunction
from chromadb._embed.registry import build, check_function, conflict, describe
from chromadb._model.configuration import Configuration
from chromadb._model.names import describe as describe_value
from chromadb._model.vectors import Matrix
from chromadb.errors import EmbeddingFunctionError, InvalidArgumentError, InvalidArgumentTypeError

DEFAULT_FUNCTION: Any = DefaultEmbeddingFunction()
"""The default of the parameter `embedding_function`: this very object means that none was given."""


def check_data_loader(loader: Any) -> Any:
    """Return a data loader, or None.

    Raises:
        InvalidArgumentTypeError: it cannot be called.
    """
    if loader is not None and not (callable(loader) and not isinstance(loader, type)):
        raise InvalidArgumentTypeError(
            "Expected data_loader to be callable with a list of URIs, giving one item for each; got "
            f"{describe_value(loader)}."
        )
    return loader


def choose_function(given: Any, configuration: Any) -> Any:
    """Return the function that a new collection is made with, out of the two places where one can stand.

    Raises:
        EmbeddingFunctionError: both places name one, and not the same.
    """
    configured = DEFAULT_FUNCTION
    if isinstance(configuration, Mapping):
        configured = configuration.get("embedding_function", DEFAULT_FUNCTION)
    if configured is DEFAULT_FUNCTION:
        return given
    if given is not DEFAULT_FUNCTION and given is not configured:
        reason = conflict(describe(given) or {}, describe(configured) or {"type": "none"})
        if given is None or configured is None or reason:
            raise EmbeddingFunctionError(
                f"Expected one embedding function, got {_label(given)} as an argument and {_label(configured)} in the "
                "configuration. Give it in one place."
            )
    return configured


def _label(function: Any) -> str:
    return "None" if function is None else function_label(function)


def default_space(function: Any) -> str | None:
    """Return the space that an embedding function asks for, None if it has no opinion."""
    if isinstance(function, type):
        raise EmbeddingFunctionError(
            f"Expected an embedding function, got the class {function.__name__}. Call it: {function.__name__}(...)."
        )
    ask = getattr(function, "default_space", None)
    return str(ask()) if callable(ask) else None


class CollectionEmbedding:
    """Embeds for one collection.

    Args:
        given: what the caller passed as `embedding_function`; None for no function at all.
        configuration: of the collection, with what is stored of its function.
        data_loader: loads the data that URIs point to, or None.
        collection: its name, for messages.

    Raises:
        EmbeddingFunctionError: the function given is another one than the stored one, or of another model; both are
            named.
        InvalidArgumentTypeError: the data loader cannot be called.
    """

    def __init__(
        self, given: Any, configuration: Configuration, data_loader: Any = None, collection: str | None = None
    ) -> None:
        self._collection = collection
        self.data_loader = check_data_loader(data_loader)
        self.given = given
        self._stored = configuration.embedding_function
        self._resolved: Any = None
        if given is not None and given is not DEFAULT_FUNCTION:
            check_function(given, self._stored, collection)

    @property
    def function(self) -> Any:
        """The function, None if there is none.

        Raises:
            EmbeddingFunctionError: none was given, and the stored one cannot be built.
        """
        if self.given is not DEFAULT_FUNCTION:
            return self.given
        if self._stored is None or self._stored.get("name") == DEFAULT_FUNCTION.name():
            return DEFAULT_FUNCTION
        if self._resolved is None:
            self._resolved = build(self._stored, self._collection)
        return self._resolved

    @property
    def function_or_none(self) -> Any:
        """The function, None if there is none or the stored one cannot be built."""
        try:
            return self.function
        except EmbeddingFunctionError:
            return None

    def embed(self, inputs: Sequence[Any], *, queries: bool = False) -> Matrix:
        """Return the vectors of texts or images, shape (len(inputs), d).

        Raises:
            EmbeddingFunctionError: there is no function, or it gave something unusable.
        """
        function = self.function
        if function is None:
            raise EmbeddingFunctionError(
                "The collection was opened with embedding_function=None, so it cannot compute embeddings. "
                "Pass the embeddings yourself, or open it with an embedding function."
            )
        return embed(function, inputs, queries=queries)

    def load(self, uris: Sequence[str | None]) -> Any:
        """Return the data that URIs point to.

        Raises:
            InvalidArgumentError: the collection has no data loader, or it does not give one item per URI.
        """
        if self.data_loader is None:
            raise InvalidArgumentError(
                "The collection has no data loader, so it cannot load URIs. Open it with data_loader=..., "
                "or pass the embeddings yourself."
            )
        loaded = self.data_loader(uris)
        if not isinstance(loaded, Sized) or len(loaded) != len(uris):
            raise InvalidArgumentError(
                f"Expected the data loader {class_name(self.data_loader)} to give one item for each of {len(uris)} "
                f"URIs, got {describe_value(loaded)}."
            )
        return loaded


def check_images(images: Any) -> list[Any]:
    """Return images as a list of arrays.

    Raises:
        InvalidArgumentError: none, or something else than numpy arrays.
    """
    listed = [images] if isinstance(images, np.ndarray) and images.ndim <= 3 and images.dtype != object else images
    if not isinstance(listed, (list, tuple, np.ndarray)) or len(listed) == 0:
        raise InvalidArgumentTypeError(
            f"Expected images to be a numpy array or a non-empty list of them, got {describe_value(images)}."
        )
    for row, image in enumerate(listed):
        if not isinstance(image, np.ndarray):
            raise InvalidArgumentTypeError(
                f"Expected every image to be a numpy array, got {describe_value(image)} at images[{row}]."
            )
    return list(listed)

"""An embedding function that remembers its vectors on disk."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chromadb._embed.base import EmbeddingFunction, embed, function_label, function_name
from chromadb._embed.registry import describe
from chromadb._embed.vector_cache import VectorCache
from chromadb._model.names import describe as describe_value
from chromadb._model.types import Embeddings, Space
from chromadb.errors import EmbeddingFunctionError, InvalidArgumentError

_KEY_BYTES = 20


class CachedEmbeddingFunction(EmbeddingFunction[Any]):
    """Embed with another function, and only what it has not embedded before.

    Vectors are kept in a file, by the name and the configuration of the function, whether it was a query, and the
    content of the text or image. Collections store the inner function; the cache belongs to this machine.

    Args:
        inner: a function with a name and a configuration.
        path: the file, made where there is none. Any number of processes and functions may share it.
        max_bytes: of the file; beyond it the vectors that were not used for the longest time go.

    Raises:
        EmbeddingFunctionError: `inner` has no name, so that its vectors could be taken for those of another.
        InvalidArgumentError: the file or its folder cannot be used, or `max_bytes` is too small.
    """

    def __init__(self, inner: Any, path: str | os.PathLike[str], *, max_bytes: int = 1_000_000_000) -> None:
        self.inner = inner
        described = describe(inner)
        if described is None or function_name(inner) is None:
            raise EmbeddingFunctionError(
                "Expected the embedding function to cache to have a name and a configuration, by which its vectors "
                f"are told from those of others, got {describe_value(inner)}. Define name() and get_config()."
            )
        if isinstance(max_bytes, bool) or not isinstance(max_bytes, int):
            raise InvalidArgumentError(f"Expected max_bytes to be an int, got {describe_value(max_bytes)}.")
        self._family = json.dumps([described["name"], described["config"]], sort_keys=True).encode()
        self.cache = VectorCache(path, max_bytes)
        self.path = self.cache.path
        self.max_bytes = max_bytes

    def __call__(self, input: Any) -> Embeddings:
        """Return one float32 array per item, in order; the inner function is asked once for each that is new."""
        return list(self._embed(list(input), queries=False))

    def embed_query(self, input: Any) -> Embeddings:
        """Return one float32 array per query, in order; the inner function is asked once for each that is new."""
        return list(self._embed(list(input), queries=True))

    def _embed(self, items: list[Any], *, queries: bool) -> NDArray[np.float32]:
        # Where the inner function makes no difference, a query finds the vector of the same document.
        apart = queries and _tells_queries(self.inner)
        keys = [_key(self._family, apart, item, function_label(self.inner)) for item in items]
        found = self.cache.get(dict.fromkeys(keys))
        missing = {key: item for key, item in zip(keys, items, strict=True) if key not in found}
        if missing:
            vectors = embed(self.inner, list(missing.values()), queries=queries)
            new = dict(zip(missing, vectors, strict=True))
            self.cache.put(new)
            found |= new
        return _stacked([found[key] for key in keys], function_label(self.inner))

    # --- what collections store: the inner function ---------------------------------------------------

    def name(self) -> str:  # type: ignore[override]
        """Return the name of the inner function."""
        return str(self.inner.name())

    def get_config(self) -> dict[str, Any]:
        """Return the configuration of the inner function."""
        config: dict[str, Any] = (describe(self.inner) or {})["config"]
        return config

    def default_space(self) -> Space:
        """Return what the inner function asks for."""
        ask = getattr(self.inner, "default_space", None)
        return ask() if callable(ask) else super().default_space()

    def supported_spaces(self) -> list[Space]:
        """Return what the inner function supports."""
        ask = getattr(self.inner, "supported_spaces", None)
        return ask() if callable(ask) else super().supported_spaces()

    def validate_config_update(self, old_config: dict[str, Any], new_config: dict[str, Any]) -> None:
        """Ask the inner function."""
        check = getattr(self.inner, "validate_config_update", None)
        if callable(check):
            check(old_config, new_config)


def _tells_queries(function: Any) -> bool:
    method = getattr(type(function), "embed_query", None)
    return method is not None and method is not EmbeddingFunction.embed_query


def _key(family: bytes, queries: bool, item: Any, label: str) -> bytes:
    digest = hashlib.blake2b(digest_size=_KEY_BYTES)
    for part in (family, b"query" if queries else b"", *_content(item, label)):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


def _content(item: Any, label: str) -> Sequence[bytes]:
    if isinstance(item, str):
        return b"text", item.encode("utf-8", "surrogatepass")
    if isinstance(item, np.ndarray) and not item.dtype.hasobject:
        return b"image", f"{item.dtype.str} {item.shape}".encode(), np.ascontiguousarray(item).tobytes()
    raise EmbeddingFunctionError(
        f"Expected what the embedding function {label} caches to be texts or arrays, got {describe_value(item)}."
    )


def _stacked(vectors: list[NDArray[np.float32]], label: str) -> NDArray[np.float32]:
    dimensions = sorted({len(vector) for vector in vectors})
    if len(dimensions) > 1:
        raise EmbeddingFunctionError(
            f"The embedding function {label} gives vectors of the dimension {len(vectors[-1])}, the cache has vectors "
            f"of the dimensions {dimensions} under its name and configuration. Use another file for the cache."
        )
    return np.stack(vectors) if vectors else np.empty((0, 0), dtype=np.float32)

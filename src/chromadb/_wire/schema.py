"""Schemas: the form in which clients from 1.3 on keep the configuration of a collection.

Here a schema says nothing that the configuration does not: every key of the metadata can be filtered by, documents can
be searched, vectors have one index. So it is made from the configuration, and of one that a client sends only the part
about vectors is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chromadb._model.configuration import Configuration
from chromadb.errors import UnsupportedError

_OWN_KEYS = {"#document", "#embedding"}
_HNSW = (
    "ef_construction",
    "max_neighbors",
    "ef_search",
    "num_threads",
    "batch_size",
    "sync_threshold",
    "resize_factor",
)


def schema_to_wire(configuration: Configuration) -> dict[str, Any]:
    """Return the schema that says the same as a configuration."""
    vectors = _vector_index(configuration)
    return {
        "defaults": {
            "string": {"fts_index": _index(False), "string_inverted_index": _index(True)},
            "float_list": {"vector_index": _index(False, vectors)},
            "sparse_vector": {
                "sparse_vector_index": _index(False, {"embedding_function": {"type": "unknown"}, "bm25": False})
            },
            "int": {"int_inverted_index": _index(True)},
            "float": {"float_inverted_index": _index(True)},
            "bool": {"bool_inverted_index": _index(True)},
        },
        "keys": {
            "#document": {"string": {"fts_index": _index(True), "string_inverted_index": _index(False)}},
            "#embedding": {"float_list": {"vector_index": _index(True, {**vectors, "source_key": "#document"})}},
        },
    }


def configuration_of_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a schema says about vectors, as a configuration; empty if it says nothing.

    Raises:
        UnsupportedError: it has rules for keys of its own.
    """
    keys = _mapping(schema.get("keys"))
    foreign = sorted(set(keys) - _OWN_KEYS)
    if foreign:
        raise UnsupportedError(
            f"Schemas with rules for single keys are not supported by this version, got one for {foreign[0][:80]!r}. "
            "Every key of the metadata can be filtered by without."
        )
    vectors: Any = keys
    for name in ("#embedding", "float_list", "vector_index", "config"):
        vectors = _mapping(_mapping(vectors).get(name))
    hnsw = {name: value for name, value in _mapping(vectors.get("hnsw")).items() if value is not None}
    if vectors.get("space") is not None:
        hnsw["space"] = vectors["space"]
    function = _mapping(vectors.get("embedding_function"))
    configuration: dict[str, Any] = {"hnsw": hnsw} if hnsw else {}
    if function and function.get("type") != "unknown":
        configuration["embedding_function"] = dict(function)
    return configuration


def _vector_index(configuration: Configuration) -> dict[str, Any]:
    hnsw = configuration.hnsw
    shown = {name: getattr(hnsw, name) for name in _HNSW}
    shown["num_threads"] = hnsw.num_threads or 1
    function = configuration.embedding_function
    return {
        "space": hnsw.space,
        "embedding_function": dict(function) if function else {"type": "legacy"},
        "hnsw": shown,
    }


def _index(enabled: bool, config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"enabled": enabled, "config": dict(config or {})}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

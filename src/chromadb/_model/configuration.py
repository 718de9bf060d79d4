"""The configuration of a collection: its space and index parameters, its embedding function.

Callers write it as ``hnsw:*`` keys of the metadata or as ``configuration={"hnsw": {...}}``; here is one form of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from chromadb._model.names import describe, plain_text, shorten
from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError

SPACES = ("l2", "ip", "cosine")
QUANTIZATIONS = ("auto", "binary", "int8", "float16", "float32")

_METADATA_KEYS = {
    "hnsw:space": "space",
    "hnsw:construction_ef": "ef_construction",
    "hnsw:ef_construction": "ef_construction",
    "hnsw:search_ef": "ef_search",
    "hnsw:ef_search": "ef_search",
    "hnsw:M": "max_neighbors",
    "hnsw:quantization": "quantization",
    "hnsw:num_threads": "num_threads",
    "hnsw:batch_size": "batch_size",
    "hnsw:sync_threshold": "sync_threshold",
    "hnsw:resize_factor": "resize_factor",
}
_ALIASES = {"M": "max_neighbors", "construction_ef": "ef_construction", "search_ef": "ef_search"}

_CHOICES = {"space": SPACES, "quantization": QUANTIZATIONS}
_SHOWN_IF_SET = ("quantization", "num_threads", "batch_size")
_RANGES = {
    "ef_construction": (1, 100_000),
    "ef_search": (1, 1_000_000),
    "max_neighbors": (2, 512),
    "num_threads": (0, 1024),
    "batch_size": (1, 2**31),
    "sync_threshold": (1, 2**31),
}


@dataclass(frozen=True)
class HnswConfiguration:
    """The parameters of the vector index, with the names and defaults of the documentation."""

    space: str = "l2"
    ef_construction: int = 100
    ef_search: int = 100
    max_neighbors: int = 16
    quantization: str = "auto"
    """How short the codes are by which the graph compares vectors."""
    num_threads: int = 0
    """Kept for programs that set it; graphs are built and searched by one thread each. 0 stands for not set."""
    batch_size: int = 100
    sync_threshold: int = 1000
    resize_factor: float = 1.2

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters under their names; those that other versions do not know only if they were set."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in _SHOWN_IF_SET or getattr(self, field.name) != field.default
        }


@dataclass(frozen=True)
class Configuration:
    """The configuration of a collection."""

    hnsw: HnswConfiguration = HnswConfiguration()
    embedding_function: Mapping[str, Any] | None = None
    """What is stored of the embedding function: ``{"type": "known", "name": .., "config": ..}``,
    ``{"type": "legacy", ..}``, or None."""

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as it is shown to callers."""
        function = dict(self.embedding_function) if self.embedding_function else None
        return {"hnsw": self.hnsw.to_dict(), "spann": None, "embedding_function": function}


def parse_configuration(
    metadata: Mapping[str, Any] | None, configuration: Any, default_space: str | None = None
) -> HnswConfiguration:
    """Return the index parameters that ``hnsw:*`` metadata and `configuration` ask for together.

    Args:
        metadata: of the collection.
        configuration: what the caller gave.
        default_space: the space where neither names one, l2 if it is None.

    Raises:
        InvalidArgumentError: an unknown parameter, a value that is not allowed, or the two contradict each other.
    """
    from_metadata = _metadata_parameters(metadata)
    from_configuration = _configuration_parameters(configuration)
    for name in from_metadata.keys() & from_configuration.keys():
        if from_metadata[name] != from_configuration[name]:
            raise InvalidArgumentError(
                f"Expected one value of {name}, got {from_metadata[name]!r} in the metadata and "
                f"{from_configuration[name]!r} in the configuration. Give it in one place."
            )
    base = {} if default_space is None else {"space": _check_parameter("space", default_space, "the default space")}
    return HnswConfiguration(**{**base, **from_metadata, **from_configuration})


def update_configuration(
    current: HnswConfiguration, metadata: Mapping[str, Any] | None, configuration: Any
) -> HnswConfiguration:
    """Return `current` changed as ``modify(metadata, configuration)`` asks.

    Raises:
        InvalidArgumentError: a value that is not allowed, or the metadata names another space.
    """
    from_metadata = _metadata_parameters(metadata)
    if from_metadata.get("space", current.space) != current.space:
        # Code written for the published versions counts on this error.
        raise InvalidArgumentError(
            f"Expected the space of the collection to stay {current.space!r}, got {from_metadata['space']!r} in the "
            'metadata. To change it, pass configuration={"hnsw": {"space": ...}}; the index is rebuilt.'
        )
    return replace(current, **{**from_metadata, **_configuration_parameters(configuration)})


def check_ef_search(value: Any) -> int:
    """Return an `ef_search` for one query.

    Raises:
        InvalidArgumentError: not an int, or out of range.
    """
    return int(_check_parameter("ef_search", value, "ef_search"))


def hnsw_from_dict(stored: Mapping[str, Any]) -> HnswConfiguration:
    """Return the parameters that were stored; names of a newer version are left out."""
    known = {field.name for field in fields(HnswConfiguration)}
    return HnswConfiguration(**{name: value for name, value in stored.items() if name in known})


def _metadata_parameters(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for key, value in (metadata or {}).items():
        if not key.startswith("hnsw:"):
            continue
        name = _METADATA_KEYS.get(key)
        if name is None:
            raise InvalidArgumentError(
                f"Expected metadata keys with the prefix 'hnsw:' to be among {', '.join(_METADATA_KEYS)}; "
                f"got {shorten(key)}."
            )
        parameters[name] = _check_parameter(name, value, f"metadata[{key!r}]")
    return parameters


def _configuration_parameters(configuration: Any) -> dict[str, Any]:
    if configuration is None:
        return {}
    if not isinstance(configuration, Mapping):
        raise InvalidArgumentTypeError(
            'Expected configuration to be a dict such as {"hnsw": {"space": "cosine"}}, got '
            f"{describe(configuration)}."
        )
    allowed = ("hnsw", "spann", "embedding_function", "hnsw_configuration")
    for key in configuration:
        if key not in allowed:
            raise InvalidArgumentError(
                f"Expected the keys of configuration to be among hnsw, spann, embedding_function; got {shorten(key)}."
            )
    hnsw = configuration.get("hnsw") or configuration.get("hnsw_configuration")
    spann = configuration.get("spann")
    if hnsw and spann:
        raise InvalidArgumentError("Expected either hnsw or spann in the configuration, got both.")
    if spann:
        return _spann_parameters(spann)
    return _named_parameters(hnsw or {}, "hnsw")


def _named_parameters(values: Any, section: str) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise InvalidArgumentTypeError(f"Expected configuration[{section!r}] to be a dict, got {describe(values)}.")
    names = [field.name for field in fields(HnswConfiguration)]
    parameters: dict[str, Any] = {}
    for key, value in values.items():
        name = _ALIASES.get(key, key)
        if name not in names:
            raise InvalidArgumentError(
                f"Expected the keys of configuration[{section!r}] to be among {', '.join(names)}; got {shorten(key)}."
            )
        if value is not None:
            parameters[name] = _check_parameter(name, value, f"configuration[{section!r}][{key!r}]")
    return parameters


def _spann_parameters(spann: Any) -> dict[str, Any]:
    """Take what a SPANN configuration says about the space; its index is one for clusters of machines."""
    if not isinstance(spann, Mapping):
        raise InvalidArgumentTypeError(f"Expected configuration['spann'] to be a dict, got {describe(spann)}.")
    shared = {"space": "space", "ef_construction": "ef_construction", "ef_search": "ef_search"}
    shared["max_neighbors"] = "max_neighbors"
    return {
        name: _check_parameter(name, spann[name], f"configuration['spann'][{name!r}]")
        for name in shared
        if spann.get(name) is not None
    }


def _check_parameter(name: str, value: Any, where: str) -> Any:
    if name in _CHOICES:
        if not isinstance(value, str) or plain_text(value) not in _CHOICES[name]:
            allowed = ", ".join(_CHOICES[name])
            raise InvalidArgumentError(f"Expected {where} to be one of {allowed}; got {describe(value)}.")
        return plain_text(value)
    if isinstance(value, np.generic):
        value = value.item()
    if name == "resize_factor":
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
            raise InvalidArgumentError(f"Expected {where} to be a float above 0, got {describe(value)}.")
        return float(value)
    least, most = _RANGES[name]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidArgumentError(f"Expected {where} to be an int from {least} to {most}, got {describe(value)}.")
    return int(value)

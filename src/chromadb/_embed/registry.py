"""Embedding functions by name: what is stored with a collection, and how it becomes a function again."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, TypeVar, overload

from chromadb._embed.base import (
    EmbeddingFunction,
    class_name,
    function_label,
    function_name,
    not_callable_error,
)
from chromadb._embed.table import registered
from chromadb._model.names import describe as describe_value
from chromadb._model.names import shorten
from chromadb.errors import EmbeddingFunctionError

AnyFunction = TypeVar("AnyFunction", bound=type)

_REQUIRED = ("name", "get_config", "build_from_config")
# The default function is the same model under another name: its vectors may be mixed with it.
_SAME_VECTORS = frozenset({"default", "onnx_mini_lm_l6_v2"})


class Registry(MutableMapping[str, type]):
    """Classes by name. An entry is written ``module:Class`` and imported when it is asked for."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._entries: dict[str, str | type] = dict(entries)

    def __getitem__(self, name: str) -> type:
        entry = self._entries[name]
        if isinstance(entry, str):
            module, _, attribute = entry.partition(":")
            entry = self._entries[name] = _as_type(getattr(importlib.import_module(module), attribute))
        return entry

    def __setitem__(self, name: str, function_class: type) -> None:
        self._entries[name] = function_class

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)


def _as_type(value: Any) -> type:
    if not isinstance(value, type):
        raise EmbeddingFunctionError(
            f"Expected an embedding function to be registered as a class, got {describe_value(value)}."
        )
    return value


known_embedding_functions: Registry = Registry(registered())


@overload
def register_embedding_function(ef_class: AnyFunction) -> AnyFunction: ...
@overload
def register_embedding_function(ef_class: None = None) -> Callable[[AnyFunction], AnyFunction]: ...
def register_embedding_function(
    ef_class: AnyFunction | None = None,
) -> AnyFunction | Callable[[AnyFunction], AnyFunction]:
    """Make a class known by its ``name()``, so that stored collections can build it again.

    Used as ``@register_embedding_function`` or ``@register_embedding_function()``. A name that is
    registered already gets the new class.

    Raises:
        EmbeddingFunctionError: the class lacks ``name``, ``get_config`` or ``build_from_config``, or its name
            is not text, or is empty.
    """
    if ef_class is None:
        return lambda later: register_in(known_embedding_functions, later, EmbeddingFunction)
    return register_in(known_embedding_functions, ef_class, EmbeddingFunction)


def register_in(registry: Registry, ef_class: AnyFunction, protocol: type) -> AnyFunction:
    """Make a class known in a registry by its ``name()``, where it defines what `protocol` leaves to it.

    Raises:
        EmbeddingFunctionError: as :func:`register_embedding_function`.
    """
    _as_type(ef_class)
    missing = [method for method in _REQUIRED if getattr(ef_class, method, None) in (None, getattr(protocol, method))]
    if missing:
        raise EmbeddingFunctionError(
            f"Expected the embedding function {class_name(ef_class)} to define what a collection stores, got a class "
            f"without {', '.join(f'{method}()' for method in missing)}. Define them, or pass an object of the class "
            "without registering it."
        )
    name = None
    try:
        name = function_name(ef_class)
    except TypeError as error:
        raise EmbeddingFunctionError(
            f"Expected name() of {class_name(ef_class)} to be a staticmethod, so that it can be called on the class; "
            f"got {error}."
        ) from error
    if name is None:
        raise EmbeddingFunctionError(
            f"Expected name() of {class_name(ef_class)} to return a str that is not empty, got none."
        )
    registry[name] = ef_class
    return ef_class


def describe(function: object | None) -> dict[str, Any] | None:
    """Return what a collection stores of a function.

    None for None; ``{"type": "known", "name": ..., "config": ...}`` for a function with a name, registered or
    not; ``{"type": "legacy", "class": "<module.qualname>"}`` for any other callable.

    Raises:
        EmbeddingFunctionError: the function cannot be called, or its configuration is not JSON data.
    """
    if function is None:
        return None
    if not callable(function):
        raise not_callable_error(function)
    name = function_name(function)
    if name is None:
        return {"type": "legacy", "class": class_name(function)}
    return {"type": "known", "name": name, "config": _json_config(function)}


def _json_config(function: object) -> dict[str, Any]:
    get_config = getattr(function, "get_config", None)
    label = function_label(function)
    try:
        config = get_config() if callable(get_config) else {}
    except NotImplementedError:
        config = {}
    if not isinstance(config, dict):
        raise EmbeddingFunctionError(
            f"Expected get_config() of the embedding function {label} to return a dict, got {describe_value(config)}."
        )
    try:
        stored = json.loads(json.dumps(config, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise EmbeddingFunctionError(
            f"Expected get_config() of the embedding function {label} to return JSON data (text, numbers, bools, "
            f"None, lists and dicts of these), got {shorten(config)} ({error})."
        ) from error
    if not all(isinstance(key, str) for key in config):
        raise EmbeddingFunctionError(
            f"Expected get_config() of the embedding function {label} to have keys of type str, "
            f"got {shorten(list(config))}."
        )
    assert isinstance(stored, dict)
    return stored


def build(description: Mapping[str, Any], collection: str | None = None) -> EmbeddingFunction[Any]:
    """Return the function that a collection stores, whose name is for messages.

    Only classes that are registered under the stored name are built: what is stored is data, never
    imported nor run.

    Raises:
        EmbeddingFunctionError: the name is unknown, the function has none, or its class refuses the configuration.
    """
    if description.get("type") != "known" or not isinstance(description.get("name"), str):
        raise EmbeddingFunctionError(
            f"{_named(collection)} was made with {_stored_label(description)}, which cannot be built again from "
            "what is stored. Pass embedding_function=... when opening the collection."
        )
    name, config = description["name"], description.get("config")
    config = {} if config is None else config
    if not isinstance(config, dict):
        raise EmbeddingFunctionError(
            f"The stored configuration of the embedding function '{name}' is {describe_value(config)}, not a dict. "
            "Pass embedding_function=... when opening the collection."
        )
    if name not in known_embedding_functions:
        raise EmbeddingFunctionError(
            f"{_named(collection)} was made with the embedding function '{name}', which is not registered here. "
            "Pass embedding_function=... when opening the collection, or register its class with "
            "register_embedding_function before."
        )
    ef_class: Any = known_embedding_functions[name]
    try:
        function: EmbeddingFunction[Any] = ef_class.build_from_config(dict(config))
    except EmbeddingFunctionError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise EmbeddingFunctionError(
            f"The embedding function '{name}' cannot be built from the stored configuration {shorten(config)} "
            f"({type(error).__name__}: {error}). Pass embedding_function=... when opening the collection."
        ) from error
    return function


def conflict(
    stored: Mapping[str, Any] | None, given: Mapping[str, Any] | None, collection: str | None = None
) -> str | None:
    """Return why a given function must not be used with a collection, None where it may.

    Both functions are descriptions as :func:`describe` returns them. Configurations may differ (another
    device, another batch size); names may not, unless they stand for the same model. A collection
    that stores no function, or one without a name, takes any.
    """
    if stored is None or given is None or stored.get("type") != "known":
        return None
    stored_name, given_name = stored.get("name"), given.get("name")
    if stored_name == given_name or {stored_name, given_name} <= _SAME_VECTORS:
        return None
    return (
        f"{_named(collection)} was made with {_stored_label(stored)}, but what was given is {_stored_label(given)}: "
        "their vectors cannot be compared. Leave embedding_function out to use the stored one, or embed the "
        "documents again into a new collection."
    )


def check_function(
    function: object, stored: Mapping[str, Any] | None, collection: str | None = None
) -> dict[str, Any] | None:
    """Return the description of a function that is given for a collection.

    Args:
        stored: the description of the function that the collection stores.

    Raises:
        EmbeddingFunctionError: it must not be used with the collection: it is another function, or the same with a
            configuration that its ``validate_config_update`` refuses, such as another model.
    """
    given = describe(function)
    reason = conflict(stored, given, collection)
    if reason:
        raise EmbeddingFunctionError(reason)
    validate = getattr(function, "validate_config_update", None)
    if stored and given and callable(validate) and stored.get("name") == given.get("name"):
        config = stored.get("config")
        validate(config if isinstance(config, dict) else {}, given.get("config", {}))
    return given


def _named(collection: str | None) -> str:
    return "The collection" if collection is None else f"Collection {collection!r}"


def _stored_label(description: Mapping[str, Any]) -> str:
    kind, name, named_class = (description.get(key) for key in ("type", "name", "class"))
    if kind == "known" and isinstance(name, str):
        return f"the embedding function '{name}'"
    if isinstance(named_class, str):
        return f"the embedding function {named_class}, which has no name"
    return "an embedding function without a name"

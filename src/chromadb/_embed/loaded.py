"""Models of this machine: loaded once per process, by what they are made of."""

from __future__ import annotations

import importlib
import json
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from chromadb._embed.packages import install_command, is_installed
from chromadb._model.names import describe
from chromadb.errors import EmbeddingFunctionError

_lock = threading.Lock()
_models: dict[str, Any] = {}


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def load_once(kind: str, arguments: Mapping[str, Any], load: Callable[[], Any]) -> Any:
    """Return the model of a kind that was loaded with the same arguments, or load it.

    Args:
        arguments: what tells models of a kind apart, as JSON data.
    """
    key = json.dumps([kind, arguments], sort_keys=True)
    with _lock:
        if key not in _models:
            _models[key] = load()
        return _models[key]


def package(name: str, function: object, extra: str) -> Any:
    """Import the library of a function.

    Raises:
        EmbeddingFunctionError: it is not installed; the extra that installs it is named.
    """
    if not is_installed(name):
        raise EmbeddingFunctionError(
            f"The package {name} is not installed; {type(function).__name__} needs it. Run {install_command(extra)}."
        )
    return importlib.import_module(name)


def check_storable(arguments: Mapping[str, Any]) -> None:
    """Check that further arguments of a model can be stored with a collection.

    Raises:
        EmbeddingFunctionError: one cannot; it is named.
    """
    for name, value in arguments.items():
        if not (value is None or isinstance(value, (str, int, float, bool))):
            raise EmbeddingFunctionError(
                f"Expected {name} to be text, a number, a bool or None, so that it can be stored with a "
                f"collection; got {describe(value)}."
            )

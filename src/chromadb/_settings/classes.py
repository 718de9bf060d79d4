"""Classes that settings name by their dotted paths, and what they are made with."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Protocol

from chromadb._settings.settings import Settings
from chromadb.errors import ChromaError, InvalidArgumentError


class HasSettings(Protocol):
    """What a class that a setting names is made with."""

    @property
    def settings(self) -> Settings:
        """The settings of the client or the server."""
        ...


class System:
    """The same, of this project's own making.

    Args:
        settings: of the client or the server.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings


def named_class(settings: Settings, setting: str, base: type, built_in: Mapping[str, type]) -> Any:
    """Return the class that a setting names.

    Args:
        settings: of the client or the server.
        setting: whose value is a dotted path.
        base: what the class has to be derived from.
        built_in: classes of this project, by the paths that they are known by.

    Raises:
        InvalidArgumentError: it cannot be imported, or is another kind of class.
    """
    path: str = settings[setting]
    if path in built_in:
        return built_in[path]
    module, _, name = path.strip().rpartition(".")
    reason = ""
    try:
        found = getattr(importlib.import_module(module), name) if module else None
    except (ImportError, AttributeError, ValueError) as error:
        found, reason = None, f" ({error})"
    if isinstance(found, type) and issubclass(found, base):
        return found
    raise InvalidArgumentError(
        f"Expected {setting} to be the dotted path of a class derived from {base.__name__}; got {path!r}{reason}."
    )


def made(setting: str, kind: Any, system: HasSettings) -> Any:
    """Return an instance of the class that a setting names.

    Raises:
        InvalidArgumentError: it cannot be made.
    """
    try:
        return kind(system)
    except ChromaError:
        raise
    except Exception as error:
        raise InvalidArgumentError(
            f"The class of {setting}, {kind.__module__}.{kind.__qualname__}, cannot be made: it raised "
            f"{type(error).__name__}: {error}."
        ) from error

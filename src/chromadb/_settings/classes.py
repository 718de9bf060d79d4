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

    def require(self, name: str) -> Any:
        """Return a setting, which has to be set."""
        return self.settings.require(name)


class Component:
    """What classes that settings name are derived from.

    Args:
        system: what has the ``settings`` of the client or the server.
    """

    def __init__(self, system: HasSettings) -> None:
        self._system = system
        self._settings = system.settings


def import_class(path: str) -> tuple[Any, str]:
    """Return what stands at a dotted path, None if nothing does, and in brackets why that is so, "" if it is plain."""
    module, _, name = path.strip().rpartition(".")
    try:
        return getattr(importlib.import_module(module), name) if module else None, ""
    except (ImportError, AttributeError, ValueError) as error:
        return None, f" ({error})"


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
    found, reason = import_class(path)
    if isinstance(found, type) and issubclass(found, base):
        return found
    raise InvalidArgumentError(
        f"Expected {setting} to be the dotted path of a class derived from {base.__name__}; got {path!r}{reason}."
    )


def made(setting: str, kind: Any, system: HasSettings, *, secret: bool = False) -> Any:
    """Return an instance of the class that a setting names.

    Args:
        setting: that names it.
        kind: the class.
        system: what it is made with.
        secret: whether what it raises may hold what is secret, and is not shown.

    Raises:
        InvalidArgumentError: it cannot be made.
    """
    try:
        return kind(system)
    except ChromaError:
        raise
    except ModuleNotFoundError as error:
        raise InvalidArgumentError(
            f"The class of {setting} needs the package {error.name}. Install it: pip install {error.name}."
        ) from None
    except Exception as error:
        raise InvalidArgumentError(
            f"The class of {setting}, {kind.__module__}.{kind.__qualname__}, cannot be made: it raised "
            f"{type(error).__name__}{'' if secret else f': {error}'}."
        ) from error

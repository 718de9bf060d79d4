"""Credentials: where they are read from. What stands in them is never part of a message."""

from __future__ import annotations

import re
from typing import Any

from chromadb._model.names import describe
from chromadb._settings import Settings
from chromadb.errors import InvalidArgumentError

_QUOTED = re.compile("['\"].*['\"]", re.DOTALL)

MOST_BYTES = 16 * 2**20
"""The longest file of credentials that is read."""


def read_either(settings: Settings, name: str) -> list[str]:
    """Return the lines of the setting `name`, or of the file that the setting ``<name>_file`` names.

    Raises:
        InvalidArgumentError: both are set or neither is; the file cannot be read; there is nothing in it.
    """
    given, path = settings[name], settings[f"{name}_file"]
    if given and path:
        raise InvalidArgumentError(f"Expected one of {name} and {name}_file, got both. Leave one out.")
    if not given and not path:
        raise InvalidArgumentError(f"Expected {name} or {name}_file to be set, got neither. Set one of them.")
    text = given if given else _read(path, f"{name}_file")
    if not text.strip():
        raise InvalidArgumentError(f"Expected something in {source(settings, name)}, got nothing but spaces.")
    return str(text).splitlines()


def source(settings: Settings, name: str) -> str:
    """Return where the setting `name` comes from, for messages."""
    path = settings[f"{name}_file"]
    return f"the file {path!r} ({name}_file)" if path else name


def _read(path: str, setting: str) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidArgumentError(
            f"Expected {setting} to be a file that can be read, got {path!r}: {reason}."
        ) from None
    if len(data) > MOST_BYTES:
        raise InvalidArgumentError(f"Expected the file of {setting} to have at most {MOST_BYTES} bytes, got more.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidArgumentError(
            f"Expected the file of {setting}, {path!r}, to be UTF-8, got something else."
        ) from None


def parse_yaml(lines: list[str], where: str) -> Any:
    """Return what lines say in YAML.

    Raises:
        InvalidArgumentError: they are no YAML, or name a key twice.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """Refuses keys that are given twice: the second one would count, whatever the first one forbids."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            for place, key in enumerate(keys):
                if key in keys[:place]:
                    raise InvalidArgumentError(f"Expected every key in {where} once, got {describe(key)} again.")
            return super().construct_mapping(node, deep=deep)

    try:
        return yaml.load("\n".join(lines), Loader)
    except InvalidArgumentError:
        raise
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        # What stands at the place is not shown: it may be secret.
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark is not None else ""
        problem = _QUOTED.sub("...", getattr(error, "problem", None) or "it cannot be parsed")
        raise InvalidArgumentError(f"Expected {where} to be YAML, got something else{line}: {problem}.") from None

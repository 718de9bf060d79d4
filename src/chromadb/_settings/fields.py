"""Fields of the table of settings: what a setting may be, and how text becomes its value."""

from __future__ import annotations

import copy
import enum
import os
import types
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from chromadb.errors import InvalidArgumentError

T = TypeVar("T")

Group = Literal[
    "storage",
    "client",
    "auth",
    "server",
    "limits",
    "observability",
    "telemetry",
    "internals",
    "distributed",
    "legacy",
]
Effect = Literal["used", "accepted"]

ARGUMENT = "argument"
ASSIGNMENT = "assignment"

# Authorisation configuration is here because the documented YAML file for it holds tokens as well.
_SECRET_PARTS = ("credentials", "token", "headers", "api_key", "authz_config", "password")
_LONGEST_SHOWN = 100
_TRUTH = {
    **dict.fromkeys(("true", "1", "yes", "y", "on", "t"), True),
    **dict.fromkeys(("false", "0", "no", "n", "off", "f"), False),
}


class Field:
    """One setting: its type, default and meaning, and how a value for it is converted and checked."""

    def __init__(self, default: Any, group: Group, effect: Effect, about: str) -> None:
        self.name = ""  # the name and the type are filled in by fields_of
        self.type: Any = None
        self.group = group
        self.effect = effect
        self.about = about
        self._default = default

    @property
    def default(self) -> Any:
        """The default, a copy of its own for every caller."""
        return copy.deepcopy(self._default)

    @property
    def secret(self) -> bool:
        """Whether the value must not be shown in messages and logs."""
        return any(part in self.name for part in _SECRET_PARTS)

    @property
    def allowed(self) -> str:
        """What the setting may be, in words."""
        *most, last = [words for member in _members(self.type) for words in _in_words(member)]
        return f"{', '.join(most)} or {last}" if most else last

    def convert(self, value: Any, source: str) -> Any:
        """Return `value` as the field's type; an empty string stands for the default.

        Raises:
            InvalidArgumentError: the value is not allowed; `source` says in the message where it came from.
        """
        if isinstance(value, enum.Enum):
            value = value.value
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if isinstance(value, str) and not value:
            return self.default
        try:
            if isinstance(value, str):
                return _convert_text(value, self.type)
            return msgspec.convert(value, self.type, strict=False)
        except (msgspec.MsgspecError, UnicodeError):
            raise InvalidArgumentError(
                f"Expected the setting {self.name} to be {self.allowed}, "
                f"got {self.show(value)} ({source}).{self._hint()}"
            ) from None

    def show(self, value: Any) -> str:
        """Return `value` for a message: masked if it may be secret, shortened if it is long."""
        if self.secret:
            return "a value that is not shown, as it may be secret"
        text = repr(value)
        return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."

    def _hint(self) -> str:
        origins = [get_origin(member) for member in _members(self.type)]
        if list in origins:
            return ' As text it is written in JSON: ["first", "second"].'
        if dict in origins:
            return ' As text it is written in JSON: {"key": ...}.'
        return ""


def used(default: T, group: Group, about: str) -> T:
    """Declare a setting that has an effect."""
    # The type checker is to see the annotation of the attribute; a Field is what stands in the class.
    return cast(T, Field(default, group, "used", about))


def accepted(default: T, group: Group, about: str) -> T:
    """Declare a setting of the published versions that means nothing here."""
    return cast(T, Field(default, group, "accepted", about))


def fields_of(owner: type) -> dict[str, Field]:
    """Return the fields declared in the class `owner` by name, in order, with their types resolved."""
    hints = get_type_hints(owner, include_extras=True)
    fields = {name: field for name, field in vars(owner).items() if isinstance(field, Field)}
    for name, field in fields.items():
        field.name = name
        field.type = hints[name]
    return fields


def _members(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    return (annotation,)


def _convert_text(text: str, annotation: Any) -> Any:
    members = _members(annotation)
    word = text.strip().lower()
    for member in members:
        if member is bool and word in _TRUTH:
            return _TRUTH[word]
        if get_origin(member) in (list, dict):
            return msgspec.json.decode(text.encode(), type=annotation)
        if get_origin(member) is Literal:
            for choice in get_args(member):
                if choice.lower() == word:
                    return choice
    if str in members:
        # msgspec would take the word "null" for None, and a password may be any word.
        return text
    return msgspec.convert(text.strip(), annotation, strict=False)


_WORDS: dict[Any, list[str]] = {
    bool: ["true", "false"],
    str: ["a string"],
    type(None): ["None"],
    list[str]: ["a list of strings"],
    dict[str, str]: ["a mapping of strings to strings"],
    dict[str, list[str]]: ["a mapping of strings to lists of strings"],
}


def _in_words(member: Any) -> list[str]:
    if get_origin(member) is Literal:
        return [f'"{choice}"' for choice in get_args(member)]
    if not hasattr(member, "__metadata__"):
        return _WORDS[member]
    number, bounds = get_args(member)
    words = "an integer" if number is int else "a number"
    low = f"above {bounds.gt}" if bounds.ge is None else f"at least {bounds.ge}"
    return [f"{words} ({low})" if bounds.le is None else f"{words} ({low}, at most {bounds.le})"]

"""Settings: everything that can be configured, from arguments, the environment and a ``.env`` file."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, TypeAlias

from chromadb._settings.fields import ARGUMENT, ASSIGNMENT, Field
from chromadb._settings.sources import (
    read_environment,
    refuse_or_warn,
    refuse_storage_before_0_4,
    unknown_name_error,
)
from chromadb._settings.table import SETTINGS, SettingsTable
from chromadb.errors import InvalidArgumentError

Values: TypeAlias = dict[str, Any]


class Settings(SettingsTable):
    """Everything that can be configured, each setting an attribute that can be read and assigned.

    A value is looked for among the keyword arguments, then in the process environment, then in a file
    ``.env`` in the working directory, then it is the default. In the latter two a setting is named like the
    attribute, in any case (``CHROMA_SERVER_HOST``), lists and mappings are written in JSON, and an empty
    value counts as absent; as an argument an empty string stands for the default. Text is converted to the
    type of the setting.

    A keyword or attribute that is no setting has no effect but a :class:`UserWarning`.

    Raises:
        InvalidArgumentError: a value is not allowed; or a former or mistyped authentication setting is given;
            or ``chroma_db_impl`` asks for the storage of releases before 0.4.
    """

    def __init__(self, **values: Any) -> None:
        found = read_environment(SETTINGS)
        for name, value in values.items():
            if name not in SETTINGS:
                refuse_or_warn(name, value, ARGUMENT, SETTINGS, stacklevel=2)
        for name, field in SETTINGS.items():
            if name in values:
                self._store(field, values[name], ARGUMENT)
            elif name in found:
                self._store(field, *found[name])
            else:
                vars(self)[name] = field.default

    def _store(self, field: Field, value: Any, source: str) -> None:
        converted = field.convert(value, source)
        if field.name == "chroma_db_impl":
            refuse_storage_before_0_4(converted, source)
        vars(self)[field.name] = converted

    def __setattr__(self, name: str, value: Any) -> None:
        if name in SETTINGS:
            self._store(SETTINGS[name], value, ASSIGNMENT)
            return
        if not name.startswith("_"):
            refuse_or_warn(name, value, ASSIGNMENT, SETTINGS, stacklevel=2)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if name in SETTINGS:
            raise AttributeError(f"The setting {name} cannot be deleted; assign its default to it.")
        object.__delattr__(self, name)

    def __getitem__(self, name: str) -> Any:
        if name not in SETTINGS:
            raise unknown_name_error(name, SETTINGS)
        return getattr(self, name)

    def require(self, name: str) -> Any:
        """Return the setting `name`.

        Raises:
            InvalidArgumentError: it is not set, or there is no such setting.
        """
        value = self[name]
        if value is None:
            raise InvalidArgumentError(
                f"The setting {name} is needed here but not set. "
                f"Pass it to Settings, or set {name.upper()} in the environment or in .env."
            )
        return value

    def model_dump(self) -> Values:
        """Return all settings by name, secrets included, in a dictionary that is the caller's own."""
        return copy.deepcopy({name: vars(self)[name] for name in SETTINGS})

    def dict(self) -> Values:
        """Return the same as :meth:`model_dump`."""
        return self.model_dump()

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Settings:
        """Return a copy that shares nothing with this one, with the settings of `update` changed.

        Neither the environment nor ``.env`` is read again.

        Raises:
            InvalidArgumentError: a value of `update` is not allowed.
        """
        other = copy.deepcopy(self)
        for name, value in (update or {}).items():
            setattr(other, name, value)
        return other

    def copy(self, *, update: Mapping[str, Any] | None = None) -> Settings:
        """Return the same as :meth:`model_copy`."""
        return self.model_copy(update=update)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Settings):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in SETTINGS)

    # Settings can be assigned to, so that a hash by value would change under a dictionary.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        changed = (
            f"{name}={'***' if field.secret else repr(vars(self)[name])}"
            for name, field in SETTINGS.items()
            if vars(self)[name] != field.default
        )
        return f"Settings({', '.join(changed)})"

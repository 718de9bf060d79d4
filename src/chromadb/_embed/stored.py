"""Configurations made of the parameters of a constructor, for models on this machine."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar, get_type_hints

from typing_extensions import Self

from chromadb._embed.configuration import check_parameters
from chromadb._embed.loaded import check_storable
from chromadb._embed.secrets import without_secrets
from chromadb._model.names import describe, shorten
from chromadb.errors import EmbeddingFunctionError


class StoredByParameters:
    """What functions of models on this machine share: a configuration is made of the constructor's parameters.

    Subclasses keep the parameters as attributes of the same names; ``**kwargs`` are an attribute `kwargs`.
    """

    _may_change: ClassVar[frozenset[str]] = frozenset()
    """Parameters that do not decide on the vectors."""

    def get_config(self) -> dict[str, Any]:
        """Return the parameters of the constructor, without secrets, and without those that are None."""
        config = {name: without_secrets(getattr(self, name)) for name in _parameters(type(self))}
        return {name: value for name, value in config.items() if value is not None and value != {}}

    @staticmethod
    def name() -> str:
        """Return the name by which the function is known."""
        raise NotImplementedError

    @classmethod
    def build_from_config(cls, config: dict[str, Any]) -> Self:
        """Return the function that ``get_config`` described."""
        cls.validate_config(config)
        arguments = dict(config)
        return cls(**(arguments.pop("kwargs", None) or {}), **arguments)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Raise an error where ``build_from_config`` would not accept `config`.

        Raises:
            EmbeddingFunctionError: a parameter is unknown, missing, or of another type; it is named.
        """
        types = get_type_hints(cls.__init__) | {"kwargs": dict[str, Any]}
        parameters = _parameters(cls)
        needed = [
            name
            for name, parameter in parameters.items()
            if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
        ]
        check_parameters(cls.name(), config, types, parameters, needed)
        check_storable(config.get("kwargs") or {})

    def validate_config_update(self, old_config: dict[str, Any], new_config: dict[str, Any]) -> None:
        """Refuse what would give other vectors: they could not be compared with those that are stored.

        Raises:
            EmbeddingFunctionError: a parameter that decides on the vectors differs; it is named.
        """
        for name in _parameters(type(self)):
            old, new = old_config.get(name), new_config.get(name, old_config.get(name))
            if name not in self._may_change and old != new:
                raise EmbeddingFunctionError(
                    f"Expected {name} to be {shorten(old)}, as the collection has it, got {shorten(new)}: its vectors "
                    "could not be compared with those that are stored. Embed the documents again into a new collection."
                )


def checked_texts(texts: object) -> list[str]:
    """Return texts as a list.

    Raises:
        EmbeddingFunctionError: they are something else.
    """
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        raise EmbeddingFunctionError(f"Expected the texts to embed to be a list of str, got {describe(texts)}.")
    return list(texts)


def _parameters(function_class: type) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function_class).parameters)

"""What configurations of embedding functions have to be: the parameters of a constructor."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from chromadb._model.names import describe, shorten
from chromadb.errors import EmbeddingFunctionError


def check_parameters(
    function: str,
    config: Mapping[str, Any],
    types: Mapping[str, Any],
    allowed: Collection[str],
    needed: Collection[str],
) -> None:
    """Raise an error where a constructor would not take a configuration.

    Args:
        function: its name.
        config: values by parameter.
        types: of the parameters.
        allowed: the parameters, in the order in which a message names them.
        needed: those without a default.

    Raises:
        EmbeddingFunctionError: a parameter is unknown, missing, or of another type; it is named.
    """
    for name, value in config.items():
        if name not in allowed:
            raise EmbeddingFunctionError(
                f"Expected the configuration of '{function}' to have the parameters {', '.join(allowed)}, got "
                f"{shorten(name)}. Remove it."
            )
        try:
            msgspec.convert(value, types[name])
        except msgspec.ValidationError as error:
            raise EmbeddingFunctionError(
                f"Expected {name} in the configuration of '{function}' to be of another type ({error}), got "
                f"{describe(value)}."
            ) from error
    for name in needed:
        if name not in config:
            raise EmbeddingFunctionError(
                f"Expected the configuration of '{function}' to have {name}, got {shorten(sorted(config))}."
            )

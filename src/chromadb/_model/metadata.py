"""Metadata of records and collections: which keys and values are allowed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from chromadb._model.names import check_text, describe, plain_text, shorten
from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError

RESERVED_PREFIX = "chroma:"
"""Keys that start so belong to the database."""

ALLOWED = "a str, int, float or bool, or a non-empty list of values of one of these types"

_INT64 = range(-(2**63), 2**63)


def check_metadata(metadata: Any, where: str, *, update: bool = False) -> dict[str, Any] | None:
    """Return a record's metadata as a plain dict of plain values, or None for none.

    Args:
        metadata: what the caller gave. numpy scalars become Python's own numbers.
        where: where it stood, for messages, for example ``metadatas[3]``.
        update: whether the value None is allowed, which deletes the key.

    Raises:
        InvalidArgumentError: a key or a value is not allowed; the message names it.
    """
    if metadata is None:
        return None
    if not isinstance(metadata, Mapping):
        raise InvalidArgumentTypeError(f"Expected {where} to be a dict or None, got {describe(metadata)}.")
    if not metadata:
        raise InvalidArgumentError(f"Expected {where} to be a non-empty dict, got {{}}. Pass None for no metadata.")
    checked = {}
    for key, value in metadata.items():
        if _plain(key, value):
            checked[key] = value
        else:
            checked[_check_key(key, where)] = _check_value(value, f"{where}[{shorten(key)}]", update)
    return checked


def _plain(key: Any, value: Any) -> bool:
    """Return whether there is nothing to convert or to object to; a shortcut for nearly all values."""
    if type(key) is not str or not key.isascii() or key.startswith(RESERVED_PREFIX):
        return False
    kind = type(value)
    if kind is str:
        return bool(value.isascii())
    if kind is int:
        return bool(-(2**63) <= value < 2**63)
    return kind is bool or (kind is float and math.isfinite(value))


def check_collection_metadata(metadata: Any, *, update: bool = False) -> dict[str, Any] | None:
    """Return a collection's metadata as a plain dict, or None for none.

    Args:
        metadata: what the caller gave; values are scalars.
        update: whether the value None is allowed, which leaves the key out.

    Raises:
        InvalidArgumentError: a key or a value is not allowed; the message names it.
    """
    checked = check_metadata(metadata, "metadata", update=update)
    for key, value in (checked or {}).items():
        if isinstance(value, list):
            raise InvalidArgumentError(
                f"Expected metadata value to be a str, int, float or bool, got a list at metadata[{shorten(key)}]. "
                "Only records may have lists in their metadata."
            )
    return {key: value for key, value in (checked or {}).items() if value is not None} or None


def merge_metadata(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return `old` updated by `new`, without the keys that `new` sets to None; None when nothing is left."""
    merged = {**old, **new} if old and new else dict(new or old or {})
    if None in merged.values():
        merged = {key: value for key, value in merged.items() if value is not None}
    return merged or None


def _check_key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise InvalidArgumentTypeError(f"Expected every key of {where} to be a str, got {describe(key)}.")
    if key.startswith(RESERVED_PREFIX):
        raise InvalidArgumentError(
            f"Expected keys of {where} not to start with {RESERVED_PREFIX!r}, which the database keeps for "
            f"itself; got {shorten(key)}."
        )
    return check_text(plain_text(key), f"the keys of {where}")


def _check_value(value: Any, where: str, update: bool) -> Any:
    if value is None:
        if update:
            return None
        raise InvalidArgumentTypeError(
            f"Expected metadata value to be {ALLOWED}, got None at {where}. Leave the key out; "
            "None deletes a key, and only in update and upsert."
        )
    if is_list(value):
        return _check_list(value, where)
    return check_scalar(value, where)


def check_scalar(
    value: Any, where: str, what: str = "metadata value", allowed: str = ALLOWED
) -> str | int | float | bool:
    """Return a single metadata value as Python's own type.

    Raises:
        InvalidArgumentError: it is of another type, NaN or infinite, or beyond 64 bits.
    """
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, str):
        return check_text(plain_text(value), where)
    if isinstance(value, (int, np.integer)):
        number = int(value)
        if number not in _INT64:
            raise InvalidArgumentError(
                f"Expected {what} to be an int of 64 bits, got {shorten(number)} at {where}. "
                "Store it as a str or a float."
            )
        return number
    if isinstance(value, (float, np.floating)):
        if not math.isfinite(value):
            raise InvalidArgumentError(
                f"Expected {what} to be a finite float, got {value} at {where}. Leave the key out for a missing value."
            )
        return float(value)
    raise InvalidArgumentTypeError(f"Expected {what} to be {allowed}, got {describe(value)} at {where}.")


def _check_list(values: Any, where: str) -> list[Any]:
    checked = [check_scalar(value, f"{where}[{i}]") for i, value in enumerate(values)]
    types = {type(value) for value in checked}
    if len(types) != 1:
        got = "an empty list" if not types else " and ".join(sorted(t.__name__ for t in types))
        raise InvalidArgumentError(f"Expected metadata value to be {ALLOWED}, got {got} at {where}.")
    return checked


def is_list(value: Any) -> bool:
    """Return whether a value is a list of something: a list, a tuple, or an array with at least one axis."""
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim > 0)

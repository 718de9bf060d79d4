"""Vectors: from what callers pass to one float32 array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chromadb._model.names import describe, shorten
from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError, InvalidDimensionException

Matrix = NDArray[np.float32]


def to_matrix(values: Any, what: str) -> Matrix:
    """Return vectors as a C-contiguous float32 array of shape (n, dimension).

    Args:
        values: one vector, a sequence of vectors, or an array of one or two axes, of any float or int dtype.
        what: the name of the argument, for messages.

    Raises:
        InvalidArgumentError: no vector, an empty one, NaN, infinity, or a number beyond float32.
        InvalidArgumentTypeError: something else than numbers.
        InvalidDimensionException: vectors of different lengths.
    """
    array = values if isinstance(values, np.ndarray) else _from_sequence(values, what)
    if array.ndim == 1:
        array = array[np.newaxis, :]
    if array.ndim != 2:
        raise InvalidArgumentError(
            f"Expected {what} to be vectors, an array of shape (n, dimension); got an array of shape {array.shape}."
        )
    if array.shape[0] == 0 or array.shape[1] == 0:
        raise InvalidArgumentError(f"Expected {what} to be non-empty vectors, got an array of shape {array.shape}.")
    if array.dtype.kind not in "fiu":
        raise InvalidArgumentTypeError(f"Expected {what} to be vectors of float or int numbers, got {_kind(array)}.")
    if array.dtype == np.float32:
        matrix = np.ascontiguousarray(array)
    else:
        with np.errstate(over="ignore"):
            matrix = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(matrix).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(matrix))[0])
        raise InvalidArgumentError(
            f"Expected {what} to be finite numbers within float32, got {array[row, column]} at {what}[{row}][{column}]."
        )
    return matrix


def to_rows(values: Any, count: int) -> tuple[Matrix | None, list[int]]:
    """Return the vectors of an update, where None keeps what is stored, and the rows they stand in.

    Returns:
        The vectors given, shape (m, dimension) with m <= `count`, or None if every one is None; and their m rows.

    Raises:
        As :func:`to_matrix`.
    """
    if not isinstance(values, np.ndarray) and any(vector is None for vector in values):
        rows = [i for i, vector in enumerate(values) if vector is not None]
        return (to_matrix([values[i] for i in rows], "embeddings") if rows else None), rows
    matrix = to_matrix(values, "embeddings")
    return matrix, list(range(len(matrix)))


def _from_sequence(values: Any, what: str) -> NDArray[Any]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Sequence):
        if not hasattr(values, "__array__"):
            raise InvalidArgumentTypeError(
                f"Expected {what} to be a vector, a list of vectors or a numpy array, got {describe(values)}."
                + (" Texts are passed as documents=, or query_texts= in a query." if isinstance(values, str) else "")
            )
        return np.asarray(values)
    if len(values) == 0:
        raise InvalidArgumentError(f"Expected {what} to be a non-empty list, got {values!r}.")
    first = values[0]
    # By their types, of which there are few: to look at each number takes ten times as long.
    if isinstance(first, (list, tuple)) and any(issubclass(kind, (bool, str)) for kind in set(map(type, first))):
        bad = next(number for number in first if isinstance(number, (bool, str)))
        raise InvalidArgumentTypeError(f"Expected {what} to be vectors of numbers, got {describe(bad)}.")
    try:
        array = np.asarray(values)
        # Ints beyond 64 bits: numpy keeps them as objects, float32 can hold them.
        huge = array.dtype == object and all(type(number) in (int, float) for number in array.flat)
        return array.astype(np.float64) if huge else array
    except OverflowError:
        raise InvalidArgumentError(
            f"Expected {what} to be finite numbers within float32, got an int beyond it."
        ) from None
    except ValueError:
        _explain_ragged(values, what)
        raise InvalidArgumentTypeError(f"Expected {what} to be vectors of numbers, got {shorten(values)}.") from None


def _explain_ragged(values: Sequence[Any], what: str) -> None:
    lengths = [len(vector) if hasattr(vector, "__len__") else None for vector in values]
    for row, length in enumerate(lengths):
        if length is None:
            raise InvalidArgumentTypeError(
                f"Expected every item of {what} to be a vector, got {describe(values[row])} at {what}[{row}]."
            )
        if length != lengths[0]:
            raise InvalidDimensionException(
                f"Expected all vectors of {what} to have the same dimension, got {lengths[0]} at {what}[0] and "
                f"{length} at {what}[{row}]."
            )


def _kind(array: NDArray[Any]) -> str:
    if array.dtype.kind == "U":
        return f"the text {shorten(str(array.flat[0]))}; texts are passed as documents=, or query_texts= in a query"
    if array.dtype == object:
        bad = next((i for i, item in enumerate(array.flat) if not isinstance(item, (int, float))), 0)
        place = "".join(f"[{i}]" for i in np.unravel_index(bad, array.shape))
        return f"{describe(array.flat[bad])} at {place}"
    return f"{shorten(array.flat[0])} ({type(array.flat[0]).__name__})" if array.size else str(array.dtype)

"""Vectors on the wire: JSON lists, or base64 of little-endian float32, one string a vector.

Decoding 100 vectors of 384 numbers from lists of 8-20 digits, best of 60 on a quiet core: msgspec into lists and numpy
from those 1.6-1.9 ms; orjson 1.4-1.5 without checking a type; simdjson into a buffer 1.1-1.4 after msgspec had cut it
out; the standard library 2.9-7.2. From base64, by msgspec itself: 0.13 ms. Encoding them: orjson 0.8 ms and 419 kB,
msgspec from lists 1.7 ms and 754 kB, since only orjson writes the shortest form of a float32.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from chromadb._model.vectors import Matrix
from chromadb.errors import InvalidArgumentError

WireVector: TypeAlias = list[float] | bytes
"""A vector as msgspec decodes it; it takes a string for base64 itself."""


def vectors_from_wire(vectors: Sequence[WireVector | None], what: str) -> Any:
    """Return vectors as ``_model.vectors`` takes them: a matrix if all are of one kind and length, else rows.

    Raises:
        InvalidArgumentError: base64 of something else than numbers of 4 bytes.
    """
    shapes = {(type(vector), 0 if vector is None else len(vector)) for vector in vectors}
    if len(shapes) == 1:
        kind, length = shapes.pop()
        if kind is list and length:
            # They are floats, every one: what looks at the numbers of others has nothing to look for.
            return np.array(vectors, dtype=np.float64)
        if kind is bytes and length and length % 4 == 0:
            return np.frombuffer(b"".join(cast("Sequence[bytes]", vectors)), dtype="<f4").reshape(len(vectors), -1)
    return [
        _numbers(vector, f"{what}[{row}]") if isinstance(vector, bytes) else vector
        for row, vector in enumerate(vectors)
    ]


def _numbers(vector: bytes, what: str) -> NDArray[np.float32]:
    if len(vector) % 4:
        raise InvalidArgumentError(
            f"Expected {what} to be base64 of float32, 4 bytes a number; got {len(vector)} bytes."
        )
    return np.frombuffer(vector, dtype="<f4")


def vectors_to_wire(matrix: NDArray[Any], *, base64: bool) -> Any:
    """Return a matrix as something that encodes as JSON."""
    if base64:
        return [row.tobytes() for row in np.ascontiguousarray(matrix, dtype="<f4")]
    return json_of_array(matrix)


def rows_to_wire(matrix: Matrix | None, rows: Sequence[int], count: int, *, base64: bool) -> Any:
    """Return the vectors of `count` records, of which only `rows` have one; None if none has."""
    if matrix is None:
        return None
    if len(rows) == count:
        return vectors_to_wire(matrix, base64=base64)
    spread: list[Any] = [None] * count
    for row, vector in zip(rows, matrix, strict=True):
        spread[row] = vector.astype("<f4").tobytes() if base64 else json_of_array(vector)
    return spread


def json_of_array(array: NDArray[Any]) -> msgspec.Raw:
    """Return an array as JSON lists of the shortest numbers that are the same float32."""
    import orjson

    single = np.ascontiguousarray(array, dtype=np.float32)
    return msgspec.Raw(orjson.dumps(single, option=orjson.OPT_SERIALIZE_NUMPY))


FAR = sys.float_info.max
"""What stands for an infinite distance, as JSON has no infinity: distances are float32, so that none is as large."""


def distances_to_wire(distances: list[float]) -> list[float]:
    """Return distances as JSON can hold them, in the same order."""
    if math.inf not in distances and -math.inf not in distances:
        return distances
    return [math.copysign(FAR, each) if math.isinf(each) else each for each in distances]


def distances_from_wire(distances: list[float | None]) -> list[float]:
    """Return distances as they were; null, as published servers write it, is the largest."""
    if None not in distances and FAR not in distances and -FAR not in distances:
        return cast("list[float]", distances)
    return [
        math.inf if each is None else math.copysign(math.inf, each) if abs(each) == FAR else each for each in distances
    ]


def matrix_from_wire(vectors: Sequence[WireVector]) -> NDArray[np.float64]:
    """Return answered vectors as results have them: shape (n, dimension), float64 of what was a float32."""
    if not vectors:
        return np.empty((0, 0), dtype=np.float64)
    single = np.asarray(vectors_from_wire(vectors, "embeddings"), dtype=np.float32)
    return single.astype(np.float64)

"""Requests and answers that may be large, and writes that are larger than a server takes at once."""

from __future__ import annotations

from typing import Any

from chromadb._model import operations as op
from chromadb.errors import ChromaError

LARGE = 20_000
"""Bytes from which on an answer takes some 0.1 ms to decode."""


def is_bulky(operation: op.Operation[Any]) -> bool:
    """Return whether an operation carries records."""
    return isinstance(operation, (op.Add, op.Update, op.Upsert))


def smaller(size: int) -> int:
    """Return how many records to try where `size` were too large for one request."""
    return max(1, size // 2)


def partly_written(error: ChromaError, done: int, total: int) -> ChromaError:
    """Return an error of the same class that says what was written before."""
    return type(error)(
        f"{error.message()} The call was sent in parts, of which the first {done} of {total} records are written and "
        "the others are not. Once the cause is gone, repeat the call: that does no harm to those that are written."
    )

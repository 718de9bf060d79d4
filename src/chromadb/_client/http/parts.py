"""Writes that are larger than a server takes at once."""

from __future__ import annotations

from chromadb.errors import ChromaError


def smaller(size: int) -> int:
    """Return how many records to try where `size` were too large for one request."""
    return max(1, size // 2)


def partly_written(error: ChromaError, done: int, total: int) -> ChromaError:
    """Return an error of the same class that says what was written before."""
    return type(error)(
        f"{error.message()} The call was sent in parts, of which the first {done} of {total} records are written and "
        "the others are not. Once the cause is gone, repeat the call: that does no harm to those that are written."
    )

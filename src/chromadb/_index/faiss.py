"""What graphs and cells share of faiss, which only they know."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chromadb._index.distance import Matrix
from chromadb.errors import StorageCorruptError

_thread = threading.local()


def faiss_here() -> Any:
    """Return faiss, set to one OpenMP thread in this thread.

    One query gains nothing from more threads, and a process that forks after a parallel call hangs in the child.
    """
    import faiss

    if not getattr(_thread, "limited", False):
        faiss.omp_set_num_threads(1)
        _thread.limited = True
    return faiss


def save_index(index: Any, path: str) -> None:
    """Write an index to a file.

    By our own writes: those of faiss fail without a word when what was buffered does not fit the disk any more.

    Raises:
        OSError: it could not be written as a whole.
    """
    faiss, failures = faiss_here(), []
    with open(path, "wb") as file:

        def write(block: bytes) -> None:
            try:
                file.write(block)
            except OSError as error:
                failures.append(error)
                raise

        try:
            faiss.write_index(index, faiss.PyCallbackIOWriter(write))
        except RuntimeError:
            # All that faiss says of an error of Python is that there was one.
            if failures:
                raise failures[0] from None
            raise


def open_index(path: str, kind: str, what: str) -> Any:
    """Return the index in a file, mapped into memory.

    Args:
        path: the file.
        kind: its class in faiss.
        what: what is said of one that is not of this kind.

    Raises:
        StorageCorruptError: it holds something else.
    """
    faiss = faiss_here()
    try:
        index = faiss.read_index(path, faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise StorageCorruptError(f"{path} {what}: {error}") from None
    if not isinstance(index, getattr(faiss, kind)):
        raise StorageCorruptError(f"{path} {what} but {type(index).__name__}.")
    return index


class Candidates(NamedTuple):
    """Entries that may be among the nearest, nearest first, and their distances as codes tell them."""

    entries: NDArray[np.int64]
    distances: NDArray[np.float32]


def candidates_of(space: str, found: NDArray[np.int64], scores: NDArray[np.float32]) -> Candidates:
    """Return what a search of scaled vectors found, without the -1 that faiss pads with at the end."""
    if len(found) and found[-1] < 0:
        valid = found >= 0
        found, scores = found[valid], scores[valid]
    if space == "cosine":
        # Of unit vectors: |a - b|^2 = 2 (1 - a b).
        scores = scores / np.float32(2)
    elif space == "ip":
        scores = np.float32(1) - scores
    return Candidates(found, scores)


def scaled(space: str, vectors: Matrix) -> Matrix:
    """Return vectors as they are compared: of unit length in a cosine space, where l2 then orders them alike."""
    if space != "cosine":
        return np.ascontiguousarray(vectors)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))[:, np.newaxis]
    return np.ascontiguousarray(vectors / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)

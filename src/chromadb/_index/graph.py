"""Sealed graphs: HNSW over 8-bit codes, by faiss, which this file alone knows.

Malkov and Yashunin, Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small World
graphs, 2016 (arxiv.org/abs/1603.09320). A graph never changes once it is built, so that searches need no lock.

Vectors of a cosine space are scaled to unit length and compared by l2, which orders them alike.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chromadb._index.distance import Matrix
from chromadb.errors import StorageCorruptError

Entries = NDArray[np.int64]
"""Numbers of vectors in a graph, in the order in which they were added."""

BLOCK = 512
"""Vectors added between two looks at `stop`: about a tenth of a second."""

_thread = threading.local()


def _faiss() -> Any:
    """Return faiss, set to one OpenMP thread in this thread.

    One query gains nothing from more threads, and a process that forks after a parallel call hangs in the child.
    """
    import faiss

    if not getattr(_thread, "limited", False):
        faiss.omp_set_num_threads(1)
        _thread.limited = True
    return faiss


def sealable(space: str, vectors: Matrix) -> NDArray[np.bool_]:
    """Return which vectors a graph can hold, shape (n,): not zero vectors by angle, nor such as overflow in float32."""
    squared = np.einsum("ij,ij->i", vectors.astype(np.float64), vectors.astype(np.float64))
    fits: NDArray[np.bool_] = squared <= 1e30
    return fits & (squared >= 1e-30) if space == "cosine" else fits


class Graph:
    """An HNSW graph over vectors that are numbered from 0."""

    def __init__(self, index: Any, space: str) -> None:
        self._index = index
        self._space = space

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def size_bytes(self) -> int:
        """Of the codes and the links, in bytes, about."""
        return len(self) * (int(self._index.d) + 4 * int(self._index.hnsw.nb_neighbors(0)) + 16)

    @classmethod
    def build(
        cls,
        space: str,
        sample: Matrix,
        blocks: Iterable[Matrix],
        *,
        max_neighbors: int,
        ef_construction: int,
        stop: Callable[[], bool],
    ) -> Graph | None:
        """Return a graph over all `blocks`, or None if `stop` said so meanwhile.

        Args:
            space: l2, ip or cosine.
            sample: vectors like those to come, from which the range of the codes is learnt.
            blocks: the vectors.
            max_neighbors: M.
            ef_construction: how many candidates are looked at for each new vector's neighbours.
            stop: asked after every `BLOCK` vectors.
        """
        faiss = _faiss()
        metric = faiss.METRIC_INNER_PRODUCT if space == "ip" else faiss.METRIC_L2
        index = faiss.IndexHNSWSQ(sample.shape[1], faiss.ScalarQuantizer.QT_8bit, max_neighbors, metric)
        index.hnsw.efConstruction = ef_construction
        index.train(_scaled(space, sample))
        for block in blocks:
            for start in range(0, len(block), BLOCK):
                if stop():
                    return None
                index.add(_scaled(space, block[start : start + BLOCK]))
        return cls(index, space)

    def save(self, path: str) -> None:
        """Write the graph to a file."""
        _faiss().write_index(self._index, path)

    @classmethod
    def open(cls, path: str, space: str) -> Graph:
        """Return the graph in a file, mapped into memory.

        Raises:
            StorageCorruptError: the file is not a graph.
        """
        faiss = _faiss()
        try:
            return cls(faiss.read_index(path, faiss.IO_FLAG_MMAP_IFC), space)
        except RuntimeError as error:
            raise StorageCorruptError(f"{path} is not a graph: {error}") from None

    def nearest(self, query: Matrix, count: int, ef: int) -> Entries:
        """Return about the `count` nearest entries, nearest first, looking at `ef` candidates."""
        faiss = _faiss()
        parameters = faiss.SearchParametersHNSW(efSearch=max(ef, count))
        _, found = self._index.search(_scaled(self._space, query[np.newaxis]), count, params=parameters)
        return _valid(found[0])

    def scan(self, query: Matrix, count: int, allowed: NDArray[np.bool_] | None) -> Entries:
        """Return the `count` nearest entries by their codes, nearest first, among those allowed (all for None)."""
        faiss = _faiss()
        parameters = None
        if allowed is not None:
            bitmap = np.packbits(allowed, bitorder="little")
            selector = faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(bitmap))
            parameters = faiss.SearchParameters(sel=selector)
        codes = faiss.downcast_index(self._index.storage)
        _, found = codes.search(_scaled(self._space, query[np.newaxis]), min(count, len(self)), params=parameters)
        return _valid(found[0])


def _valid(found: Entries) -> Entries:
    """Leave out the -1 that faiss pads with."""
    return found[found >= 0]


def _scaled(space: str, vectors: Matrix) -> Matrix:
    if space != "cosine":
        return np.ascontiguousarray(vectors)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))[:, np.newaxis]
    return np.ascontiguousarray(vectors / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)

"""Sealed graphs: HNSW over 8-bit codes, by faiss.

Malkov and Yashunin, Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small World
graphs, 2016 (arxiv.org/abs/1603.09320). A graph never changes once it is built, so that searches need no lock.

Vectors of a cosine space are scaled to unit length and compared by l2, which orders them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chromadb._index.distance import Matrix
from chromadb._index.faiss import faiss_here, scaled, valid
from chromadb.errors import StorageCorruptError

Entries = NDArray[np.int64]
"""Numbers of vectors in a graph, in the order in which they were added."""

BLOCK = 512
"""Vectors added between two looks at `stop`: about a tenth of a second."""


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
        faiss = faiss_here()
        metric = faiss.METRIC_INNER_PRODUCT if space == "ip" else faiss.METRIC_L2
        index = faiss.IndexHNSWSQ(sample.shape[1], faiss.ScalarQuantizer.QT_8bit, max_neighbors, metric)
        index.hnsw.efConstruction = ef_construction
        index.train(scaled(space, sample))
        for block in blocks:
            for start in range(0, len(block), BLOCK):
                if stop():
                    return None
                index.add(scaled(space, block[start : start + BLOCK]))
        return cls(index, space)

    def save(self, path: str) -> None:
        """Write the graph to a file."""
        faiss_here().write_index(self._index, path)

    @classmethod
    def open(cls, path: str, space: str) -> Graph:
        """Return the graph in a file, mapped into memory.

        Raises:
            StorageCorruptError: the file is not a graph.
        """
        faiss = faiss_here()
        try:
            return cls(faiss.read_index(path, faiss.IO_FLAG_MMAP_IFC), space)
        except RuntimeError as error:
            raise StorageCorruptError(f"{path} is not a graph: {error}") from None

    def nearest(self, query: Matrix, count: int, ef: int) -> Entries:
        """Return about the `count` nearest entries, nearest first, looking at `ef` candidates."""
        faiss = faiss_here()
        parameters = faiss.SearchParametersHNSW(efSearch=max(ef, count))
        _, found = self._index.search(scaled(self._space, query[np.newaxis]), count, params=parameters)
        return valid(found[0])

    def scan(self, query: Matrix, count: int, bitmap: NDArray[np.uint8] | None) -> Entries:
        """Return the `count` nearest entries by their codes, nearest first.

        Args:
            query: shape (d,).
            count: how many.
            bitmap: which entries are allowed, eight to a byte, the first in the lowest bit; None for all.
        """
        faiss = faiss_here()
        parameters = None
        if bitmap is not None:
            # Kept by a name: the parameters only point to it.
            selector = faiss.IDSelectorBitmap(len(bitmap), faiss.swig_ptr(bitmap))
            parameters = faiss.SearchParameters(sel=selector)
        codes = faiss.downcast_index(self._index.storage)
        _, found = codes.search(scaled(self._space, query[np.newaxis]), min(count, len(self)), params=parameters)
        return valid(found[0])

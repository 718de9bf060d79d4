"""Sealed graphs: HNSW over codes, by faiss.

Malkov and Yashunin, Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small World
graphs, 2016 (arxiv.org/abs/1603.09320). A graph never changes once it is built, so that searches need no lock.

Vectors of a cosine space are scaled to unit length and compared by l2, which orders them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chromadb._index.codes import Comparer, empty_graph, is_binary
from chromadb._index.distance import Matrix
from chromadb._index.faiss import Candidates, candidates_of, faiss_here, open_index, save_index, scaled
from chromadb._tracing import ALL, spanned

Entries = NDArray[np.int64]
"""Numbers of vectors in a graph."""

BLOCK = 512
"""Vectors added between two looks at `stop`: about a tenth of a second."""


@lru_cache(maxsize=64)
def _walk(faiss: Any, ef: int) -> Any:
    """Return the parameters of a walk, which searches only read."""
    return faiss.SearchParametersHNSW(efSearch=ef)


def sealable(space: str, vectors: Matrix) -> NDArray[np.bool_]:
    """Return which vectors a graph can hold, shape (n,): not zero vectors by angle, nor such as overflow in float32."""
    squared = np.einsum("ij,ij->i", vectors.astype(np.float64), vectors.astype(np.float64))
    fits: NDArray[np.bool_] = squared <= 1e30
    return fits & (squared >= 1e-30) if space == "cosine" else fits


class Graph:
    """An HNSW graph over vectors that are numbered from 0."""

    here: bool = True
    """Whether it can be asked; of one that is not here yet, only the length can."""

    def __init__(self, index: Any, space: str, *, mapped: bool = False) -> None:
        self._index = index
        self._space = space
        self._mapped = mapped
        self._binary = is_binary(index)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def binary(self) -> bool:
        """Whether the codes have one bit a dimension: more candidates are needed to find as many of the nearest."""
        return self._binary

    @property
    def codes(self) -> Any:
        """The codes of all entries, as faiss keeps them."""
        return faiss_here().downcast_index(self._index.storage)

    @property
    def nbytes(self) -> int:
        """Bytes of memory; what is mapped from a file does not count."""
        if self._mapped:
            return 0
        codes = self.codes.code_size
        # Twice M neighbours of four bytes on the lowest level, which nearly all there is; a level and an offset.
        return int((codes + 4 * self._index.hnsw.nb_neighbors(0) + 12) * len(self))

    @property
    def dimension(self) -> int:
        """Of the vectors."""
        return int(self._index.d)

    @classmethod
    def build(
        cls,
        space: str,
        sample: Matrix,
        blocks: Iterable[Matrix],
        *,
        total: int,
        quantization: str,
        max_neighbors: int,
        ef_construction: int,
        stop: Callable[[], bool],
    ) -> Graph | None:
        """Return a graph over all `blocks`, or None if `stop` said so meanwhile.

        Args:
            space: l2, ip or cosine.
            sample: vectors like those to come, from which the range of the codes is learnt.
            blocks: the vectors.
            total: how many they are, about.
            quantization: of the codes, see ``codes``.
            max_neighbors: M.
            ef_construction: how many candidates are looked at for each new vector's neighbours.
            stop: asked after every `BLOCK` vectors.
        """
        index = empty_graph(space, sample, total, max_neighbors, quantization)
        index.hnsw.efConstruction = ef_construction
        for block in blocks:
            for start in range(0, len(block), BLOCK):
                if stop():
                    return None
                index.add(scaled(space, block[start : start + BLOCK]))
        return cls(index, space)

    def renumber(self, order: Entries) -> None:
        """Give the entry `order[i]` the number i; of a graph that nobody searches yet."""
        self._index.permute_entries(order)

    def save(self, path: str) -> None:
        """Write the graph to a file."""
        save_index(self._index, path)

    @classmethod
    def open(cls, path: str, space: str) -> Graph:
        """Return the graph in a file, mapped into memory.

        Raises:
            StorageCorruptError: the file is not a graph.
        """
        return cls(open_index(path, "IndexHNSW", "is not a graph"), space, mapped=True)

    @spanned("index.walk", ALL)
    def nearest(self, query: Matrix, ef: int) -> Candidates:
        """Return about the `ef` nearest entries, by a walk that looks at so many candidates."""
        scores, found = self._index.search(scaled(self._space, query[np.newaxis]), ef, params=_walk(faiss_here(), ef))
        return candidates_of(self._space, found[0], scores[0])

    @cached_property
    def _comparer(self) -> Comparer:
        return Comparer(self.codes)

    @spanned("index.compare", ALL)
    def compare(self, query: Matrix, count: int, entries: Entries) -> Candidates:
        """Return the `count` nearest of some `entries`, ascending, by their codes, nearest first."""
        point = scaled(self._space, query[np.newaxis])[0]
        return candidates_of(self._space, *self._comparer.nearest(point, count, entries))

    @spanned("index.scan", ALL)
    def scan(self, query: Matrix, count: int, bitmap: NDArray[np.uint8] | None) -> Candidates:
        """Return the `count` nearest entries by their codes, of all that are allowed.

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
        scores, found = self.codes.search(
            scaled(self._space, query[np.newaxis]), min(count, len(self)), params=parameters
        )
        return candidates_of(self._space, found[0], scores[0])

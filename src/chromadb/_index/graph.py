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
from chromadb._index.faiss import Candidates, candidates_of, faiss_here, scaled
from chromadb.errors import StorageCorruptError

Entries = NDArray[np.int64]
"""Numbers of vectors in a graph, in the order in which they were added."""

HALF_PRECISION = 60_000.0
"""Numbers up to this are kept in half precision."""

TRIAL, TRIAL_QUERIES, TRIAL_RECALL = 4000, 100, 0.98
"""On how many vectors codes are tried, with how many of them as queries, and what share of neighbours must be found."""

BLOCK = 512
"""Vectors added between two looks at `stop`: about a tenth of a second."""


def sealable(space: str, vectors: Matrix) -> NDArray[np.bool_]:
    """Return which vectors a graph can hold, shape (n,): not zero vectors by angle, nor such as overflow in float32."""
    squared = np.einsum("ij,ij->i", vectors.astype(np.float64), vectors.astype(np.float64))
    fits: NDArray[np.bool_] = squared <= 1e30
    return fits & (squared >= 1e-30) if space == "cosine" else fits


class Graph:
    """An HNSW graph over vectors that are numbered from 0."""

    def __init__(self, index: Any, space: str, *, mapped: bool = False) -> None:
        self._index = index
        self._space = space
        self._mapped = mapped

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def nbytes(self) -> int:
        """Bytes of memory; what is mapped from a file does not count."""
        if self._mapped:
            return 0
        codes = faiss_here().downcast_index(self._index.storage).code_size
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
        index = _empty_graph(space, sample, max_neighbors)
        index.hnsw.efConstruction = ef_construction
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
            index = faiss.read_index(path, faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise StorageCorruptError(f"{path} is not a graph: {error}") from None
        if not isinstance(index, (faiss.IndexHNSWSQ, faiss.IndexHNSWFlat)):
            raise StorageCorruptError(f"{path} is not a graph but {type(index).__name__}.")
        return cls(index, space, mapped=True)

    def nearest(self, query: Matrix, ef: int) -> Candidates:
        """Return about the `ef` nearest entries, by a walk that looks at so many candidates."""
        faiss = faiss_here()
        parameters = faiss.SearchParametersHNSW(efSearch=ef)
        scores, found = self._index.search(scaled(self._space, query[np.newaxis]), ef, params=parameters)
        return candidates_of(self._space, found[0], scores[0])

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
        codes = faiss.downcast_index(self._index.storage)
        scores, found = codes.search(scaled(self._space, query[np.newaxis]), min(count, len(self)), params=parameters)
        return candidates_of(self._space, found[0], scores[0])


def _empty_graph(space: str, sample: Matrix, max_neighbors: int) -> Any:
    """Return a graph with the shortest codes that tell near vectors apart, found by trying them on a sample.

    Codes of 8 bits divide the range of each dimension evenly: one vector of a thousand times the length leaves all
    others with the same code. Half precision follows the scale of each number, up to 65,504; beyond, float32 is left.
    """
    faiss = faiss_here()
    metric = faiss.METRIC_INNER_PRODUCT if space == "ip" else faiss.METRIC_L2
    vectors = scaled(space, sample)
    points = vectors[:: max(1, len(vectors) // TRIAL)][:TRIAL]
    queries = points[:: max(1, len(points) // TRIAL_QUERIES)][:TRIAL_QUERIES]
    exact = faiss.IndexFlat(points.shape[1], metric)
    exact.add(points)
    true, _ = exact.search(queries, min(10, len(points)))
    for code in (faiss.ScalarQuantizer.QT_8bit, faiss.ScalarQuantizer.QT_fp16):
        if code == faiss.ScalarQuantizer.QT_fp16 and float(np.abs(vectors).max()) > HALF_PRECISION:
            continue
        trial = faiss.IndexScalarQuantizer(points.shape[1], code, metric)
        trial.train(vectors)
        trial.add(points)
        _, found = trial.search(queries, min(30, len(points)))
        if _share_found(points, queries, found, true[:, -1], metric == faiss.METRIC_INNER_PRODUCT) >= TRIAL_RECALL:
            index = faiss.IndexHNSWSQ(points.shape[1], code, max_neighbors, metric)
            index.train(vectors)
            return index
    return faiss.IndexHNSWFlat(points.shape[1], max_neighbors, metric)


def _share_found(points: Matrix, queries: Matrix, found: Entries, bounds: Matrix, products: bool) -> float:
    """Return which share of the true neighbours is among those found, judged by distance, so that ties count."""
    total = 0
    for query, entries, bound in zip(queries, found, bounds, strict=True):
        near = points[entries[entries >= 0]]
        if products:
            total += min(10, int(np.count_nonzero(near @ query >= bound - 1e-5 * abs(bound))))
        else:
            squared = np.einsum("ij,ij->i", near - query, near - query)
            total += min(10, int(np.count_nonzero(squared <= bound + 1e-5 * abs(bound))))
    return total / (len(queries) * min(10, len(points)))

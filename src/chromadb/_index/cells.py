"""Cells: a partition of a segment's vectors, with codes of one bit a dimension, for filters that go with them.

Where few of the vectors near a query pass the filter, a walk through the graph finds little. The cells that hold
anything allowed are known, so the nearest of these are looked at, however far away they are.

Gao and Long, RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound for Approximate Nearest
Neighbor Search, 2024 (arxiv.org/abs/2405.12497), in inverted lists by faiss.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chromadb._index.distance import Matrix
from chromadb._index.faiss import Candidates, candidates_of, faiss_here, open_index, save_index, scaled
from chromadb._tracing import ALL, spanned

ENOUGH, PART, FEWER = 20_000, 2.7, 0.24
"""Allowed vectors whose codes are compared for one query: so many, or if that is more `PART` h ** -`FEWER` of them
where h cells hold any. For a recall of 0.993, a filter that allows a tenth of a million clustered vectors, far from the
query, needs 0.66 of them in 271 cells, 0.48 in 472; one that allows half of them 0.52 in 743 cells, 0.34 in 2097."""

QUERY_BITS = 4
"""Bits a dimension of a query; 8 found no more, and took 1.7 times as long."""


def count_of(total: int, sample: int) -> int:
    """Return into how many cells to divide vectors: 160 for 10,000, 570 for 100,000, 2500 for a million.

    Of larger ones, which several clusters share, more entries are looked at in vain: with 1250 for a million, a filter
    that allows a tenth led through 376,000 entries in 201 cells, with 2500 through 172,000 in 189, with 4000 through
    95,000 in 193. By a filter that allows a half, more cells gain little, and each takes its time.

    Args:
        total: how many vectors there will be, about.
        sample: from how many the cells are learnt.
    """
    return int(max(1, min(max(1.6 * total**0.5, 0.32 * total**0.65), sample / 16)))


def enough(count: int, held: int) -> int:
    """Return how many codes to compare where `count` vectors are allowed, which lie in `held` cells."""
    return min(count, max(ENOUGH, int(PART * max(1, held) ** -FEWER * count)))


class CellOrder(NamedTuple):
    """Cells, the nearest to a query first, and how far away their centres are, as faiss measures it."""

    cells: NDArray[np.int64]
    distances: NDArray[np.float32]


class CellsBuilder:
    """Makes cells of vectors that come block by block.

    Args:
        space: l2, ip or cosine.
        total: how many vectors there will be, about.
        sample: vectors like those to come, from which the cells are learnt.
    """

    def __init__(self, space: str, total: int, sample: Matrix) -> None:
        faiss = faiss_here()
        dimension = sample.shape[1]
        count = count_of(total, len(sample))
        self._space = space
        # By l2 in every space: by inner product the longest vectors would be in every neighbourhood.
        self._index = faiss.index_factory(dimension, f"IVF{count},RaBitQ", faiss.METRIC_L2)
        self._index.cp.niter, self._index.cp.max_points_per_centroid = 8, 64
        self._index.cp.min_points_per_centroid = 1
        self._index.train(scaled(space, sample))

    def add(self, block: Matrix) -> None:
        """Take in vectors, shape (m, dimension)."""
        self._index.add(scaled(self._space, block))

    def finish(self) -> Cells:
        """Return the cells of what was taken in."""
        return Cells(self._index, self._space)


class Cells:
    """Codes of vectors that are numbered from 0, by cell."""

    def __init__(self, index: Any, space: str, *, mapped: bool = False) -> None:
        self._index = index
        self._space = space
        self._mapped = mapped

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def count(self) -> int:
        """How many cells there are."""
        return int(self._index.nlist)

    def renumber(self) -> NDArray[np.int64]:
        """Number the entries anew, cell by cell; return what number each had before. Nobody may search meanwhile.

        What is near each other then lies near each other: a walk through a graph in this order takes three quarters of
        the time among 100,000 vectors of 384 dimensions, two thirds among a million. An order within cells, or cells in
        an order of their own, gained nothing more. (Coleman et al., Graph Reordering for Cache-Efficient Near Neighbor
        Search, 2021, arxiv.org/abs/2104.03221)
        """
        order = np.concatenate(self.ids)
        for ids, start in zip(self.ids, self.starts.tolist(), strict=True):
            ids[:] = np.arange(start, start + len(ids))
        return order

    @property
    def ids(self) -> list[NDArray[np.int64]]:
        """The entries of each cell, as faiss keeps them."""
        return [self._ids_of(cell) for cell in range(self.count)]

    def _ids_of(self, cell: int) -> NDArray[np.int64]:
        size = int(self.sizes[cell])
        if not size:
            return np.empty(0, dtype=np.int64)
        ids: NDArray[np.int64] = faiss_here().rev_swig_ptr(self._index.invlists.get_ids(cell), size)
        return ids

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """How many entries each cell has."""
        lists = self._index.invlists
        return np.fromiter((lists.list_size(cell) for cell in range(self.count)), dtype=np.int64, count=self.count)

    @property
    def starts(self) -> NDArray[np.int64]:
        """How many entries there are in the cells before each."""
        return np.cumsum(self.sizes) - self.sizes

    @cached_property
    def permutation(self) -> NDArray[np.int64] | None:
        """The entries, cell by cell; None where they are numbered so, which those of the first segments were not."""
        held = zip(self.ids, self.starts.tolist(), strict=True)
        if all(ids[0] == start and ids[-1] == start + len(ids) - 1 for ids, start in held if len(ids)):
            return None
        return np.concatenate(self.ids)

    def count_where(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return how many of the entries that a mask holds each cell has.

        Of a million it takes 0.2 ms; by the numbers of those it holds, 0.1 to 6.
        """
        by_cell, filled = mask if self.permutation is None else mask[self.permutation], self.sizes > 0
        counts = np.zeros(self.count, dtype=np.int64)
        counts[filled] = np.add.reduceat(by_cell.view(np.uint8), self.starts[filled], dtype=np.int32)
        return counts

    @property
    def nbytes(self) -> int:
        """Bytes of memory; what is mapped from a file does not count."""
        codes = 0 if self._mapped else (self._index.code_size + 8) * len(self)
        worked_out = sum(value.nbytes for value in list(vars(self).values()) if isinstance(value, np.ndarray))
        return int(4 * self._index.d * self.count + codes + worked_out)

    def save(self, path: str) -> None:
        """Write the cells to a file."""
        save_index(self._index, path)

    @classmethod
    def open(cls, path: str, space: str) -> Cells:
        """Return the cells in a file, mapped into memory.

        Raises:
            StorageCorruptError: the file does not hold cells.
        """
        return cls(open_index(path, "IndexIVFRaBitQ", "does not hold cells"), space, mapped=True)

    def entries_of(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the entries of some cells, of one at least."""
        return np.concatenate([self._ids_of(cell) for cell in cells.tolist()])

    def by_distance(self, query: Matrix) -> CellOrder:
        """Return all cells, the nearest to a query first."""
        # A matrix product would begin threads for so few numbers, and a search for all takes 250 us, this 80.
        faiss, point = faiss_here(), scaled(self._space, query[np.newaxis])
        distances = np.empty(self.count, dtype=np.float32)
        centres = faiss.downcast_index(self._index.quantizer).get_xb()
        faiss.fvec_L2sqr_ny(faiss.swig_ptr(distances), faiss.swig_ptr(point), centres, len(query), self.count)
        cells = np.argsort(distances)
        return CellOrder(cells, distances[cells])

    @spanned("index.cells", ALL)
    def nearest(
        self,
        query: Matrix,
        count: int,
        bitmap: NDArray[np.uint8],
        in_cell: NDArray[np.int64],
        order: CellOrder,
        compared: int,
    ) -> Candidates:
        """Return about the `count` nearest entries that are allowed, nearest first.

        Args:
            query: shape (d,).
            count: how many.
            bitmap: which entries are allowed, eight to a byte, the first in the lowest bit.
            in_cell: how many are allowed in each cell.
            order: all cells, the nearest first.
            compared: how many allowed codes to compare at least, those of the nearest cells.
        """
        faiss, point = faiss_here(), scaled(self._space, query[np.newaxis])
        held = in_cell[order.cells] > 0
        cumulated = np.cumsum(in_cell[order.cells[held]])
        probes = min(len(cumulated), int(np.searchsorted(cumulated, compared)) + 1)
        cells, distances = order.cells[held][:probes], order.distances[held][:probes]
        # Kept by a name: the parameters only point to it.
        selector = faiss.IDSelectorBitmap(len(bitmap), faiss.swig_ptr(bitmap))
        parameters = faiss.IVFRaBitQSearchParameters()
        parameters.sel, parameters.nprobe, parameters.qb = selector, probes, QUERY_BITS
        scores, found = np.empty(count, dtype=np.float32), np.empty(count, dtype=np.int64)
        # The Python side of `search_preassigned` takes no parameters.
        given, filled = (
            (faiss.swig_ptr(cells), faiss.swig_ptr(distances)),
            (faiss.swig_ptr(scores), faiss.swig_ptr(found)),
        )
        self._index.search_preassigned_c(1, faiss.swig_ptr(point), count, *given, *filled, False, parameters)
        return candidates_of(self._space, found, scores)

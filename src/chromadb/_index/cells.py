"""Cells: a partition of a segment's vectors, with codes of four bits for each group of directions.

The cells nearest to a query are looked into, and the codes there are compared 32 at a time, because the distances from
the query to the 16 code words of a group fit one register: 3 ns a code of 384 dimensions. Where a filter goes with the
vectors, what it allows may be far away; the cells that hold any of it are known, so the nearest of these are taken.

Jégou et al., Product Quantization for Nearest Neighbor Search, 2011 (doi.org/10.1109/TPAMI.2010.57), and André et al.,
Cache Locality Is Not Enough: High-Performance Nearest Neighbor Search with Product Quantization Fast Scan, 2015
(vldb.org/pvldb/vol9/p288-andre.pdf), in inverted lists by faiss. The codes are of the vectors, not of what separates
them from the centre of their cell: so the tables of a query are made once, not for each cell.
"""

from __future__ import annotations

from functools import cached_property, lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chromadb._index.bits import Bitmap, Words, count_bits, words_of
from chromadb._index.cores import both
from chromadb._index.distance import Matrix
from chromadb._index.faiss import Candidates, candidates_of, faiss_here, open_index, save_index, scaled
from chromadb._index.projection import groups_of, projection_of
from chromadb._tracing import ALL, spanned
from chromadb.errors import StorageCorruptError

ENOUGH, PART, FEWER = 20_000, 1.75, 0.195
"""Allowed vectors whose codes are compared for one query: so many, or if that is more `PART` h ** -`FEWER` of them
where h cells hold any. For a recall of 0.993, a filter that allows a tenth of a million clustered vectors, far from the
query, needs 0.50 of them in 444 cells, and one that allows half of them 0.42 in 1452."""

SHARED = 40_000
"""Codes that are allowed from which on two cores compare them, if one is idle: it takes 0.3 ms with one."""

SLACK, SPARE = 0.6, 100
"""What part of the candidates is taken from each half of the cells, and how many more."""


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


@lru_cache(maxsize=64)
def _probing(faiss: Any, probes: int) -> Any:
    """Return the parameters of a search, which searches only read."""
    return faiss.IVFSearchParameters(nprobe=probes)


class CellOrder(NamedTuple):
    """Cells, the nearest to a query first, and how far away their centres are, as faiss measures it."""

    point: Matrix
    """The query, projected, shape (1, directions)."""
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
        faiss, count = faiss_here(), count_of(total, len(sample))
        self._space = space
        # Sixteen code words are not learnt of fewer vectors.
        sample = scaled(space, np.resize(sample, (max(16, len(sample)), sample.shape[1])))
        projection = projection_of(sample)
        # By l2 in every space: by inner product the longest vectors would be in every neighbourhood.
        centres = faiss.IndexFlatL2(projection.d_out)
        groups = groups_of(sample.shape[1])
        lists = faiss.IndexIVFPQFastScan(centres, projection.d_out, count, groups, 4, faiss.METRIC_L2)
        lists.by_residual = False
        lists.cp.niter, lists.cp.max_points_per_centroid, lists.cp.min_points_per_centroid = 8, 64, 1
        lists.pq.cp.min_points_per_centroid = 1
        self._index = faiss.IndexPreTransform(projection, lists)
        self._index.train(sample)

    def add(self, block: Matrix) -> None:
        """Take in vectors, shape (m, dimension)."""
        self._index.add(scaled(self._space, block))

    def finish(self) -> tuple[Cells, NDArray[np.int64]]:
        """Return the cells of what was taken in, numbered cell by cell, and what number each vector had in its order.

        What is near each other then lies near each other: a walk through a graph in this order takes three quarters of
        the time among 100,000 vectors of 384 dimensions, two thirds among a million. An order within cells, or cells in
        an order of their own, gained nothing more. (Coleman et al., Graph Reordering for Cache-Efficient Near Neighbor
        Search, 2021, arxiv.org/abs/2104.03221)
        """
        cells = Cells(self._index, self._space)
        order = np.empty(len(cells), dtype=np.int64)
        lists = faiss_here().downcast_index(self._index.index).invlists
        for cell, (start, size) in enumerate(zip(cells.starts.tolist(), cells.sizes.tolist(), strict=True)):
            if size:
                ids = faiss_here().rev_swig_ptr(lists.get_ids(cell), size)
                order[start : start + size] = ids
                ids[:] = np.arange(start, start + size)
        return cells, order


class Cells:
    """Codes of vectors that are numbered from 0, cell by cell."""

    def __init__(self, index: Any, space: str) -> None:
        self.index = index
        """As faiss keeps it."""
        self._space = space
        self._lists = faiss_here().downcast_index(index.index)
        self._projection = faiss_here().downcast_VectorTransform(index.chain.at(0))
        self._centres = faiss_here().downcast_index(self._lists.quantizer).get_xb()

    def __len__(self) -> int:
        return int(self.index.ntotal)

    @cached_property
    def count(self) -> int:
        """How many cells there are."""
        return int(self._lists.nlist)

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """How many entries each cell has."""
        lists = self._lists.invlists
        return np.fromiter((lists.list_size(cell) for cell in range(self.count)), dtype=np.int64, count=self.count)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """How many entries there are in the cells before each."""
        return self._ends - self.sizes

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        return np.cumsum(self.sizes)

    def count_where(self, bitmap: Bitmap) -> NDArray[np.int64]:
        """Return how many of the entries that a bitmap holds each cell has; of a million it takes 0.04 ms."""
        first, part = self._bounds
        words = words_of(bitmap)
        # Cells begin within a word: what of it belongs to the cell before is taken from one and given to the other.
        shared = count_bits(words[first] & part).astype(np.int64)
        whole = np.add.reduceat(count_bits(words), first, dtype=np.int64)[:-1]
        # Of a cell that ends in the word in which it begins, that word is what it says.
        own: NDArray[np.int64] = np.where(first[1:] > first[:-1], whole, 0)
        return own + shared[1:] - shared[:-1]

    def count_among(self, entries: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many of some entries, ascending, each cell has; of 10,000 it takes 0.03 ms."""
        return np.bincount(self.cell_of(entries), minlength=self.count)

    @cached_property
    def _cells(self) -> NDArray[np.uint16]:
        """The cell of each entry."""
        return np.repeat(np.arange(self.count, dtype=np.uint16), self.sizes)

    @cached_property
    def _bounds(self) -> tuple[NDArray[np.int64], Words]:
        """Where each cell begins in a bitmap, and where the last ends: the word, and the bits of it that lie before."""
        bounds = np.append(0, self._ends)
        return bounds // 64, np.left_shift(np.uint64(1), (bounds % 64).astype(np.uint64)) - np.uint64(1)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        codes = (self._lists.code_size + 8) * len(self)
        worked_out = sum(value.nbytes for value in list(vars(self).values()) if isinstance(value, np.ndarray))
        return int(4 * self._lists.d * (self.count + self.index.d) + codes + worked_out)

    def save(self, path: str) -> None:
        """Write the cells to a file."""
        save_index(self.index, path)

    @classmethod
    def open(cls, path: str, space: str) -> Cells:
        """Return the cells in a file.

        Raises:
            StorageCorruptError: the file does not hold cells.
        """
        index, what = open_index(path, "IndexPreTransform", "does not hold cells"), "does not hold cells"
        if not isinstance(faiss_here().downcast_index(index.index), faiss_here().IndexIVFPQFastScan):
            raise StorageCorruptError(f"{path} {what} but {type(index.index).__name__}.")
        return cls(index, space)

    def by_distance(self, query: Matrix) -> CellOrder:
        """Return all cells, the nearest to a query first."""
        # A matrix product would begin threads for so few numbers, and a search for all takes three times as long.
        faiss, point = faiss_here(), self._projected(query)
        distances = np.empty(self.count, dtype=np.float32)
        given = faiss.swig_ptr(point), self._centres
        faiss.fvec_L2sqr_ny(faiss.swig_ptr(distances), *given, point.shape[1], self.count)
        cells = np.argsort(distances)
        return CellOrder(point, cells, distances[cells])

    def _projected(self, query: Matrix) -> Matrix:
        projected: Matrix = self._projection.apply(scaled(self._space, query[np.newaxis]))
        return projected

    def cell_of(self, entries: NDArray[np.int64]) -> NDArray[np.uint16]:
        """Return the cell of each of some entries."""
        return self._cells[entries]

    @spanned("index.cells", ALL)
    def near(self, query: Matrix, count: int, probes: int) -> Candidates:
        """Return about the `count` nearest entries, nearest first.

        Args:
            query: shape (d,).
            count: how many.
            probes: into how many cells to look, the nearest ones.
        """
        parameters = _probing(faiss_here(), min(probes, self.count))
        scores, found = self._lists.search(self._projected(query), count, params=parameters)
        return candidates_of(self._space, found[0], scores[0])

    @spanned("index.cells", ALL)
    def near_to(self, order: CellOrder, count: int, probes: int) -> Candidates:
        """Return the same as `near`, where the order of the cells is known."""
        scores, found = self._compare(order.point, order.cells[:probes], order.distances[:probes], count)
        return candidates_of(self._space, found, scores)

    @spanned("index.cells", ALL)
    def nearest(
        self,
        count: int,
        bitmap: Bitmap,
        in_cell: NDArray[np.int64],
        order: CellOrder,
        compared: int,
    ) -> Candidates:
        """Return about the `count` nearest entries that are allowed, nearest first.

        Args:
            count: how many.
            bitmap: which entries are allowed, eight to a byte, the first in the lowest bit.
            in_cell: how many are allowed in each cell.
            order: all cells, by their distance from the query.
            compared: how many allowed codes to compare at least, those of the nearest cells.
        """
        counts = in_cell[order.cells]
        probes = int(np.searchsorted(np.cumsum(counts), compared)) + 1
        held = counts[:probes] > 0
        cells, distances = order.cells[:probes][held], order.distances[:probes][held]
        if len(cells) < 2 or compared < SHARED:
            scores, found = self._compare(order.point, cells, distances, count, bitmap)
        else:
            # Every other cell each: half of what is nearest, give or take.
            part = min(count, int(SLACK * count) + SPARE)
            halves = (
                partial(self._compare, order.point, cells[i::2].copy(), distances[i::2].copy(), part, bitmap)
                for i in (0, 1)
            )
            scores, found = map(np.concatenate, zip(*both(*halves), strict=True))
            # What faiss pads with is as far away as can be.
            nearest = np.argsort(scores, kind="stable")[:count]
            scores, found = scores[nearest], found[nearest]
        return candidates_of(self._space, found, scores)

    def _compare(
        self,
        point: Matrix,
        cells: NDArray[np.int64],
        distances: NDArray[np.float32],
        count: int,
        bitmap: Bitmap | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the scores and numbers of the `count` nearest entries in some cells, of a bitmap, nearest first."""
        faiss = faiss_here()
        parameters = _probing(faiss, len(cells))
        if bitmap is not None:
            # Kept by a name: the parameters only point to it.
            selector = faiss.IDSelectorBitmap(len(bitmap), faiss.swig_ptr(bitmap))
            parameters = faiss.IVFSearchParameters(sel=selector, nprobe=len(cells))
        scores, found = np.empty(count, dtype=np.float32), np.empty(count, dtype=np.int64)
        # The Python side of `search_preassigned` takes no parameters.
        pointer, *others = map(faiss.swig_ptr, (point, cells, distances, scores, found))
        self._lists.search_preassigned_c(1, pointer, count, *others, False, parameters)
        return scores, found

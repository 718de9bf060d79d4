"""How far to look in the cells of a segment: found out with vectors of its own, once, when it is built.

How many cells hold a vector's neighbours, and how well codes of a few bits tell these from others, differs from one
kind of vectors to the next: for 0.99 of the ten nearest, 8 cells of 569 are enough among 100,000 vectors in clusters,
14 of 2500 among a million, 116 of 628 among 117,000 dictionary entries embedded by the default model (these hold 0.987
of the neighbours of others).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import NamedTuple

import numpy as np

from chromadb._index.cells import Cells
from chromadb._index.distance import Matrix
from chromadb._index.graph import Graph

COUNTS = (10, 100, 1000)
"""For how many neighbours it is found out."""

TRIED, FOUND = 200, 0.99
"""With how many vectors it is found out, and what share of their neighbours is to be found."""

POOL = 3 * COUNTS[-1]
"""Among how many entries, the nearest by the codes of the cells, the neighbours are looked for by longer codes."""

SAFETY = 1.5
"""By how much farther to look than the segment's own vectors need: queries are others. From 1.25 to 1.5 (and with it
``NEAR_DEPTH`` from 3 to 4) the recall among 100,000 clustered vectors grows from 0.9946 to 0.9974, among a million from
0.9906 to 0.9944, and a query takes 3 % longer."""


class Reach(NamedTuple):
    """For as many neighbours as `COUNTS` says each: the number of cells that hold them, the nearest to a query, and the
    number of candidates of these cells that include them, the nearest by their codes."""

    cells: tuple[int, ...]
    candidates: tuple[int, ...]

    def of(self, n: float) -> tuple[float, float]:
        """Return how many cells, and candidates, hold the `n` nearest; infinitely many where it was not tried."""
        if n > COUNTS[-1]:
            return math.inf, math.inf
        # In Python: of so few numbers, numpy takes as long as a tenth of the search.
        last = max(1, bisect_left(COUNTS, n))
        low, high = COUNTS[last - 1], COUNTS[last]
        share = max(0.0, (n - low) / (high - low))
        cells, candidates = (SAFETY * (found[last - 1] * (1 - share) + found[last] * share) for found in self)
        return cells, candidates


def reach_of(cells: Cells, graph: Graph, vectors: Matrix) -> Reach:
    """Return how far to look in cells: 0.4 s among 100,000 vectors, 2 s among a million.

    Args:
        cells: of a segment.
        graph: of the same.
        vectors: shape (m, d), some of those in the segment.
    """
    cell_ranks, candidate_ranks = [], []
    for vector in vectors[:: max(1, len(vectors) // TRIED)][:TRIED]:
        # The nearest is the vector itself.
        pool = cells.near(vector, min(1 + POOL, len(cells)), cells.count).entries[1:]
        # Binary codes of a graph tell no more than these.
        true = pool if graph.binary else graph.compare(vector, len(pool), np.sort(pool)).entries
        rank = np.argsort(cells.by_distance(vector).cells)
        cell_ranks.append(rank[cells.cell_of(true)])
        by_entry = np.argsort(pool)
        candidate_ranks.append(by_entry[np.searchsorted(pool, true, sorter=by_entry)])
    return Reach(_needed(cell_ranks), _needed(candidate_ranks))


def _needed(ranks: list[np.ndarray[tuple[int], np.dtype[np.int64]]]) -> tuple[int, ...]:
    """Return how many are needed for each of `COUNTS`, given the rank of each neighbour, the nearest first."""
    first = [np.concatenate([np.zeros(1), *(each[:count] for each in ranks)]) for count in COUNTS]
    return tuple(1 + int(np.quantile(each, FOUND)) for each in first)

"""The rule by which a sealed segment is searched under a filter.

A segment has m entries, of which a are allowed; n results are wanted. Candidates come from codes of 8 bits, so more are
taken than wanted, ``depth(n)``, and then compared by the vectors themselves.

=================================  =====================================  ========================================
case                               way                                    why
=================================  =====================================  ========================================
a <= depth, or `exact`             compare every allowed vector itself    nothing is cheaper, and it is exact
a walk is estimated cheaper        walk the graph without regard to the   what is allowed among the ef nearest is
                                   filter, ef = 1.3 depth m / a, and      nearest among all that is allowed: no
                                   keep what is allowed                   loss, unlike a walk that heeds the filter
too few were allowed among these   scan the codes of what is allowed      the filter goes with the vectors
otherwise                          scan the codes of what is allowed      few are allowed: a scan touches only them
=================================  =====================================  ========================================

The estimate, fitted on one core with 100,000 clustered vectors of 384 dimensions: a walk costs 60 us and 1.1 us for
each unit of ef; a scan 1 ns for each entry (the bitmap) and 40 ns for each allowed one, in proportion to the dimension.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chromadb._index.distance import Matrix
from chromadb._index.graph import Entries, Graph

MARGIN = 1.3


def depth(n: int) -> int:
    """Return how many candidates to compare for `n` results: recall 0.998 at ef 100 where 10 of 10 gave 0.977."""
    return 2 * n + 10


def candidates(
    graph: Graph, query: Matrix, n: int, ef_search: int, allowed: NDArray[np.bool_] | None, count: int
) -> Entries:
    """Return entries among which the `n` nearest that are allowed are likely to be.

    Args:
        graph: of the segment.
        query: shape (d,).
        n: how many results are wanted.
        ef_search: at least so many candidates are looked at in the graph.
        allowed: which entries may be returned, shape (len(graph),); None for all.
        count: how many are allowed.
    """
    entries, wanted = len(graph), depth(n)
    if count <= wanted:
        return np.arange(entries) if allowed is None else np.flatnonzero(allowed)
    ef = max(ef_search, int(MARGIN * wanted * entries / count))
    if walk_cost(ef) <= scan_cost(entries, count, len(query)):
        found = graph.nearest(query, ef if allowed is not None else wanted, ef)
        if allowed is not None:
            found = found[allowed[found]]
        if len(found) >= wanted:
            return found[:wanted]
    return graph.scan(query, wanted, allowed)


def walk_cost(ef: int) -> float:
    """Return an estimate of a walk through a graph, in microseconds."""
    return 60 + 1.1 * ef


def scan_cost(entries: int, count: int, dimension: int) -> float:
    """Return an estimate of a scan of codes, in microseconds."""
    return 0.001 * entries + 0.04 * count * dimension / 384

"""The rule by which a sealed segment is searched under a filter.

A segment has m entries, of which a are allowed; n results are wanted. Candidates come from codes of 8 bits, so more are
taken than wanted, ``depth(n)``, and then compared by the vectors themselves.

============================  =======================================  =============================================
case                          way                                      why
============================  =======================================  =============================================
a <= depth, or `exact`        compare every allowed vector itself      nothing is cheaper, and it is exact
walk is estimated cheapest    walk the graph without regard to the     what is allowed among the ef nearest is
                              filter, ef = 1.3 depth m / a, and keep   nearest among all that is allowed: no loss,
                              what is allowed                          unlike a walk that heeds the filter
scan is estimated cheapest    compare the codes of all that is         few are allowed
                              allowed, 8 bits a dimension
otherwise, or if a walk       compare the codes of what is allowed     the filter goes with the vectors, and what it
found too few                 in the nearest cells that hold any,      allows is far away from the query
                              1 bit a dimension, and take more
============================  =======================================  =============================================

The estimates were fitted on one core with 100,000 clustered vectors of 384 dimensions, in microseconds: a walk costs 60
and 1.1 for each unit of ef; a scan 0.001 for each entry (the bitmap) and 0.04 for each allowed one; cells 200 and 0.03
for each code compared, of which there are at most ``cells.ENOUGH``. Those of codes grow with the dimension.
"""

from __future__ import annotations

import numpy as np

from chromadb._index.cells import ENOUGH
from chromadb._index.choice import Allowed
from chromadb._index.distance import Matrix
from chromadb._index.graph import Entries
from chromadb._index.segment import Segment

MARGIN = 1.3

CELLS_DEPTH = 4
"""Codes of one bit are coarser: so many times the candidates are compared by their vectors."""


def depth(n: int) -> int:
    """Return how many candidates to compare for `n` results: recall 0.998 at ef 100 where 10 of 10 gave 0.977."""
    return 2 * n + 10


def candidates(segment: Segment, query: Matrix, n: int, ef_search: int, allowed: Allowed) -> Entries:
    """Return entries among which the `n` nearest that are allowed are likely to be.

    Args:
        segment: what to search.
        query: shape (d,).
        n: how many results are wanted.
        ef_search: at least so many candidates are looked at in the graph.
        allowed: which entries may be returned.
    """
    wanted, count, entries = depth(n), allowed.count, len(allowed)
    if count <= wanted:
        return np.flatnonzero(allowed.entries)
    ef = max(ef_search, int(MARGIN * wanted * entries / count))
    scan = scan_cost(entries, count, len(query))
    cells = cells_cost(count, len(query))
    if walk_cost(ef) <= min(scan, cells):
        found = segment.graph.nearest(query, wanted if allowed.all else ef, ef)
        if not allowed.all:
            found = found[allowed.entries[found]]
        if len(found) >= wanted:
            return found[:wanted]
    if cells < scan:
        found = segment.cells.nearest(query, CELLS_DEPTH * wanted, allowed.bitmap, allowed.in_cell)
        if len(found) >= wanted:
            return found
    found = segment.graph.scan(query, wanted, None if allowed.all else allowed.bitmap)
    # Codes can fail on a query of another scale than the vectors; the vectors themselves do not.
    return found if len(found) >= wanted else np.flatnonzero(allowed.entries)


def walk_cost(ef: int) -> float:
    """Return an estimate of a walk through a graph, in microseconds."""
    return 60 + 1.1 * ef


def scan_cost(entries: int, count: int, dimension: int) -> float:
    """Return an estimate of a comparison of all allowed codes, in microseconds."""
    return 0.001 * entries + 0.04 * count * dimension / 384


def cells_cost(count: int, dimension: int) -> float:
    """Return an estimate of a comparison of codes in the nearest cells, in microseconds."""
    return 200 + 0.03 * min(count, ENOUGH) * dimension / 384

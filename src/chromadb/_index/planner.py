"""The rule by which a sealed segment is searched under a filter.

A segment has m entries, of which a are allowed; n results are wanted. Candidates come from codes of 8 bits, so more are
taken than wanted, ``depth(n)``, and then compared by the vectors themselves.

============================  =======================================  =============================================
case                          way                                      why
============================  =======================================  =============================================
a <= depth, or `exact`        compare every allowed vector itself      nothing is cheaper, and it is exact
a walk is estimated cheaper   walk the graph without regard to the     what is allowed among the ef nearest is
than a scan                   filter, ef = 1.3 depth m / a, and keep   nearest among all that is allowed: no loss,
                              what is allowed                          unlike a walk that heeds the filter
a scan is estimated cheaper   compare the codes of all that is         few are allowed
than cells                    allowed, 8 bits a dimension
otherwise: the walk is too    compare the codes of what is allowed     the filter goes with the vectors, and what it
dear, or found too few        in the nearest cells that hold any,      allows is far away from the query
                              1 bit a dimension, and take more
============================  =======================================  =============================================

The estimates were fitted on one core with 100,000 clustered vectors of 384 dimensions, in microseconds: a walk costs 60
and 1.1 for each unit of ef; a scan 0.001 for each entry (the bitmap) and 0.04 for each allowed one; cells 80, 0.6 for
each cell that is looked into and 0.015 for each code compared, of which there are about ``cells.ENOUGH`` at most. Those
of codes grow with the dimension. So cells are quicker than a scan where what is allowed lies in few of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from chromadb._index.cells import ENOUGH
from chromadb._index.choice import Allowed
from chromadb._index.distance import Matrix
from chromadb._index.faiss import Candidates
from chromadb._index.graph import Entries
from chromadb._index.segment import Segment

Distances = NDArray[np.float64]

MARGIN = 1.3

CELLS_DEPTH, SCAN_DEPTH = 16, 16
"""So many times the depth is taken from codes, to be compared as far as it is needed."""

BINARY_EFFORT = 2
"""By how much more candidates a graph over codes of one bit has to look at."""

FURTHER = 2
"""By how much the number of vectors compared grows where the error of the codes leaves a doubt."""

SURE = 3.0
"""How many standard deviations of the error of codes are allowed for."""


def depth(n: int) -> int:
    """Return how many candidates to compare for `n` results: recall 0.998 at ef 100 where 10 of 10 gave 0.977."""
    return 2 * n + 10


def first(n: int) -> int:
    """Return how many candidates to compare before the error of the codes is known: 14 of 30 for 10 results.

    With 100,000 vectors of 384 dimensions the recall is that of all 30, and a query takes 0.6 ms instead of 0.75.
    """
    return n + max(4, n // 8)


def nearest(
    segment: Segment, query: Matrix, n: int, ef_search: int, allowed: Allowed, measure: Callable[[Entries], Distances]
) -> tuple[Entries, Distances]:
    """Return entries among which the `n` nearest that are allowed are likely to be, and their true distances.

    The `first` candidates are compared, and what their true distances tell of the error of the codes decides whether
    those behind them could be nearer, and have to be compared too.

    Args:
        segment: what to search.
        query: shape (d,).
        n: how many results are wanted.
        ef_search: at least so many candidates are looked at in the graph.
        allowed: which entries may be returned.
        measure: gives the true distances of entries.
    """
    if allowed.count <= depth(n):
        entries = allowed.numbers
        return entries, measure(entries)
    entries, codes = candidates(segment, query, n, ef_search, allowed)
    if len(entries) < min(n, allowed.count):
        # Codes can fail on a query of another scale than the vectors; the vectors themselves do not.
        entries = allowed.numbers
        return entries, measure(entries)
    taken = min(first(n), len(entries))
    distances = measure(entries[:taken])
    while taken < len(entries):
        errors = codes[:taken] - distances
        # Candidates were picked for low codes, so a negative mean says nothing of those to come.
        error = SURE * float(np.std(errors)) + max(0.0, float(np.mean(errors)))
        if float(codes[taken]) - error > np.partition(distances, n - 1)[n - 1]:
            break
        more = entries[taken : FURTHER * taken]
        distances = np.concatenate([distances, measure(more)])
        taken += len(more)
    return entries[:taken], distances


def candidates(segment: Segment, query: Matrix, n: int, ef_search: int, allowed: Allowed) -> Candidates:
    """Return entries that are near by their codes, by the way that the rule says; arguments as for `nearest`."""
    wanted, count, entries = depth(n), allowed.count, len(allowed)
    if segment.graph.binary:
        ef_search *= BINARY_EFFORT
    ef = max(ef_search, int(MARGIN * wanted * entries / count))
    scan = scan_cost(entries, count, len(query))
    if walk_cost(ef) <= scan:
        found = segment.graph.nearest(query, ef)
        if not allowed.all:
            inside = allowed.mask[found.entries]
            found = Candidates(found.entries[inside], found.distances[inside])
        if len(found.entries) >= wanted:
            return found
    bitmap = None if allowed.all else allowed.bitmap
    # Cells are by l2: of little use where long vectors are near wherever they are.
    if segment.recipe.space != "ip" and cells_cost(count, int(np.count_nonzero(allowed.in_cell)), len(query)) < scan:
        found = segment.cells.nearest(query, CELLS_DEPTH * wanted, allowed.bitmap, allowed.in_cell)
        if len(found.entries) >= wanted:
            # Longer codes leave less doubt, so that fewer vectors have to be read.
            return found if segment.graph.binary else segment.graph.compare(query, found.entries)
    return segment.graph.scan(query, SCAN_DEPTH * wanted, bitmap)


def walk_cost(ef: int) -> float:
    """Return an estimate of a walk through a graph, in microseconds."""
    return 60 + 1.1 * ef


def scan_cost(entries: int, count: int, dimension: int) -> float:
    """Return an estimate of a comparison of all allowed codes, in microseconds."""
    return 0.001 * entries + 0.04 * count * dimension / 384


def cells_cost(count: int, cells: int, dimension: int) -> float:
    """Return an estimate of a comparison of codes in the nearest of the cells that hold any, in microseconds."""
    compared = min(count, ENOUGH)
    return 80 + 0.6 * cells * compared / max(1, count) + 0.015 * compared * dimension / 384

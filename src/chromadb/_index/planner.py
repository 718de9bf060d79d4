"""The rule by which a sealed segment is searched under a filter.

A segment has m entries, of which a are allowed; n results are wanted. Candidates come from codes (see ``codes``), so
more are taken than wanted, ``depth(n)``, and then compared by the vectors themselves.

============================  ====================================  ===============================================
case                          way                                   why
============================  ====================================  ===============================================
a <= depth, or `exact`        compare every allowed vector itself   nothing is cheaper, and it is exact
a comparison is estimated     compare the codes of all that is      few are allowed
cheaper than a walk, a scan   allowed, one by one
or cells
the cells near the query are  look into so many of them as hold     (near) the codes of 32 vectors are compared at
estimated cheaper than a      the n m / a nearest of all, without   once; what is allowed among the nearest is nearest
walk and a scan               regard to the filter, take the        among all that is allowed: no loss
                              candidates that may be these, keep
                              what is allowed, compare it by the
                              graph's codes
a walk is estimated cheaper   walk the graph without regard to the  neighbours lie in many cells, or codes tell little;
than a scan                   filter, ef = 1.3 depth m / a, and     or by inner product, for cells are by l2
                              keep what is allowed
a scan is estimated cheaper   compare the codes of all that is      the segment is small, or its cells tell
than cells                    allowed, 8 bits a dimension           nothing
otherwise: the look around    compare the codes of what is allowed  (cells) the filter goes with the vectors, and what
the query is too dear, or     in the nearest cells that hold any,   it allows is far away from the query
finds too few, or little is   and compare the best of them by the
allowed near it               graph's codes
============================  ====================================  ===============================================

The estimates were fitted for codes of 8 bits on one core with 100,000 clustered vectors of 384 dimensions, in
microseconds, and checked with a million. A walk costs 110, 0.45 for each unit of ef and 0.45 for each thousand of them
squared, a third more among a million; a comparison one by one 20 and 0.075 for each allowed entry, of many with a
second core 100 and 0.05. A scan costs 0.0017 for each entry, 0.03 for each that is allowed and, the more these are
scattered, up to 0.22 more for the way to each, less where all of them are few. A look near the query costs 40, 0.02 for
each cell that there is, 0.004 for each code compared and 0.05 for each candidate. Cells that hold what is allowed cost
100, 0.09 for each that there is, 1 for each that is looked into and 0.006 for each code there, allowed or not; with a
second core half of that. Beside both comes the comparison by longer codes of what they find. What is spent on codes
grows with the dimension.

A graph of more vectors takes a wider walk for the same recall: of a million, ef=100 finds 0.92 of the ten nearest, and
ef=316 finds 0.984. So ``ef_search`` is meant for `ORDINARY` vectors, and grows with the square root of their number.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from chromadb._index.cells import CellOrder, enough
from chromadb._index.choice import Allowed
from chromadb._index.distance import Matrix
from chromadb._index.faiss import Candidates
from chromadb._index.graph import Entries
from chromadb._index.segment import Segment

Distances = NDArray[np.float64]

MARGIN = 1.3
"""By how much more candidates a filtered walk looks at than leave `depth` of them on average."""

CELLS_DEPTH, SCAN_DEPTH, NEAR_DEPTH = 12, 16, 4
"""How many times the depth is taken from codes at least, to be compared as far as it is needed: of cells that hold what
is allowed (of larger segments more), of a scan, of the cells near a query."""

ONE_BY_ONE = 3000
"""Codes up to which nobody asks whether a look into cells is cheaper: to count what is allowed in each takes longer."""

ORDINARY = 100_000
"""Vectors of a segment up to which the effort of a walk is what is asked for."""

FILTERED_EFFORT = 1.25
"""By how much more if there is a filter: a recall of 0.99 is expected then, and 0.98 otherwise."""

MOST_EFFORT = 1.6
"""By how much more at most if a filter or deletions leave fewer of them."""

TYPICAL = 0.5
"""Of the nearer half of a walk's candidates at least this part of the share that a filter allows everywhere has to be
allowed; otherwise only the farther ones are, and of these a walk finds few: a recall of 0.6 where it was kept."""

VICINITIES, LESS = (0.25, 5), 0.5
"""Nobody looks around the query if in the nearest cells, which hold so many times `ef` entries, less than so much of
the share that a filter allows everywhere is allowed: too few would be found. The wider of the two alone let two thirds
of such walks among a million begin, both together one of 60; random filters pass both."""

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
        # In Python: of so few numbers, numpy takes as long as a tenth of the walk.
        errors = (codes[:taken] - distances).tolist()
        # Candidates were picked for low codes, so a negative mean says nothing of those to come.
        mean = sum(errors) / taken
        deviation = math.sqrt(max(0.0, sum([error * error for error in errors]) / taken - mean * mean))
        error = SURE * deviation + max(0.0, mean)
        if float(codes[taken]) - error > sorted(distances.tolist())[n - 1]:
            break
        more = entries[taken : FURTHER * taken]
        distances = np.concatenate([distances, measure(more)])
        taken += len(more)
    return entries[:taken], distances


def candidates(segment: Segment, query: Matrix, n: int, ef_search: int, allowed: Allowed) -> Candidates:
    """Return entries that are near by their codes, by the way that the rule says; arguments as for `nearest`."""
    if not segment.graph.here:
        return by_cells_alone(segment, query, n, ef_search, allowed)
    wanted, count, entries = depth(n), allowed.count, len(allowed)
    # Of the candidates of a walk only those that are allowed count.
    more = min(max(FILTERED_EFFORT if allowed.filtered else 1.0, entries / count), MOST_EFFORT)
    ef = max(int(effort(segment, ef_search) * more), int(MARGIN * wanted * entries / count))
    scan, walk = scan_cost(entries, count, len(query)), walk_cost(entries, ef)
    one_by_one = compare_cost(count, len(query), segment.graph.binary)
    # Cells are by l2: of little use where long vectors are near wherever they are.
    blind = allowed.all or segment.recipe.space == "ip"
    if one_by_one < min(scan, walk) and (
        blind or count <= ONE_BY_ONE or one_by_one < cells_cost(segment, allowed, n, len(query))
    ):
        return segment.graph.compare(query, SCAN_DEPTH * wanted, allowed.numbers)
    order = None if blind else segment.cells.by_distance(query)
    probes, wide = looked_into(segment, n, ef_search, allowed)
    again = 0 if segment.graph.binary else wide * count / entries
    near = math.inf if segment.recipe.space == "ip" else near_cost(segment, probes, wide, again, len(query))
    if min(walk, near) <= scan and (order is None or here_too(segment, allowed, order, ef)):
        at_once = allowed.all and not segment.graph.binary
        if walk <= near:
            found = segment.graph.nearest(query, ef)
        elif order is not None:
            found = segment.cells.near_to(order, int(wide), int(probes))
        else:
            found = (segment.refined if at_once else segment.cells).near(query, int(wide), int(probes))
        typical = True
        if not allowed.all:
            inside = allowed.holds(found.entries)
            nearer = inside[: len(inside) // 2]
            typical = bool(np.count_nonzero(nearer) >= TYPICAL * len(nearer) * count / entries)
            found = Candidates(found.entries[inside], found.distances[inside])
        if typical and len(found.entries) >= 2 * n:
            return found if walk <= near or at_once else refined(segment, query, found)
    if order is not None and cells_cost(segment, allowed, n, len(query)) < scan:
        deep = depth_of_cells(segment, n)
        compared = codes_compared(allowed, deep)
        found = segment.cells.nearest(deep, allowed.bitmap, allowed.in_cell, order, compared)
        if len(found.entries) >= min(wanted, count):
            return refined(segment, query, found)
    return segment.graph.scan(query, SCAN_DEPTH * wanted, None if allowed.all else allowed.bitmap)


def by_cells_alone(segment: Segment, query: Matrix, n: int, ef_search: int, allowed: Allowed) -> Candidates:
    """Return entries that are near by the codes of the cells, while the graph is not here yet; as `candidates`."""
    probes, wide = looked_into(segment, n, ef_search, allowed)
    if allowed.all and probes < math.inf:
        return segment.cells.near(query, int(wide), int(probes))
    deep, order = min(depth_of_cells(segment, n), allowed.count), segment.cells.by_distance(query)
    compared = codes_compared(allowed, deep)
    return segment.cells.nearest(deep, allowed.bitmap, allowed.in_cell, order, compared)


def depth_of_cells(segment: Segment, n: int) -> int:
    """Return how many candidates to take from the cells that hold what a filter allows."""
    # Half of half a million that are allowed gave a recall of 0.965 where these gave 0.995.
    least = CELLS_DEPTH * growth(segment) ** 0.3 * depth(n)
    return int(max(least, min(segment.reach.of(n)[1], len(segment.labels))))


def refined(segment: Segment, query: Matrix, found: Candidates) -> Candidates:
    """Return candidates of cells, compared by the graph's codes; these leave less doubt, so fewer vectors are read."""
    if segment.graph.binary:
        return found
    return segment.graph.compare(query, len(found.entries), np.sort(found.entries))


def here_too(segment: Segment, allowed: Allowed, order: CellOrder, ef: int) -> bool:
    """Return whether a filter allows of what is near a query about the share that it allows everywhere.

    Args:
        segment: what is searched.
        allowed: which entries may be returned.
        order: all cells, the nearest first.
        ef: how many candidates a walk would look at.
    """
    sizes, least = np.cumsum(segment.cells.sizes[order.cells]), LESS * allowed.count / len(allowed)
    for vicinity in VICINITIES:
        near = int(np.searchsorted(sizes[:-1], vicinity * ef)) + 1
        if allowed.in_cell[order.cells[:near]].sum() < least * sizes[near - 1]:
            return False
    return True


def effort(segment: Segment, ef_search: int) -> int:
    """Return how many candidates a walk has to look at to find what `ef_search` finds among `ORDINARY` vectors."""
    return int(ef_search * growth(segment) * (BINARY_EFFORT if segment.graph.binary else 1))


def growth(segment: Segment) -> float:
    """Return by how much more a segment is looked at than one of `ORDINARY` vectors."""
    return math.sqrt(max(1.0, len(segment.labels) / ORDINARY))


def walk_cost(entries: int, ef: int) -> float:
    """Return an estimate of a walk through a graph, in microseconds."""
    return float((110 + 0.45 * ef + 0.00045 * ef * ef) * max(1.0, entries / ORDINARY) ** 0.13)


def scan_cost(entries: int, count: int, dimension: int) -> float:
    """Return an estimate of a comparison of all allowed codes, in microseconds."""
    scattered = 0.22 * (1 - math.sqrt(count / entries)) * min(1.0, entries / ORDINARY) ** 0.3
    return float(0.0017 * entries + (scattered + 0.03 * dimension / 384) * count)


def looked_into(segment: Segment, n: int, ef_search: int, allowed: Allowed) -> tuple[float, float]:
    """Return into how many of the nearest cells to look, and how many candidates to take from there; or infinity."""
    # The nearest that are allowed are among so many more of all.
    more = len(allowed) / allowed.count
    care = FILTERED_EFFORT if allowed.filtered else 1.0
    cells, candidates = segment.reach.of(n * more)
    least = max(ef_search, NEAR_DEPTH * depth(n)) * more
    return cells * care * ef_search / 100 + 1, min(care * max(least, candidates * ef_search / 100), len(allowed))


def near_cost(segment: Segment, probes: float, wide: float, again: float, dimension: int) -> float:
    """Return an estimate of a look into the nearest cells, in microseconds.

    Args:
        segment: what is searched.
        probes: into how many cells.
        wide: how many entries are taken from there.
        again: how many of these are compared again by longer codes.
        dimension: of the vectors.
    """
    if probes == math.inf:
        return math.inf
    count = segment.cells.count
    compared = min(probes, count) * len(segment.labels) / count
    codes = (0.02 * count + 0.004 * compared) * dimension / 384
    return 40 + 0.05 * wide + codes + compare_cost(again, dimension)


def codes_compared(allowed: Allowed, deep: int) -> int:
    """Return how many codes are compared in the nearest cells, of which `deep` are compared again by longer ones."""
    return max(min(deep, allowed.count), enough(allowed.count, int(np.count_nonzero(allowed.in_cell))))


def cells_cost(segment: Segment, allowed: Allowed, n: int, dimension: int) -> float:
    """Return an estimate of a look into the nearest cells that hold any of what is allowed, in microseconds.

    Args:
        segment: what is searched.
        allowed: which entries may be returned.
        n: how many results are wanted.
        dimension: of the vectors.
    """
    deep = depth_of_cells(segment, n)
    cells, held = segment.cells, int(np.count_nonzero(allowed.in_cell))
    compared = codes_compared(allowed, deep)
    visited = held * compared / max(1, allowed.count)
    others = max(0.0, len(cells) * visited / cells.count - compared)
    again = 0 if segment.graph.binary else min(deep, compared)
    codes = (0.09 * cells.count + 0.006 * (compared + others)) * dimension / 384
    return 100 + visited + codes + compare_cost(again, dimension)


def compare_cost(count: float, dimension: int, binary: bool = False) -> float:
    """Return an estimate of a comparison of codes one by one, in microseconds."""
    if binary:
        return 20 + (0.025 + 0.008 * dimension / 384) * count
    alone = (0.02 + 0.055 * dimension / 384) * count
    return 20 + min(alone, 80 + 0.65 * alone)

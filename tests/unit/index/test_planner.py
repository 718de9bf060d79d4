"""The planner: every row of its table is reached, by the estimates it states."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from chromadb._index.bits import Bitmap, packed, unpacked
from chromadb._index.cells import CellOrder, count_of, enough
from chromadb._index.choice import Allowed
from chromadb._index.faiss import Candidates
from chromadb._index.planner import (
    FILTERED_EFFORT,
    MOST_EFFORT,
    NEAR_DEPTH,
    cells_cost,
    compare_cost,
    depth,
    first,
    looked_into,
    nearest,
    scan_cost,
    walk_cost,
)
from chromadb._index.reach import SAFETY, Reach
from chromadb._index.segment import Recipe

Entries = NDArray[np.int64]

REACH, FAR = Reach((10, 20, 200), (50, 300, 2000)), Reach((10_000, 10_000, 10_000), (50, 300, 2000))
"""How far to look: of vectors in clusters, and of such that are near each other nowhere."""


class Recorder:
    """A graph and cells that note how they are asked, and answer from a list of entries, nearest first.

    Args:
        order: the entries.
        noise: standard deviation of the error of codes; the true distance of an entry is its number.
        fail: ways that find nothing.
        apart: whether near entries share a cell, rather than each cell having some of all.
    """

    def __init__(self, order: Entries, noise: float, fail: tuple[str, ...], apart: bool = False) -> None:
        self.order = order
        self.codes = order + noise * np.random.default_rng(1).normal(size=len(order))
        self.fail = fail
        self.calls: list[tuple[str, int]] = []
        self.count = max(1, int(1.6 * len(order) ** 0.5))
        self.binary, self.here = False, True
        numbers = np.arange(len(order))
        self.cell_of = (numbers * self.count // len(order) if apart else numbers % self.count).astype(np.int32)
        self.sizes = np.bincount(self.cell_of, minlength=self.count)

    def __len__(self) -> int:
        return len(self.order)

    def nearest(self, *given: Any) -> Candidates:
        if len(given) == 2:
            return self._answer("walk", given[1], np.ones(len(self.order), dtype=np.bool_))
        count, bitmap, in_cell, order, compared = given
        assert min(count, int(in_cell.sum())) <= compared <= in_cell.sum()
        assert sorted(order.cells.tolist()) == list(range(self.count))
        mask = unpacked(bitmap, len(self))
        assert in_cell.sum() == mask.sum()
        return self._answer("cells", count, mask)

    def near(self, query: Any, count: int, probes: int) -> Candidates:
        assert probes >= 1
        self.probes = probes
        return self._answer("near", count, np.ones(len(self.order), dtype=np.bool_))

    def near_to(self, order: CellOrder, count: int, probes: int) -> Candidates:
        return self.near(order.point, count, probes)

    def by_distance(self, query: Any) -> CellOrder:
        return CellOrder(query[np.newaxis], np.arange(self.count), np.arange(self.count, dtype=np.float32))

    def count_where(self, bitmap: Bitmap) -> NDArray[np.int64]:
        return np.bincount(self.cell_of[unpacked(bitmap, len(self))], minlength=self.count)

    def count_among(self, entries: Entries) -> NDArray[np.int64]:
        return np.bincount(self.cell_of[entries], minlength=self.count)

    def scan(self, query: Any, count: int, bitmap: Any) -> Candidates:
        mask = np.ones(len(self.order), dtype=np.bool_)
        if bitmap is not None:
            mask = unpacked(bitmap, len(self))
        return self._answer("scan", count, mask)

    def compare(self, query: Any, count: int, entries: Entries) -> Candidates:
        assert (np.diff(entries) > 0).all()
        if not self.calls:
            self.calls.append(("compare", len(entries)))
        order = np.argsort(self.codes[entries], kind="stable")[:count]
        return Candidates(entries[order], self.codes[entries][order])

    def _answer(self, way: str, count: int, mask: Any) -> Candidates:
        self.calls.append((way, count))
        allowed = np.flatnonzero(mask)
        entries = allowed[np.argsort(self.codes[allowed], kind="stable")][: 0 if way in self.fail else count]
        return Candidates(entries, self.codes[entries])


class Segment:
    def __init__(
        self,
        order: Entries,
        noise: float,
        fail: tuple[str, ...],
        space: str,
        apart: bool = False,
        reach: Reach = REACH,
    ) -> None:
        self.graph = self.cells = self.refined = Recorder(order, noise, fail, apart)
        self.labels = order
        self.recipe = Recipe(space, 16, 100)
        self.reach = reach


def ask(
    entries: int,
    allowed: Any,
    n: int = 10,
    dimension: int = 384,
    ef_search: int = 100,
    fail: tuple[str, ...] = (),
    space: str = "l2",
    noise: float = 0.0,
    apart: bool = False,
    binary: bool = False,
    here: bool = True,
    filtered: bool = False,
    reach: Reach = REACH,
) -> tuple[list[tuple[str, int]], Entries]:
    """Return which ways were taken, and what came of them, nearest first; entries are ordered by their distance."""
    mask = np.zeros(entries, dtype=np.bool_)
    mask[allowed] = True
    segment: Any = Segment(np.arange(entries), noise, fail, space, apart, reach)
    segment.graph.binary, segment.graph.here = binary, here
    query = np.zeros(dimension, dtype=np.float32)
    found, distances = nearest(
        segment,
        query,
        n,
        ef_search,
        Allowed(segment.cells, len(mask), bitmap=packed(mask), filtered=filtered),
        lambda some: some.astype(np.float64),
    )
    assert distances.tolist() == found.tolist()
    assert len(found) == len(np.unique(found))
    assert mask[found].all()
    assert len(found) >= min(n, int(mask.sum()))
    return segment.graph.calls, np.sort(found)


def random(entries: int, count: int) -> Any:
    return np.random.default_rng(0).permutation(entries)[:count]


EVERY = slice(None)

LEAST = NEAR_DEPTH * depth(10)
"""Candidates that are taken from the nearest cells at least for 10 results."""

COMPARED = first(10)
"""Candidates that are compared for 10 results where codes leave no doubt."""


@pytest.mark.parametrize("count", [0, 1, 29, 30])
def test_few_allowed_entries_are_all_compared(count: int) -> None:
    allowed = random(100_000, count)
    calls, found = ask(100_000, allowed)
    assert calls == []
    assert found.tolist() == sorted(allowed.tolist())


@pytest.mark.parametrize("entries", [1, 30])
def test_a_small_segment_is_compared_as_a_whole(entries: int) -> None:
    calls, found = ask(entries, EVERY)
    assert (calls, found.tolist()) == ([], list(range(entries)))


def test_as_many_wanted_as_there_are() -> None:
    calls, found = ask(50_000, EVERY, n=50_000)
    assert (calls, len(found)) == ([], 50_000)


def test_without_a_filter_the_nearest_cells_are_looked_into() -> None:
    calls, found = ask(100_000, EVERY)
    assert (calls, found.tolist()) == ([("near", LEAST)], list(range(COMPARED)))


@pytest.mark.parametrize("parameters", [{"reach": FAR}, {"space": "ip"}])
def test_the_graph_is_walked_where_neighbours_lie_in_many_cells_and_by_inner_product(parameters: Any) -> None:
    calls, found = ask(100_000, EVERY, **parameters)
    assert (calls, found.tolist()) == ([("walk", 100)], list(range(COMPARED)))


def test_a_filter_that_allows_everything_gets_a_wider_walk() -> None:
    assert ask(100_000, EVERY, filtered=True, reach=FAR)[0] == [("walk", int(100 * FILTERED_EFFORT))]


def test_a_mild_filter_is_applied_to_more_candidates() -> None:
    allowed = random(100_000, 30_000)
    for reach, way in ((REACH, ("near", int(LEAST * FILTERED_EFFORT / 0.3))), (FAR, ("walk", int(100 * MOST_EFFORT)))):
        calls, found = ask(100_000, allowed, reach=reach, filtered=True)
        assert calls == [way]
        assert found.tolist() == sorted(allowed.tolist())[:COMPARED]


def test_the_effort_asked_for_is_the_least() -> None:
    for ef in (200, 300, 400):
        assert ask(100_000, EVERY, ef_search=ef)[0] == [("near", ef)]
        assert ask(100_000, EVERY, ef_search=ef, reach=FAR)[0] == [("walk", ef)]
        assert ask(100_000, random(100_000, 90_000), ef_search=ef, reach=FAR)[0] == [("walk", int(ef / 0.9))]
    assert ask(100_000, random(100_000, 30_000), ef_search=1, reach=FAR)[0] == [("walk", 130)]


def test_the_more_results_and_the_more_effort_the_farther_is_looked() -> None:
    segment: Any = Segment(np.arange(100_000), 0.0, (), "l2")
    every = Allowed(segment.cells, 100_000, bitmap=packed(np.ones(100_000, dtype=np.bool_)), filtered=False)
    assert looked_into(segment, 10, 100, every) == (1 + SAFETY * 10, LEAST)
    for several in (
        [looked_into(segment, n, 100, every) for n in (1, 10, 30, 100, 500, 1000, 1001)],
        [looked_into(segment, 10, ef, every) for ef in (10, 100, 1000)],
        [
            looked_into(segment, 10, 100, Allowed(segment.cells, 100_000, bitmap=packed(mask)))
            for mask in shares(1, 0.5, 0.1, 0.01)
        ],
    ):
        assert several == sorted(several)
        assert several[0] < several[-1]
    assert looked_into(segment, 1001, 100, every) == (math.inf, 100_000)


def shares(*each: float) -> list[Any]:
    return [np.arange(100_000) < share * 100_000 for share in each]


@pytest.mark.parametrize("binary", [False, True])
def test_few_allowed_entries_are_compared_one_by_one(binary: bool) -> None:
    calls, found = ask(100_000, random(100_000, 1000), binary=binary)
    assert calls == [("compare", 1000)]
    assert len(found) == COMPARED


def test_a_short_segment_is_scanned() -> None:
    assert [way for way, _ in ask(500, EVERY, dimension=8)[0]] == ["scan"]


def test_a_filter_that_goes_with_the_vectors_leads_from_the_walk_to_the_cells() -> None:
    calls, found = ask(100_000, slice(60_000, None), reach=FAR)
    assert [way for way, _ in calls] == ["walk", "cells"]
    assert [way for way, _ in ask(100_000, slice(60_000, None))[0]] == ["near", "cells"]
    assert found.tolist() == list(range(60_000, 60_000 + COMPARED))
    assert calls[1][1] >= 60


def test_no_walk_is_begun_where_the_cells_near_the_query_hold_little_that_is_allowed() -> None:
    calls, found = ask(100_000, slice(60_000, None), apart=True)
    assert [way for way, _ in calls] == ["cells"]
    assert found.tolist() == list(range(60_000, 60_000 + COMPARED))
    assert [way for way, _ in ask(100_000, slice(0, 60_000), apart=True)[0]] == ["near"]


def test_a_filter_that_goes_with_the_vectors_leads_from_the_walk_to_a_scan_by_inner_product() -> None:
    calls, found = ask(9000, slice(1000, None), space="ip")
    assert [way for way, _ in calls] == ["walk", "scan"]
    assert found.tolist() == list(range(1000, 1000 + COMPARED))


def test_cells_are_not_asked_by_inner_product() -> None:
    """They are by l2."""
    for allowed in (EVERY, slice(60_000, None), random(100_000, 50_000), random(100_000, 1000)):
        for n in (10, 5000):
            assert "cells" not in [way for way, _ in ask(100_000, allowed, n=n, space="ip")[0]]


@pytest.mark.parametrize("noise", [1.0, 10.0, 50.0])
@pytest.mark.parametrize("allowed", [slice(None), slice(60_000, None), slice(0, 1000)])
def test_candidates_are_compared_as_far_as_their_codes_leave_a_doubt(noise: float, allowed: Any) -> None:
    _, found = ask(100_000, allowed, noise=noise)
    nearest_one = allowed.start or 0
    assert len(np.intersect1d(found, np.arange(nearest_one, nearest_one + 10))) >= (10 if noise < 10 else 9)
    # Exact codes leave none.
    assert len(ask(100_000, allowed)[1]) == COMPARED


@pytest.mark.parametrize("count", [10_000, 30_000, 100_000])
def test_codes_that_fail_on_a_query_lead_to_an_exact_comparison(count: int) -> None:
    calls, found = ask(100_000, slice(0, count), fail=("walk", "near", "cells", "scan"))
    assert calls[-1][0] == "scan"
    assert len(found) == count


def test_a_large_number_of_results_is_not_taken_from_a_walk() -> None:
    calls, found = ask(100_000, EVERY, n=20_000)
    assert calls[0][0] not in ("walk", "near")
    assert len(found) >= 20_000


def test_every_case_gives_enough() -> None:
    """`ask` asserts what holds everywhere."""
    for entries in (31, 500, 5000, 60_000):
        for share in (0.001, 0.02, 0.3, 0.7, 0.999, 1.0):
            for allowed in (random(entries, int(share * entries)), slice(entries - int(share * entries), None)):
                for n in (1, 10, 1000):
                    for dimension in (2, 384):
                        ask(entries, allowed, n, dimension)


def test_costs_grow_with_the_work() -> None:
    counts = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]
    for small, large in pairwise(counts):
        assert walk_cost(100_000, small) < walk_cost(100_000, large)
        assert walk_cost(small, 100) <= walk_cost(large, 100)
        for dimension, longer in ((8, 64), (384, 1536)):
            assert scan_cost(small, small, dimension) < scan_cost(large, small, dimension)
            # All in a row are compared sooner than half of them, here and there.
            assert scan_cost(10 * large, small, dimension) < scan_cost(10 * large, large, dimension)
            assert scan_cost(large, small, dimension) < scan_cost(large, small, longer)
            assert compare_cost(small, dimension) < compare_cost(large, dimension)
            assert compare_cost(small, dimension) < compare_cost(small, longer)


def test_cells_cost_less_where_what_is_allowed_lies_in_few_of_them() -> None:
    segment: Any = Segment(np.arange(100_000), 0.0, (), "l2")
    cells = segment.cells
    spread, together = np.arange(100_000) % 10 == 0, cells.cell_of < cells.count // 10
    costs = [cells_cost(segment, Allowed(cells, 100_000, bitmap=packed(mask)), 10, 384) for mask in (spread, together)]
    assert costs[0] > costs[1] + 20
    allowed = Allowed(cells, 100_000, bitmap=packed(together))
    assert cells_cost(segment, allowed, 10, 1024) > costs[1]
    assert cells_cost(segment, allowed, 20, 384) > costs[1]


def test_very_few_of_very_many_are_compared_one_by_one() -> None:
    assert ask(1_000_000, random(1_000_000, 100))[0] == [("compare", 100)]
    # Scattered over all cells: one by one took 2.1 ms, a scan 4.5, all cells 6.9.
    assert ask(1_000_000, random(1_000_000, 10_000))[0] == [("compare", 10_000)]
    assert [way for way, _ in ask(1_000_000, slice(600_000, 610_000), apart=True)[0]] == ["cells"]


@pytest.mark.parametrize("n", [1, 10, 1000, 5000])
def test_while_the_graph_is_not_here_cells_are_asked_alone(n: int) -> None:
    for allowed in (EVERY, slice(60_000, None), random(100_000, 50_000), random(100_000, 1000), slice(0, 40)):
        for fail in ((), ("near", "cells")):
            calls, _ = ask(100_000, allowed, n, here=False, filtered=allowed is not EVERY, fail=fail)
            assert {way for way, _ in calls} <= {"near", "cells"}


def test_the_effort_grows_with_the_segment() -> None:
    assert ask(400_000, EVERY, reach=FAR)[0] == [("walk", 200)]
    assert ask(400_000, EVERY, ef_search=300, reach=FAR)[0] == [("walk", 600)]


def test_more_candidates_are_taken_than_wanted() -> None:
    depths = [depth(n) for n in (1, 2, 10, 100, 10**6)]
    assert depths == sorted(depths)
    assert all(taken > n for taken, n in zip(depths, (1, 2, 10, 100, 10**6), strict=True))


def test_the_more_cells_hold_what_is_allowed_the_smaller_the_part_that_is_compared() -> None:
    assert enough(15_000, 500) == 15_000
    assert enough(100_000, 10) == 100_000
    shares = [enough(500_000, held) / 500_000 for held in (100, 500, 2000)]
    assert shares == sorted(shares, reverse=True)
    assert 0.3 < shares[-1] < 0.5


def test_larger_segments_have_more_and_larger_cells() -> None:
    totals = [1000, 10_000, 100_000, 1_000_000, 10_000_000]
    counts = [count_of(total, min(total, 40_000)) for total in totals]
    assert counts == sorted(counts)
    assert [total / count for total, count in zip(totals, counts, strict=True)] == sorted(
        total / count for total, count in zip(totals, counts, strict=True)
    )
    assert count_of(10, 1) == 1


def test_a_walk_whose_nearer_half_holds_little_that_is_allowed_is_not_trusted() -> None:
    """The cells near this query hold what is allowed, but its nearest neighbours are not among them."""
    allowed = np.arange(90, 100_000, 2)
    calls, found = ask(100_000, allowed, reach=FAR)
    assert [way for way, _ in calls] == ["walk", "cells"]
    assert [way for way, _ in ask(100_000, allowed)[0]] == ["near", "cells"]
    assert found[:10].tolist() == list(range(90, 110, 2))

"""How far to look in cells is found out with a segment's own vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from chromadb._index.cells import CellsBuilder
from chromadb._index.distance import exact_distances
from chromadb._index.graph import Graph
from chromadb._index.reach import COUNTS, SAFETY, Reach, reach_of

COUNT, DIMENSION = 3000, 32


def segment_of(vectors: Any, quantization: str = "int8") -> tuple[Any, Any, Any]:
    builder = CellsBuilder("l2", len(vectors), vectors)
    builder.add(vectors)
    cells, order = builder.finish()
    graph = Graph.build(
        "l2",
        vectors,
        [vectors],
        total=len(vectors),
        quantization=quantization,
        max_neighbors=8,
        ef_construction=20,
        stop=lambda: False,
    )
    assert graph is not None
    graph.renumber(order)
    return cells, graph, order


def clustered(count: int = COUNT, clusters: int = 40) -> Any:
    rng = np.random.default_rng(4)
    centres = rng.normal(scale=20, size=(clusters, DIMENSION))
    return (centres[rng.integers(0, clusters, count)] + rng.normal(size=(count, DIMENSION))).astype(np.float32)


def uniform() -> Any:
    return np.random.default_rng(5).normal(size=(COUNT, DIMENSION)).astype(np.float32)


@pytest.mark.parametrize("quantization", ["int8", "binary"])
def test_vectors_in_clusters_have_their_neighbours_in_fewer_cells(quantization: str) -> None:
    together, apart = (
        reach_of(*segment_of(vectors, quantization)[:2], vectors) for vectors in (clustered(), uniform())
    )
    for reach in (together, apart):
        assert list(reach.cells) == sorted(reach.cells)
        assert list(reach.candidates) == sorted(reach.candidates)
        assert all(candidates >= 0.98 * count for candidates, count in zip(reach.candidates, COUNTS, strict=True))
    assert together.cells[0] < apart.cells[0]
    assert together.cells[0] >= 1


@pytest.mark.parametrize("vectors", [clustered(), uniform()], ids=["clustered", "uniform"])
@pytest.mark.parametrize("n", [10, 50, 100])
def test_so_many_cells_and_candidates_hold_the_neighbours_of_other_vectors(vectors: Any, n: int) -> None:
    kept, queries = vectors[100:], vectors[:100]
    cells, graph, order = segment_of(kept)
    probes, wide = reach_of(cells, graph, kept).of(n)
    found = 0
    for query in queries:
        true = np.argsort(exact_distances("l2", query, kept))[:n]
        found += len(np.intersect1d(true, order[cells.near(query, math.ceil(wide), math.ceil(probes)).entries]))
    assert found >= 0.98 * n * len(queries)


@pytest.mark.parametrize("count", [1, 2, 30])
def test_of_few_vectors_there_is_little_to_find_out(count: int) -> None:
    vectors = clustered(count)
    cells, graph, _ = segment_of(vectors)
    reach = reach_of(cells, graph, vectors)
    assert all(1 <= held <= cells.count for held in reach.cells)
    assert all(1 <= candidates <= count for candidates in reach.candidates)


def test_between_what_was_tried_it_grows_and_beyond_it_is_unknown() -> None:
    reach = Reach((9, 10, 200), (50, 300, 2000))
    assert reach.of(1) == reach.of(10) == (SAFETY * 9, SAFETY * 50)
    assert reach.of(55) == (SAFETY * 9.5, SAFETY * 175)
    assert reach.of(1000) == (SAFETY * 200, SAFETY * 2000)
    assert reach.of(1001) == (math.inf, math.inf)

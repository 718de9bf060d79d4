"""Searchers: what holds for every one of them, exact or not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

from chromadb._index import cells, codes
from chromadb._index.cells import Cells, CellsBuilder
from chromadb._index.distance import exact_distances
from chromadb._index.flat import FlatIndex
from chromadb._index.graph import BLOCK, Graph, sealable
from chromadb.errors import StorageCorruptError

Vectors = NDArray[np.float32]
Mask = NDArray[np.bool_]

SPACES = ("l2", "ip", "cosine")
COUNT, DIMENSION = 2000, 16


def vectors_of(count: int, seed: int = 0, dimension: int = DIMENSION) -> Vectors:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(10, dimension))
    return (centres[rng.integers(0, 10, count)] + 0.5 * rng.normal(size=(count, dimension))).astype(np.float32)


def built(
    space: str,
    vectors: Vectors,
    stop: Callable[[], bool] = lambda: False,
    *,
    quantization: str = "auto",
    max_neighbors: int = 16,
    ef_construction: int = 100,
) -> Graph | None:
    return Graph.build(
        space,
        vectors,
        [vectors],
        total=len(vectors),
        quantization=quantization,
        max_neighbors=max_neighbors,
        ef_construction=ef_construction,
        stop=stop,
    )


def bitmap(allowed: Mask) -> NDArray[np.uint8]:
    return np.packbits(allowed, bitorder="little")


# --- one contract ---------------------------------------------------------------------------------


class Searcher(Protocol):
    """Gives candidates: about the `count` nearest entries that are allowed."""

    floor: float
    """The share of the n nearest among 2 n + 10 candidates, at least."""

    def __init__(self, space: str, vectors: Vectors) -> None: ...

    def candidates(self, query: Vectors, count: int, allowed: Mask) -> Any: ...


class Flat:
    floor = 1.0

    def __init__(self, space: str, vectors: Vectors) -> None:
        self.space = space
        self.index = FlatIndex.build(vectors.shape[1], [vectors])

    def candidates(self, query: Vectors, count: int, allowed: Mask) -> Any:
        return self.index.search(self.space, query[np.newaxis], count, allowed)[0][0]


class Walk:
    """A walk without regard to the filter, wide enough for it."""

    floor = 0.98

    def __init__(self, space: str, vectors: Vectors) -> None:
        graph = built(space, vectors)
        assert graph is not None
        self.graph = graph

    def candidates(self, query: Vectors, count: int, allowed: Mask) -> Any:
        ef = len(allowed) if not allowed.all() else max(100, count)
        found = self.graph.nearest(query, ef).entries
        return found[allowed[found]][:count]


class Scan(Walk):
    floor = 0.99

    def candidates(self, query: Vectors, count: int, allowed: Mask) -> Any:
        return self.graph.scan(query, count, None if allowed.all() else bitmap(allowed)).entries


class Inverted:
    """Cells with codes of four bits a group; four times as many candidates are asked of them."""

    floor = 0.97

    def __init__(self, space: str, vectors: Vectors) -> None:
        builder = CellsBuilder(space, len(vectors), vectors)
        builder.add(vectors[:500])
        builder.add(vectors[500:])
        self.cells, self.order = builder.finish()

    def candidates(self, query: Vectors, count: int, allowed: Mask) -> Any:
        allowed = allowed[self.order]
        in_cell, order = self.cells.count_where(bitmap(allowed)), self.cells.by_distance(query)
        return self.order[self.cells.nearest(4 * count, bitmap(allowed), in_cell, order, len(allowed)).entries]


class Refined(Inverted):
    """Cells whose candidates are compared again by the codes of a graph."""

    def __init__(self, space: str, vectors: Vectors) -> None:
        super().__init__(space, vectors)
        graph = built(space, vectors)
        assert graph is not None
        self.graph = graph

    def candidates(self, query: Vectors, count: int, allowed: Mask) -> Any:
        return self.graph.compare(query, count, np.sort(super().candidates(query, count, allowed))).entries


@pytest.fixture(
    scope="module",
    # Cells are by l2, and not asked where inner products decide.
    params=[
        (kind, space)
        for kind in (Flat, Walk, Scan, Inverted, Refined)
        for space in SPACES
        if space != "ip" or not issubclass(kind, Inverted)
    ],
    ids=lambda parameters: f"{parameters[0].__name__}-{parameters[1]}",
)
def searcher(request: pytest.FixtureRequest) -> tuple[Any, str]:
    kind, space = request.param
    return kind(space, vectors_of(COUNT)), space


def test_cells_know_their_entries() -> None:
    built_of = Inverted("l2", vectors_of(COUNT))
    cells = built_of.cells
    assert np.sort(built_of.order).tolist() == list(range(COUNT))
    bounds = np.append(cells.starts, COUNT)
    assert np.diff(bounds).tolist() == cells.sizes.tolist()
    assert cells.cell_of(np.arange(COUNT)).tolist() == np.repeat(np.arange(cells.count), cells.sizes).tolist()


def test_a_cell_holds_what_is_nearest_to_its_centre() -> None:
    vectors = vectors_of(COUNT)
    built_of = Inverted("l2", vectors)
    for entry in range(0, COUNT, 50):
        nearest = built_of.cells.by_distance(vectors[built_of.order[entry]]).cells[:1]
        assert built_of.cells.cell_of(np.array([entry])).tolist() == nearest.tolist()


def test_cells_count_what_is_allowed_of_each() -> None:
    # Of 3,000 in two places, most of many cells are empty.
    for vectors in (vectors_of(COUNT), vectors_of(2).repeat(COUNT // 2, axis=0)):
        cells = Inverted("l2", vectors).cells
        for mask in masks().values():
            each = np.bincount(cells.cell_of(np.flatnonzero(mask)), minlength=cells.count)
            assert cells.count_where(bitmap(mask)).tolist() == each.tolist()
            assert cells.count_among(np.flatnonzero(mask)[::-1]).tolist() == each.tolist()


def test_a_look_near_a_query_is_the_same_where_the_order_of_the_cells_is_known() -> None:
    index = Inverted("l2", vectors_of(COUNT)).cells
    for query in vectors_of(20, seed=3):
        for probes in (1, 7, index.count):
            looked, told = index.near(query, 50, probes), index.near_to(index.by_distance(query), 50, probes)
            assert told.distances.tolist() == looked.distances.tolist()
            assert sorted(told.entries.tolist()) == sorted(looked.entries.tolist())


@pytest.mark.parametrize("quantization", ["binary", "int8", "float16", "float32"])
@pytest.mark.parametrize("space", SPACES)
def test_two_cores_compare_codes_as_one_does(space: str, quantization: str, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, rng = vectors_of(COUNT), np.random.default_rng(5)
    graph = built(space, vectors, quantization=quantization, max_neighbors=4, ef_construction=10)
    assert graph is not None
    for query in vectors_of(5, seed=3):
        for count, among in ((1, 2), (10, 11), (500, 700), (700, 500), (COUNT, COUNT)):
            entries = np.sort(rng.permutation(COUNT)[:among])
            monkeypatch.setattr(codes, "SHARED", 2**62)
            alone = graph.compare(query, count, entries)
            monkeypatch.setattr(codes, "SHARED", 0)
            shared = graph.compare(query, count, entries)
            assert len(shared.entries) == min(count, among)
            assert shared.distances.tolist() == alone.distances.tolist() == sorted(alone.distances.tolist())
            if count >= among:
                assert sorted(shared.entries.tolist()) == sorted(entries.tolist())


@pytest.mark.parametrize("share", [0.001, 0.1, 1])
def test_two_cores_find_what_one_finds(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    index, rng = Inverted("l2", vectors_of(COUNT)), np.random.default_rng(4)
    allowed = bitmap(rng.random(COUNT) < share)
    in_cell = index.cells.count_where(allowed)
    for query in vectors_of(20, seed=3):
        given = allowed, in_cell, index.cells.by_distance(query), int(in_cell.sum())
        for count in (1, 50, 2 * COUNT):
            monkeypatch.setattr(cells, "SHARED", COUNT + 1)
            alone = index.cells.nearest(count, *given)
            monkeypatch.setattr(cells, "SHARED", 0)
            shared = index.cells.nearest(count, *given)
            assert shared.distances.tolist() == sorted(shared.distances.tolist())
            if count > COUNT:
                assert sorted(shared.entries.tolist()) == sorted(alone.entries.tolist())
            # Of fewer candidates from each half, those at the end may be missing.
            nearest = alone.distances[: max(1, count // 2)]
            assert shared.distances[: len(nearest)].tolist() == nearest.tolist()


@pytest.mark.parametrize("space", ["l2", "cosine"])
def test_the_nearest_cells_hold_the_nearest_entries(space: str) -> None:
    vectors, queries = vectors_of(COUNT), vectors_of(60, seed=3)
    built_of, found = Inverted(space, vectors), 0
    cells = built_of.cells
    for query in queries:
        true = np.argsort(exact_distances(space, query, vectors))[:10]
        within = built_of.order[cells.near(query, 100, cells.count).entries]
        assert len(within) == len(np.unique(within)) == 100
        found += len(np.intersect1d(true, within))
        few = built_of.order[cells.near(query, 100, 1).entries]
        assert 0 < len(few) <= cells.sizes.max()
    assert found >= 0.98 * 10 * len(queries)


@pytest.mark.parametrize("space", SPACES)
def test_entries_that_are_numbered_anew_are_found_under_their_new_numbers(space: str) -> None:
    vectors = vectors_of(COUNT)
    graph, order = built(space, vectors), np.random.default_rng(5).permutation(COUNT)
    assert graph is not None
    former = [graph.nearest(query, 50) for query in vectors[:20]]
    graph.renumber(order)
    for query, before in zip(vectors, former, strict=False):
        after = graph.nearest(query, 50)
        assert np.array_equal(np.sort(order[after.entries]), np.sort(before.entries))
        assert np.array_equal(after.distances, before.distances)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("quantization", ["binary", "int8", "float16", "float32"])
def test_entries_are_compared_by_what_their_codes_stand_for(space: str, quantization: str) -> None:
    vectors = vectors_of(COUNT, dimension=64)
    graph = built(space, vectors, quantization=quantization, max_neighbors=8, ef_construction=20)
    assert graph is not None
    decoded, query = graph.codes.reconstruct_n(0, COUNT), vectors_of(1, seed=9, dimension=64)[0]
    if space == "ip":
        true = 1 - decoded @ query
    else:
        point = query / np.linalg.norm(query) if space == "cosine" else query
        true = ((decoded - point) ** 2).sum(axis=1) / (2 if space == "cosine" else 1)
    if graph.binary:
        # What one bit of each dimension stands for is nearer to the origin than the vector; distances allow for that.
        scanned = graph.scan(query, COUNT, None)
        true = scanned.distances[np.argsort(scanned.entries)]
    for entries in (np.arange(COUNT), np.sort(np.random.default_rng(2).permutation(COUNT)[:700]), np.array([5])):
        found = graph.compare(query, 50, entries)
        expected = entries[np.argsort(true[entries])][:50]
        np.testing.assert_allclose(found.distances, true[expected], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(true[found.entries], true[expected], rtol=1e-4, atol=1e-4)
        assert set(found.entries.tolist()) <= set(entries.tolist())
        assert len(set(found.entries.tolist())) == len(found.entries) == min(50, len(entries))


def masks() -> dict[str, Mask]:
    rng = np.random.default_rng(1)
    made = {f"{share:g}": rng.random(COUNT) < share for share in (0.02, 0.1, 0.5, 0.9, 0.999)}
    return {**made, "all": np.ones(COUNT, dtype=np.bool_), "first": np.arange(COUNT) < 300}


@pytest.mark.parametrize("name", masks())
def test_the_nearest_are_among_the_candidates(searcher: tuple[Any, str], name: str) -> None:
    index, space = searcher
    vectors, allowed = vectors_of(COUNT), masks()[name]
    if type(index) is Walk and space == "ip" and allowed.mean() < 0.3:
        pytest.skip("short vectors are nobody's nearest by inner product, so no walk leads to them")
    found, total = 0, 0
    for query in vectors_of(40, 2):
        distances = np.where(allowed, exact_distances(space, query, vectors), np.inf)
        for n in (1, 10):
            candidates = index.candidates(query, 2 * n + 10, allowed)
            assert len(candidates) == len(np.unique(candidates))
            found += int(np.sum(distances[candidates] <= np.sort(distances)[n - 1]))
            total += n
    assert found >= index.floor * total


@pytest.mark.parametrize("name", masks())
@pytest.mark.parametrize("count", [1, 30, COUNT, 5 * COUNT])
def test_candidates_are_allowed_entries(searcher: tuple[Any, str], name: str, count: int) -> None:
    index, _ = searcher
    allowed = masks()[name]
    for query in vectors_of(3, 3):
        candidates = index.candidates(query, count, allowed)
        assert len(candidates) == len(np.unique(candidates))
        assert np.all((candidates >= 0) & (candidates < COUNT))
        assert allowed[candidates].all()
        if not isinstance(index, Walk) or isinstance(index, Scan):
            assert len(candidates) >= min(count, int(allowed.sum()))


def test_nothing_is_allowed(searcher: tuple[Any, str]) -> None:
    index, _ = searcher
    if isinstance(index, Inverted):
        pytest.skip("the planner does not ask")
    assert len(index.candidates(vectors_of(1)[0], 10, np.zeros(COUNT, dtype=np.bool_))) == 0


@pytest.mark.parametrize("entry", [0, 7, 8, 9, COUNT - 1])
def test_one_entry_is_allowed(searcher: tuple[Any, str], entry: int) -> None:
    index, _ = searcher
    allowed = np.arange(COUNT) == entry
    for query in vectors_of(3, 4):
        assert list(index.candidates(query, 10, allowed)) in ([entry], [])
        if not isinstance(index, Walk) or isinstance(index, Scan):
            assert list(index.candidates(query, 10, allowed)) == [entry]


def test_many_threads_search_at_once(searcher: tuple[Any, str]) -> None:
    index, _ = searcher
    queries, allowed = vectors_of(20, 5), masks()["0.5"]
    expected = [list(index.candidates(query, 30, allowed)) for query in queries]
    results: list[Any] = []

    def search() -> None:
        results.append([list(index.candidates(query, 30, allowed)) for query in queries])

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4


# --- graphs alone ---------------------------------------------------------------------------------


@pytest.mark.parametrize("space", SPACES)
def test_a_graph_in_a_file_gives_what_the_one_in_memory_gives(space: str, tmp_path: Path) -> None:
    vectors = vectors_of(COUNT)
    graph = built(space, vectors)
    assert graph is not None
    graph.save(str(tmp_path / "graph"))
    opened = Graph.open(str(tmp_path / "graph"), space)
    assert (len(opened), opened.dimension) == (COUNT, DIMENSION)
    allowed = bitmap(masks()["0.5"])
    for query in vectors_of(10, 6):
        for one, other in (
            (graph.nearest(query, 50), opened.nearest(query, 50)),
            (graph.scan(query, 10, allowed), opened.scan(query, 10, allowed)),
            (graph.scan(query, 10, None), opened.scan(query, 10, None)),
        ):
            assert one.entries.tolist() == other.entries.tolist()
            assert one.distances.tolist() == other.distances.tolist()


@pytest.mark.parametrize("content", [b"", b"no graph", bytes(1000), b"IHNs" + bytes(1000)])
@pytest.mark.parametrize("kind", [Graph, Cells])
def test_a_file_that_is_something_else(tmp_path: Path, kind: Any, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(StorageCorruptError):
        kind.open(str(tmp_path / "file"), "l2")
    with pytest.raises(StorageCorruptError):
        kind.open(str(tmp_path / "missing"), "l2")


def test_a_graph_outlives_the_deletion_of_its_file(tmp_path: Path) -> None:
    graph = built("l2", vectors_of(COUNT))
    assert graph is not None
    path = tmp_path / "graph"
    graph.save(str(path))
    opened = Graph.open(str(path), "l2")
    path.unlink()
    assert opened.nearest(vectors_of(COUNT)[5], 50).entries[0] == 5


def test_a_build_stops_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def stop() -> bool:
        asked.append(None)
        return len(asked) == 3

    assert built("l2", vectors_of(10 * BLOCK), stop) is None
    assert len(asked) == 3


def test_a_graph_of_a_single_vector() -> None:
    for space in SPACES:
        graph = built(space, vectors_of(1))
        assert graph is not None
        assert graph.nearest(vectors_of(1)[0], 100).entries.tolist() == [0]
        assert graph.scan(vectors_of(1)[0], 10, None).entries.tolist() == [0]


def test_which_vectors_a_graph_can_hold() -> None:
    vectors = np.array([[0, 0], [1, 1], [1e-20, 0], [1e14, 0], [1e16, 0], [3e38, 3e38]], dtype=np.float32)
    assert sealable("l2", vectors).tolist() == [True, True, True, True, False, False]
    assert sealable("ip", vectors).tolist() == [True, True, True, True, False, False]
    assert sealable("cosine", vectors).tolist() == [False, True, False, True, False, False]


@pytest.mark.parametrize("space", SPACES)
def test_the_codes_of_vectors_of_very_different_lengths_tell_them_apart(space: str) -> None:
    rng = np.random.default_rng(7)
    lengths = rng.choice([1e-3, 1.0, 1e3], size=(COUNT, 1))
    vectors = (rng.normal(size=(COUNT, DIMENSION)) * lengths).astype(np.float32)
    graph = built(space, vectors)
    assert graph is not None
    found, total = 0, 0
    for query in vectors[:100]:
        distances = exact_distances(space, query, vectors)
        found += int(np.sum(distances[graph.scan(query, 30, None).entries] <= np.sort(distances)[9]))
        total += 10
    assert found >= 0.98 * total


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("kind", [Walk, Scan, Inverted])
def test_candidates_come_with_about_their_distances_nearest_first(kind: Any, space: str) -> None:
    if (kind, space) == (Inverted, "ip"):
        pytest.skip("not asked")
    vectors, query = vectors_of(COUNT), vectors_of(1, 10)[0]
    index = kind(space, vectors)
    if kind is Inverted:
        every = np.ones(COUNT, dtype=np.bool_)
        order = index.cells.by_distance(query)
        found = index.cells.nearest(50, bitmap(every), index.cells.sizes, order, COUNT)
        found = found._replace(entries=index.order[found.entries])
    else:
        found = index.graph.nearest(query, 50) if kind is Walk else index.graph.scan(query, 50, None)
    true = exact_distances(space, query, vectors[found.entries])
    assert np.all(np.diff(found.distances) >= 0)
    error = 0.5 if kind is Inverted else 0.05
    assert np.abs(found.distances - true).max() <= error * np.abs(true).max()

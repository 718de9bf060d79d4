"""Queries give exactly what a comparison in float64 with every vector gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

from chromadb._model.configuration import Configuration, HnswConfiguration
from chromadb._model.entities import CollectionInfo
from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._model.where import parse_filter
from chromadb._storage.base import CollectionStore
from chromadb._storage.local.directory import LocalBackend

SPACES = ("l2", "ip", "cosine")
EVERYTHING = Selection()

Vectors = NDArray[Any]


@contextmanager
def opened(space: str) -> Iterator[CollectionStore]:
    backend = LocalBackend(None)
    configuration = Configuration(HnswConfiguration(space=space))
    info = CollectionInfo(uuid4(), "recall", "default_tenant", "default_database", configuration)
    backend.create_collection(info, get_or_create=False)
    with backend.open(info.address) as store:
        yield store
    backend.close()


def write(store: CollectionStore, mode: Any, ids: Sequence[int], vectors: Vectors, **columns: Any) -> None:
    names = [str(id) for id in ids]
    wide = np.ascontiguousarray(vectors, dtype=np.float32)
    store.write(mode, Records(ids=names, vectors=wide, vector_rows=range(len(names)), **columns))


def true_distances(space: str, query: Vectors, vectors: Vectors) -> Vectors:
    """Return distances by the definitions of the documentation, in float64, row by row alike for equal rows."""
    a, b = query.astype(np.float64), vectors.astype(np.float64)
    if space == "l2":
        return ((b - a) ** 2).sum(axis=1)
    products = (b * a).sum(axis=1)
    if space == "ip":
        return 1.0 - products
    norms = np.sqrt((b**2).sum(axis=1)) * np.sqrt((a**2).sum())
    return 1.0 - np.divide(products, norms, out=np.zeros(len(b)), where=norms > 0)


def noise(space: str, query: Vectors, vectors: Vectors, distances: Vectors) -> Vectors:
    """Return by how much a float64 distance may be off, with room to spare, for each vector."""
    epsilon = 1e-13 * max(1.0, np.sqrt(len(query)))
    if space == "cosine":
        return np.full(len(vectors), epsilon)
    if space == "l2":
        return epsilon * distances
    return epsilon * (1.0 + (np.abs(vectors.astype(np.float64)) * np.abs(query.astype(np.float64))).sum(axis=1))


def check_query(
    store: CollectionStore,
    space: str,
    queries: Vectors,
    n: int,
    ids: Sequence[int],
    vectors: Vectors,
    selection: Selection = EVERYTHING,
) -> None:
    """Assert that a query gives the nearest of `vectors`, which are those of `ids` in the order of insertion."""
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    vectors = np.asarray(vectors, dtype=np.float32)
    place_of = {str(id): place for place, id in enumerate(ids)}
    answers = store.query(queries, n, selection, ("distances", "embeddings"))
    assert len(answers) == len(queries)
    for query, found in zip(queries, answers, strict=True):
        places = np.array([place_of[id] for id in found.ids], dtype=int)
        assert len(found.ids) == len(set(found.ids)) == min(n, len(ids))
        if not len(places):
            continue
        expected = true_distances(space, query, vectors)
        allowance = noise(space, query, vectors, expected)
        order = np.argsort(expected, kind="stable")[:n]
        # The n-th found is as near as the n-th nearest, for every n.
        assert np.all(np.abs(expected[places] - expected[order]) <= allowance[places] + allowance[order])
        # What is told of the records is true of them.
        assert found.distances is not None
        with np.errstate(over="ignore", invalid="ignore"):
            rounded = expected[places].astype(np.float32)
            off = np.abs(found.distances - expected[places])
        close = off <= 1e-6 * np.abs(expected[places]) + allowance[places] + np.finfo(np.float32).tiny
        assert np.all((found.distances == rounded) | close)
        assert found.vectors is not None
        np.testing.assert_array_equal(found.vectors, vectors[places])
        check_ties(places, vectors)


def check_ties(places: NDArray[Any], vectors: Vectors) -> None:
    """Assert that of equal vectors those inserted first are found, first ones first."""
    found: dict[bytes, list[int]] = {}
    for place in places.tolist():
        found.setdefault(vectors[place].tobytes(), []).append(place)
    if len(found) == len(places) == len(vectors):
        return
    there: dict[bytes, list[int]] = {}
    for place, vector in enumerate(vectors):
        there.setdefault(vector.tobytes(), []).append(place)
    for key, group in found.items():
        assert group == there[key][: len(group)]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("dimension", [1, 2, 3, 384])
@pytest.mark.parametrize("count", [1, 10, 1023, 1024, 1025, 5000])
def test_the_nearest_are_exact(space: str, dimension: int, count: int) -> None:
    rng = np.random.default_rng([dimension, count])
    vectors, queries = rng.normal(size=(count, dimension)), rng.normal(size=(3, dimension))
    with opened(space) as store:
        write(store, "add", range(count), vectors)
        for n in {1, 2, 10, count // 2 + 1, count - 1 or 1, count, count + 1, 10 * count}:
            check_query(store, space, queries, n, range(count), vectors)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize(("dimension", "count"), [(1024, 1025), (4096, 1025), (5000, 1025), (5000, 10)])
def test_the_nearest_are_exact_in_many_dimensions(space: str, dimension: int, count: int) -> None:
    rng = np.random.default_rng([dimension, count])
    vectors = rng.normal(size=(count, dimension)).astype(np.float32)
    queries = np.concatenate([rng.normal(size=(2, dimension)), vectors[-1:]])
    with opened(space) as store:
        write(store, "add", range(count), vectors)
        for n in (1, 10, count + 1):
            check_query(store, space, queries, n, range(count), vectors)


@pytest.mark.parametrize("space", SPACES)
def test_filters_of_every_selectivity(space: str) -> None:
    count = 3000
    rng = np.random.default_rng(1)
    vectors, queries = rng.normal(size=(count, 32)), rng.normal(size=(4, 32))
    with opened(space) as store:
        write(store, "add", range(count), vectors, metadatas=[{"place": place} for place in range(count)])
        for below in (0, 1, 2, 10, 299, 300, 301, 1500, 2999, 3000, 4000):
            ids = range(min(below, count))
            selections = [Selection(filter=parse_filter({"place": {"$lt": below}}))]
            if below:
                selections.append(Selection([str(id) for id in reversed(range(below))]))
            for selection in selections:
                for n in (1, 10, 3001):
                    check_query(store, space, queries, n, ids, vectors[: len(ids)], selection)
        scattered = np.flatnonzero(rng.random(count) < 0.5).tolist()
        chosen = Selection(filter=parse_filter({"place": {"$in": scattered}}))
        check_query(store, space, queries, 20, scattered, vectors[scattered], chosen)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("dimension", [1, 7, 384])
def test_zero_vectors_and_duplicates_come_in_the_order_of_insertion(space: str, dimension: int) -> None:
    rng = np.random.default_rng(dimension)
    distinct = np.concatenate([np.zeros((1, dimension)), rng.normal(size=(4, dimension))])
    vectors = distinct[rng.integers(0, 5, 2500)]
    with opened(space) as store:
        write(store, "add", range(2500), vectors)
        for n in (1, 7, 600, 2500):
            check_query(store, space, distinct, n, range(2500), vectors)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("magnitude", [1e30, 1e18, 1e-15, 1e-19, 1e-20, 1e-22, 1e-30, 1e-40])
@pytest.mark.parametrize("dimension", [1, 3, 384])
def test_huge_and_tiny_vectors(space: str, magnitude: float, dimension: int) -> None:
    rng = np.random.default_rng(5)
    vectors, queries = rng.normal(size=(1500, dimension)), rng.normal(size=(3, dimension))
    with opened(space) as store:
        write(store, "add", range(1500), vectors * magnitude)
        for queried in (queries * magnitude, queries):
            for n in (1, 10, 1500):
                check_query(store, space, queried, n, range(1500), vectors * magnitude)


@pytest.mark.parametrize("space", SPACES)
def test_vectors_of_very_different_lengths_beside_each_other(space: str) -> None:
    rng = np.random.default_rng(6)
    lengths = rng.choice([0.0, 1e-40, 1e-25, 1e-19, 1e-10, 1.0, 1e10, 1e18, 1e30], size=(2000, 1))
    vectors = rng.normal(size=(2000, 5)) * lengths
    queries = rng.normal(size=(4, 5)) * np.array([[1.0], [1e-25], [1e25], [0.0]])
    with opened(space) as store:
        write(store, "add", range(2000), vectors)
        for n in (1, 50, 1999):
            check_query(store, space, queries, n, range(2000), vectors)


@pytest.mark.parametrize("space", SPACES)
def test_vectors_far_from_the_origin_and_close_to_each_other(space: str) -> None:
    """Float32 products cannot tell these apart; the comparison in float64 can."""
    rng = np.random.default_rng(8)
    vectors = (1000.0 + rng.normal(size=(2500, 64)) * 1e-3).astype(np.float32)
    queries = (1000.0 + rng.normal(size=(4, 64)) * 1e-3).astype(np.float32)
    with opened(space) as store:
        write(store, "add", range(2500), vectors)
        for n in (1, 10, 100):
            check_query(store, space, queries, n, range(2500), vectors)
            check_query(store, space, -queries, n, range(2500), vectors)


@pytest.mark.parametrize("space", SPACES)
def test_many_queries_in_one_call(space: str) -> None:
    rng = np.random.default_rng(9)
    vectors, queries = rng.normal(size=(2000, 16)), rng.normal(size=(300, 16))
    queries[::7] = vectors[: len(queries[::7])]
    with opened(space) as store:
        write(store, "add", range(2000), vectors)
        check_query(store, space, queries, 5, range(2000), vectors)


@pytest.mark.parametrize("space", SPACES)
def test_exact_after_churn(space: str) -> None:
    """Deleting, adding again and updating, with queries in between, through several compactions."""
    rng = np.random.default_rng(10)
    model: dict[int, Vectors] = {}

    def put(store: CollectionStore, mode: str, ids: list[int]) -> None:
        vectors = rng.normal(size=(len(ids), 8)).astype(np.float32)
        write(store, mode, ids, vectors, metadatas=[{"even": id % 2 == 0} for id in ids])
        for id, vector in zip(ids, vectors, strict=True):
            if mode == "add":
                model.setdefault(id, vector)
            elif mode == "upsert" or id in model:
                model[id] = vector

    def check(store: CollectionStore) -> None:
        queries = rng.normal(size=(2, 8))
        even = [id for id in model if id % 2 == 0]
        everything = np.array(list(model.values())).reshape(-1, 8)
        check_query(store, space, queries, 10, list(model), everything)
        filtered = Selection(filter=parse_filter({"even": True}))
        check_query(store, space, queries, 10, even, np.array([model[id] for id in even]).reshape(-1, 8), filtered)

    with opened(space) as store:
        put(store, "add", list(range(3000)))
        check(store)
        for round in range(12):
            ids = rng.permutation(4000).tolist()
            gone = ids[: 1800 if round % 3 == 0 else 200]
            assert store.delete(Selection([str(id) for id in gone])) == sum(id in model for id in gone)
            for id in gone:
                model.pop(id, None)
            if round % 2:
                check(store)
            put(store, "add", ids[:300])
            put(store, "update", ids[2000:2300])
            put(store, "upsert", ids[3000:3300])
            check(store)
            assert store.check() == []
        assert store.get(EVERYTHING, None, 0, ()).ids == [str(id) for id in model]
        store.delete(EVERYTHING)
        model.clear()
        check(store)
        put(store, "add", [5, 4, 3])
        check(store)

"""Searches of sealed collections find nearly all that a comparison with every vector finds, and tell true distances."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

import chromadb
from chromadb._model.configuration import Configuration, HnswConfiguration
from chromadb._model.entities import CollectionInfo
from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._model.where import parse_filter
from chromadb._storage.local.derived import builder, sealing
from chromadb._storage.local.directory import LocalBackend

Vectors = NDArray[np.float32]

SPACES = ("l2", "ip", "cosine")
EVERYTHING = Selection()
COUNT = 4000
SHARES = (0.001, 0.01, 0.1, 0.5, 0.9)


# --- data -----------------------------------------------------------------------------------------


def uniform(rng: np.random.Generator, count: int, dimension: int) -> Vectors:
    return rng.uniform(-1, 1, size=(count, dimension)).astype(np.float32)


def clustered(rng: np.random.Generator, count: int, dimension: int, clusters: int = 25) -> Vectors:
    centres = np.random.default_rng(dimension).normal(size=(clusters, dimension))
    chosen = centres[rng.integers(0, clusters, count)]
    return (chosen + 0.3 * rng.normal(size=(count, dimension))).astype(np.float32)


DATA = {"uniform": uniform, "clustered": clustered}


def true_distances(space: str, query: Vectors, vectors: Vectors) -> NDArray[np.float64]:
    """Return distances by the definitions of the documentation, in float64."""
    a, b = query.astype(np.float64), vectors.astype(np.float64)
    if space == "l2":
        return ((b - a) ** 2).sum(axis=1)
    products = (b * a).sum(axis=1)
    if space == "ip":
        return 1.0 - products
    norms = np.sqrt((b**2).sum(axis=1)) * np.sqrt((a**2).sum())
    return 1.0 - np.divide(products, norms, out=np.zeros(len(b)), where=norms > 0)


def rounding(space: str, query: Vectors, vectors: Vectors, distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much distances in float64 may be off."""
    if space == "cosine":
        return np.full(len(vectors), 1e-13 * np.sqrt(len(query)))
    if space == "l2":
        return 1e-13 * np.sqrt(len(query)) * distances
    return 1e-13 * (1 + np.abs(vectors.astype(np.float64)) @ np.abs(query.astype(np.float64)))


def recall(space: str, queries: Vectors, n: int, vectors: Vectors, allowed: Any, found: Sequence[Any]) -> float:
    """Return the share of the true nearest that was found; assert what holds at any recall.

    Args:
        space: l2, ip or cosine.
        queries: shape (q, d).
        n: how many were asked for.
        vectors: by id.
        allowed: ids that may be found, ascending.
        found: for each query ids, as numbers, and distances.
    """
    allowed = np.asarray(allowed)
    shares = []
    for query, (ids, distances) in zip(queries, found, strict=True):
        assert len(ids) == len(set(ids)) == min(n, len(allowed))
        if not len(ids):
            continue
        assert np.isin(ids, allowed).all()
        every = true_distances(space, query, vectors[allowed])
        true = true_distances(space, query, vectors[np.asarray(ids)])
        noise = rounding(space, query, vectors[np.asarray(ids)], true)
        assert np.all(np.diff(true) >= -noise[1:] - noise[:-1])
        np.testing.assert_array_less(np.abs(distances - true), 1e-6 * np.abs(true) + noise + 1e-12)
        last = np.partition(every, len(ids) - 1)[len(ids) - 1]
        shares.append(np.mean(true <= last + 2 * noise))
    return float(np.mean(shares)) if shares else 1.0


# --- sealed collections ---------------------------------------------------------------------------


@pytest.fixture(autouse=True, scope="module")
def small_segments() -> Iterator[None]:
    """Seal from 200 records on; nothing is built but by request."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "SEAL_FROM", 200)
        patch.setattr(builder, "QUIET", 3600.0)
        patch.setattr(builder, "PATIENCE", 3600.0)
        yield


@pytest.fixture
def in_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the builder begin at once."""
    monkeypatch.setattr(builder, "QUIET", 0.0)


class Place:
    """A collection that is built when one says so."""

    made: ClassVar[list[Place]] = []

    def __init__(self, space: str, path: Path | None = None) -> None:
        self.space = space
        self.path = path
        self.backend = LocalBackend(path)
        configuration = Configuration(HnswConfiguration(space=space))
        info = CollectionInfo(uuid4(), "recall", "default_tenant", "default_database", configuration)
        self.address = self.backend.create_collection(info, get_or_create=False).address
        self.made.append(self)

    def reopen(self) -> None:
        self.backend.close()
        self.backend = LocalBackend(self.path)

    def write(self, mode: Any, ids: Sequence[int], vectors: Vectors, metadatas: Any = None) -> None:
        names = [str(id) for id in ids]
        with self.backend.open(self.address) as store:
            store.write(mode, Records(ids=names, vectors=vectors, vector_rows=range(len(ids)), metadatas=metadatas))

    def delete(self, ids: Sequence[int]) -> int:
        with self.backend.open(self.address) as store:
            return store.delete(Selection([str(id) for id in ids]))

    def seal(self) -> None:
        with self.backend.open(self.address) as store:
            while store.build(threading.Event()):  # type: ignore[attr-defined]
                pass

    def segments(self) -> int:
        """Return how many segments searches use at present."""
        with self.backend.open(self.address) as store:
            store.query(np.zeros((1, store.dimension() or 1), dtype=np.float32), 1, EVERYTHING, ())
            return len(store._snapshot.vectors.sealed)  # type: ignore[attr-defined]

    def query(self, queries: Vectors, n: int, selection: Selection = EVERYTHING, **options: Any) -> list[Any]:
        with self.backend.open(self.address) as store:
            answers = store.query(queries, n, selection, ("distances",), **options)
        return [([int(id) for id in answer.ids], answer.distances) for answer in answers]


@pytest.fixture(autouse=True)
def closed_afterwards(sealed_first: None) -> Iterator[None]:
    """Close what a test has opened."""
    before = len(Place.made)
    yield
    while len(Place.made) > before:
        Place.made.pop().backend.close()


@pytest.fixture
def sealed_first(request: pytest.FixtureRequest) -> None:
    """Make what a module shares before what a test opens is counted."""
    if "sealed" in request.fixturenames:
        request.getfixturevalue("sealed")


@dataclass(frozen=True)
class Sealed:
    place: Place
    vectors: Vectors
    queries: Vectors
    random: NDArray[Any]
    """A rank for each record, by chance."""


@pytest.fixture(
    scope="module",
    params=[(space, *data) for data in (("uniform", 8), ("clustered", 64)) for space in SPACES]
    + [("l2", "clustered", 8), ("l2", "uniform", 384), ("ip", "clustered", 384), ("cosine", "clustered", 384)],
    ids=lambda parameters: "-".join(map(str, parameters)),
)
def sealed(request: pytest.FixtureRequest) -> Iterator[Sealed]:
    space, data, dimension = request.param
    rng = np.random.default_rng([len(space), dimension])
    vectors, queries = DATA[data](rng, COUNT, dimension), DATA[data](rng, 25, dimension)
    random = rng.permutation(COUNT)
    place = Place(space)
    place.write("add", range(COUNT), vectors, [{"random": int(rank)} for rank in random])
    place.seal()
    assert place.segments() == 1
    yield Sealed(place, vectors, queries, random)
    place.backend.close()


def below(rank: int) -> Selection:
    return Selection(filter=parse_filter({"random": {"$lt": rank}}))


def of(ids: Any) -> Selection:
    return Selection([str(id) for id in ids])


def test_recall_without_a_filter(sealed: Sealed) -> None:
    place, vectors, queries = sealed.place, sealed.vectors, sealed.queries
    for n in (1, 10, 100):
        assert recall(place.space, queries, n, vectors, np.arange(COUNT), place.query(queries, n)) >= 0.98


@pytest.mark.parametrize("share", SHARES)
def test_recall_with_a_filter(sealed: Sealed, share: float) -> None:
    place, vectors, queries = sealed.place, sealed.vectors, sealed.queries
    rank = int(share * COUNT)
    allowed = np.flatnonzero(sealed.random < rank)
    found = place.query(queries, 10, below(rank))
    assert recall(place.space, queries, 10, vectors, allowed, found) >= 0.99


@pytest.mark.parametrize("share", SHARES)
def test_recall_with_a_filter_that_allows_only_what_is_far_away(sealed: Sealed, share: float) -> None:
    recalls = []
    for query in sealed.queries[:12, np.newaxis]:
        order = np.argsort(true_distances(sealed.place.space, query[0], sealed.vectors))
        allowed = np.sort(order[-int(share * COUNT) :])
        found = sealed.place.query(query, 10, of(allowed))
        recalls.append(recall(sealed.place.space, query, 10, sealed.vectors, allowed, found))
    assert np.mean(recalls) >= 0.99


@pytest.mark.parametrize("share", SHARES)
def test_recall_with_a_filter_that_allows_only_what_is_near(sealed: Sealed, share: float) -> None:
    anchor = sealed.queries[0]
    order = np.argsort(true_distances(sealed.place.space, anchor, sealed.vectors))
    allowed = np.sort(order[: int(share * COUNT)])
    found = sealed.place.query(sealed.queries, 10, of(allowed))
    assert recall(sealed.place.space, sealed.queries, 10, sealed.vectors, allowed, found) >= 0.99


def test_recall_with_given_ids(sealed: Sealed) -> None:
    place, vectors, queries = sealed.place, sealed.vectors, sealed.queries
    for step in (2, 20, 500):
        ids = np.arange(0, COUNT, step)
        assert recall(place.space, queries, 10, vectors, ids, place.query(queries, 10, of(ids))) >= 0.99


def test_an_exact_query_is_a_comparison_with_every_vector(sealed: Sealed) -> None:
    place, vectors, queries = sealed.place, sealed.vectors, sealed.queries[:5]
    for rank in (COUNT, COUNT // 2, COUNT // 10):
        allowed = np.flatnonzero(sealed.random < rank)
        found = place.query(queries, 20, below(rank), exact=True)
        assert recall(place.space, queries, 20, vectors, allowed, found) == 1.0
        for query, (ids, _) in zip(queries, found, strict=True):
            order = np.argsort(true_distances(place.space, query, vectors[allowed]), kind="stable")
            assert ids == allowed[order[:20]].tolist()


@pytest.mark.parametrize("n", [COUNT // 3, COUNT - 1, COUNT, COUNT + 1, 100 * COUNT])
def test_as_many_results_as_there_are_matches(sealed: Sealed, n: int) -> None:
    place, vectors, queries = sealed.place, sealed.vectors, sealed.queries[:2]
    assert recall(place.space, queries, n, vectors, np.arange(COUNT), place.query(queries, n)) >= 0.98
    for rank in (0, 1, 100, COUNT // 2):
        allowed = np.flatnonzero(sealed.random < rank)
        found = place.query(queries, n, below(rank))
        assert recall(place.space, queries, n, vectors, allowed, found) >= 0.99


def test_effort_of_one_query(sealed: Sealed) -> None:
    place, vectors, queries = sealed.place, sealed.vectors, sealed.queries
    recalls = {
        ef: recall(place.space, queries, 10, vectors, np.arange(COUNT), place.query(queries, 10, ef_search=ef))
        for ef in (1, 20, 1000, 1_000_000)
    }
    assert min(recalls[1000], recalls[1_000_000]) >= max(0.999, recalls[20] - 1e-9, recalls[1] - 1e-9)


def test_a_stored_vector_finds_itself_first(sealed: Sealed) -> None:
    place, vectors = sealed.place, sealed.vectors
    if place.space == "ip":
        pytest.skip("by inner product a longer vector is nearer")
    some = np.arange(0, COUNT, 97)
    found = place.query(vectors[some], 3)
    assert [ids[0] for ids, _ in found] == some.tolist()
    np.testing.assert_allclose([distances[0] for _, distances in found], 0.0, atol=1e-12)


# --- unusual data ---------------------------------------------------------------------------------


def check(place: Place, vectors: Vectors, queries: Vectors, n: int = 10, floor: float = 0.98) -> None:
    """Assert that the vectors, whose ids are their rows, are found."""
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    assert recall(place.space, queries, n, vectors, np.arange(len(vectors)), place.query(queries, n)) >= floor


def filled(space: str, vectors: Any) -> tuple[Place, Vectors]:
    place, rows = Place(space), np.ascontiguousarray(vectors, dtype=np.float32)
    place.write("add", range(len(rows)), rows)
    place.seal()
    return place, rows


def test_inner_products_of_vectors_of_differing_lengths() -> None:
    rng = np.random.default_rng(1)
    for spread in (0.1, 0.5, 2.0):
        lengths = np.exp(spread * rng.normal(size=(COUNT, 1)))
        place, vectors = filled("ip", clustered(rng, COUNT, 32) * lengths)
        check(place, vectors, clustered(rng, 25, 32))


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("length", [30.0, 1e3, 1e6, 1e20])
def test_one_long_vector_does_not_hide_the_others(space: str, length: float) -> None:
    rng = np.random.default_rng(2)
    vectors = uniform(rng, 2000, 32)
    vectors[1234] *= length
    place, vectors = filled(space, vectors)
    check(place, vectors, uniform(rng, 25, 32))


@pytest.mark.parametrize("space", SPACES)
def test_vectors_of_very_different_lengths_beside_each_other(space: str) -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(2000, 32)) * rng.choice([0.01, 1.0, 100.0], size=(2000, 1))
    place, vectors = filled(space, vectors)
    for scale in (0.01, 1.0, 100.0):
        check(place, vectors, rng.normal(size=(25, 32)) * scale)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_few_dimensions(space: str, dimension: int) -> None:
    rng = np.random.default_rng(dimension)
    place, vectors = filled(space, rng.normal(size=(2000, dimension)))
    check(place, vectors, rng.normal(size=(25, dimension)))


@pytest.mark.parametrize("space", SPACES)
def test_vectors_far_from_the_origin(space: str) -> None:
    rng = np.random.default_rng(4)
    place, vectors = filled(space, 1 + 0.01 * rng.normal(size=(2000, 64)))
    check(place, vectors, 1 + 0.01 * rng.normal(size=(25, 64)))


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-19, 1e10, 1e18, 1e20, 1e30])
def test_queries_of_any_length_find_as_much_as_there_is(space: str, scale: float) -> None:
    rng = np.random.default_rng(5)
    place, _ = filled(space, rng.normal(size=(600, 16)))
    queries = (rng.normal(size=(3, 16)) * scale).astype(np.float32)
    for n in (1, 10, 400, 600, 1000):
        for found in (place.query(queries, n), place.query(queries, n, exact=True)):
            assert [len(set(ids)) for ids, _ in found] == [min(n, 600)] * 3
    few = of(range(0, 600, 5))
    assert [len(ids) for ids, _ in place.query(queries, 10, few)] == [10] * 3


@pytest.mark.parametrize("space", SPACES)
def test_zero_and_huge_vectors_are_found_beside_sealed_ones(space: str) -> None:
    rng = np.random.default_rng(6)
    vectors = rng.normal(size=(1000, 16)).astype(np.float32)
    vectors[::10] = 0
    vectors[5::100] *= np.float32(1e18)
    place, vectors = filled(space, vectors)
    check(place, vectors, rng.normal(size=(20, 16)))
    assert recall(space, vectors[:1], 100, vectors, np.arange(1000), place.query(vectors[:1], 100)) == 1.0


@pytest.mark.parametrize("space", SPACES)
def test_many_copies_of_few_vectors(space: str) -> None:
    rng = np.random.default_rng(7)
    distinct = rng.normal(size=(20, 16)).astype(np.float32)
    which = rng.permutation(np.repeat(np.arange(20), 200))
    place, vectors = filled(space, distinct[which])
    for n in (1, 10, 150, 200, 201, 450, 1000, 4000):
        check(place, vectors, distinct[:6], n, floor=1.0)
        check(place, vectors, distinct[:6] + 0.01 * rng.normal(size=(6, 16)), n)
    # Copies of the query come before everything else.
    if space != "ip":
        for row, (ids, distances) in enumerate(place.query(distinct, 200)):
            assert set(which[ids]) == {row}
            np.testing.assert_allclose(distances, 0.0, atol=1e-12)
    allowed = np.flatnonzero(which < 3)
    found = place.query(distinct[3:], 700, of(allowed))
    assert recall(space, distinct[3:], 700, vectors, allowed, found) == 1.0


@pytest.mark.parametrize("space", SPACES)
def test_copies_in_the_midst_of_other_vectors(space: str) -> None:
    rng = np.random.default_rng(8)
    vectors = uniform(rng, 2000, 16)
    vectors[rng.permutation(2000)[:700]] = vectors[0]
    place, vectors = filled(space, vectors)
    for n in (10, 100, 800):
        check(place, vectors, np.concatenate([vectors[:1], uniform(rng, 20, 16)]), n)


@pytest.mark.parametrize("space", SPACES)
def test_all_vectors_identical(space: str) -> None:
    place, vectors = filled(space, np.ones((1000, 8)))
    for n in (1, 10, 500, 1000, 2000):
        check(place, vectors, np.random.default_rng(9).normal(size=(3, 8)), n, floor=1.0)


# --- through the life of a collection -------------------------------------------------------------


@pytest.mark.parametrize("space", SPACES)
def test_several_segments_and_a_tail(space: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(10)
    vectors, queries = clustered(rng, 4100, 24), clustered(rng, 25, 24)
    place = Place(space, tmp_path)
    for start, end in ((0, 3000), (3000, 3800), (3800, 4000)):
        place.write("add", range(start, end), vectors[start:end])
        place.seal()
    place.write("add", range(4000, 4100), vectors[4000:])
    assert place.segments() == 3
    odd = np.arange(1, 4100, 2)
    for _ in range(2):
        check(place, vectors, queries)
        check(place, vectors, queries, 5000, floor=1.0)
        found = place.query(queries, 10, of(odd))
        assert recall(space, queries, 10, vectors, odd, found) >= 0.99
        place.reopen()
        assert place.segments() == 3
    place.backend.close()


@pytest.mark.parametrize("space", SPACES)
def test_after_churn(space: str, tmp_path: Path, in_background: None) -> None:
    """Update and delete all records again and again through a client, while segments come and go."""
    rng = np.random.default_rng(11)
    count, dimension = 1200, 16
    client = chromadb.PersistentClient(tmp_path)
    configuration = {"hnsw": {"space": space}}
    collection = client.create_collection("churn", configuration=configuration, embedding_function=None)
    vectors = np.zeros((count, dimension), dtype=np.float32)
    there = np.zeros(count, dtype=bool)

    def write(method: str, ids: Any) -> None:
        vectors[ids] = clustered(rng, len(ids), dimension)
        there[ids] = True
        getattr(collection, method)(ids=[str(id) for id in ids], embeddings=vectors[ids])

    def delete(ids: Any) -> None:
        there[ids] = False
        collection.delete(ids=[str(id) for id in ids])

    def check_now() -> None:
        queries = clustered(rng, 20, dimension)
        alive = np.flatnonzero(there)
        for n in (10, 2 * count):
            answer = collection.query(query_embeddings=queries, n_results=n, include=["distances"])
            rows = zip(answer["ids"], answer["distances"] or (), strict=True)
            found = [([int(id) for id in ids], distances) for ids, distances in rows]
            assert recall(space, queries, n, vectors, alive, found) >= 0.98
        some = alive[::7]
        answer = collection.query(query_embeddings=queries, n_results=10, ids=[str(id) for id in some])
        rows = zip(answer["ids"], answer["distances"] or (), strict=True)
        found = [([int(id) for id in ids], distances) for ids, distances in rows]
        assert recall(space, queries, 10, vectors, some, found) >= 0.99

    everyone = np.arange(count)
    write("add", everyone)
    check_now()
    for _ in range(3):
        for part in np.array_split(rng.permutation(count), 3):
            write("update", part)
            check_now()
        settle(collection)
        check_now()
        gone = rng.permutation(count)[: count // 2]
        delete(gone)
        check_now()
        write("add", gone)
        check_now()
        delete(everyone)
        assert collection.query(query_embeddings=vectors[:1])["ids"] == [[]]
        write("add", rng.permutation(count))
        check_now()
    settle(collection)
    check_now()
    client.close()
    client = chromadb.PersistentClient(tmp_path)
    collection = client.get_collection("churn", embedding_function=None)
    check_now()
    client.close()


def settle(collection: Any, seconds: float = 20.0) -> None:
    """Wait until everything is sealed that can be."""
    deadline = time.monotonic() + seconds
    while collection.get_indexing_status().num_unindexed_ops:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_queries_while_a_graph_is_built(tmp_path: Path, in_background: None) -> None:
    rng = np.random.default_rng(12)
    vectors, queries = clustered(rng, 5000, 64), clustered(rng, 5, 64)
    client = chromadb.PersistentClient(tmp_path)
    collection = client.create_collection("building", embedding_function=None)
    there, seen = 0, set()
    while there < 5000 or collection.get_indexing_status().num_unindexed_ops:
        if there < 5000:
            rows = range(there, there + 500)
            collection.add(ids=[str(row) for row in rows], embeddings=vectors[there : there + 500])
            there += 500
        seen.add(collection.get_indexing_status().num_unindexed_ops > 0)
        answer = collection.query(query_embeddings=queries, n_results=10, include=["distances"])
        rows_found = zip(answer["ids"], answer["distances"] or (), strict=True)
        found = [([int(id) for id in ids], distances) for ids, distances in rows_found]
        assert recall("l2", queries, 10, vectors, np.arange(there), found) >= 0.98
    assert True in seen
    client.close()

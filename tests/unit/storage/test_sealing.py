"""Sealing: which segments there are after what was written, through the life of a collection."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

import chromadb
from chromadb._index.segment import Recipe
from chromadb._model.configuration import HnswConfiguration
from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._storage.local.derived import builder as builder_module
from chromadb._storage.local.derived import sealing
from chromadb._storage.local.derived.segments import LOOK_SECONDS, SegmentFolder
from chromadb._storage.local.directory import LocalBackend

Vectors = NDArray[np.float32]

EVERYTHING = Selection()
DIMENSION = 6
SECONDS = 20.0

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forks beside threads


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seal from 100 records on; nothing is built but by request."""
    monkeypatch.setattr(sealing, "SEAL_FROM", 100)
    monkeypatch.setattr(builder_module, "QUIET", 3600.0)
    monkeypatch.setattr(builder_module, "PATIENCE", 3600.0)


@pytest.fixture
def in_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the builder begin at once."""
    monkeypatch.setattr(builder_module, "QUIET", 0.0)


class Collection:
    """A collection beside a dictionary of what it holds."""

    def __init__(self, backend: LocalBackend, address: Any, seed: int = 0) -> None:
        self.backend = backend
        self.address = address
        self.rng = np.random.default_rng(seed)
        self.model: dict[int, Vectors] = {}

    def write(self, mode: Any, ids: Sequence[int], vectors: Vectors | None = None) -> None:
        if vectors is None:
            vectors = self.rng.normal(size=(len(ids), DIMENSION)).astype(np.float32)
        for id, vector in zip(ids, vectors, strict=True):
            if not (mode == "add" and id in self.model) and not (mode == "update" and id not in self.model):
                self.model[id] = vector
        with self.backend.open(self.address) as store:
            store.write(mode, Records(ids=[str(id) for id in ids], vectors=vectors, vector_rows=range(len(ids))))

    def delete(self, ids: Sequence[int]) -> None:
        for id in ids:
            self.model.pop(id, None)
        with self.backend.open(self.address) as store:
            store.delete(Selection([str(id) for id in ids]))

    def build(self) -> None:
        with self.backend.open(self.address) as store:
            while store.build(threading.Event()):  # type: ignore[attr-defined]
                pass

    def segments(self) -> list[Any]:
        """Return the segments that searches use, each with the number of its entries that count, largest first."""
        with self.backend.open(self.address) as store:
            store.query(np.ones((1, DIMENSION), dtype=np.float32), 1, EVERYTHING, ())
            snapshot = store._snapshot  # type: ignore[attr-defined]
        if snapshot.vectors is None:
            return []
        count = np.append(snapshot.alive.values & (snapshot.vectors.loose_of.values < 0), False)
        used = [(int(count[each.places].sum()), each.segment.name, each.segment) for each in snapshot.vectors.sealed]
        return sorted((each for each in used if each[0]), key=lambda each: each[:2], reverse=True)

    def sizes(self) -> list[int]:
        return [size for size, _, _ in self.segments()]

    def check(self, space: str = "l2") -> None:
        """Assert that queries find what there is, as far away as it is, and all of it if asked to."""
        ids = list(self.model)
        queries = self.rng.normal(size=(3, DIMENSION)).astype(np.float32)
        with self.backend.open(self.address) as store:
            near = store.query(queries, 10, EVERYTHING, ("distances",))
            every = store.query(queries[:1], 10 * len(ids) + 10, EVERYTHING, ())[0]
            assert store.check() == []
            assert store.count() == len(ids)
        assert sorted(every.ids) == sorted(str(id) for id in ids)
        for query, found in zip(queries, near, strict=True):
            true = {str(id): distance(space, query, vector) for id, vector in self.model.items()}
            assert len(set(found.ids)) == min(10, len(ids))
            np.testing.assert_allclose(found.distances, [true[id] for id in found.ids], rtol=1e-5, atol=1e-6)
            best = sorted(true.values())[: len(found.ids)]
            # At most one of the ten may be missed.
            assert np.sum(found.distances <= np.array(best[-1:] or [0.0]) * (1 + 1e-5) + 1e-5) >= len(found.ids) - 1

    def status(self) -> Any:
        with self.backend.open(self.address) as store:
            return store.indexing_status()

    def settle(self) -> None:
        """Wait until what can be sealed is sealed."""
        wait_for(lambda: not self.status().num_unindexed_ops)


def distance(space: str, query: Vectors, vector: Vectors) -> float:
    a, b = query.astype(np.float64), vector.astype(np.float64)
    if space == "l2":
        return float(((a - b) ** 2).sum())
    return float(1 - a @ b) if space == "ip" else float(1 - a @ b / np.sqrt((a @ a) * (b @ b)))


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(params=["memory", "directory"])
def collection(request: pytest.FixtureRequest, open_backend: Any, create: Any) -> Collection:
    backend = open_backend(None) if request.param == "memory" else open_backend()
    return Collection(backend, create(backend))


@pytest.fixture
def on_disk(open_backend: Any, create: Any) -> Collection:
    backend = open_backend()
    return Collection(backend, create(backend))


def index_of(directory: Path, collection: Collection) -> Path:
    return directory / "collections" / str(collection.address.collection) / "index"


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []


# --- the policy -----------------------------------------------------------------------------------


def test_few_records_are_not_sealed(collection: Collection) -> None:
    collection.write("add", range(99))
    collection.build()
    assert collection.sizes() == []
    collection.write("add", [99])
    collection.build()
    assert collection.sizes() == [100]
    collection.check()


def test_the_number_of_segments_stays_logarithmic(collection: Collection) -> None:
    built, count = 0, 0
    for _ in range(40):
        collection.write("add", range(count, count + 100))
        count += 100
        before = {name for _, name, _ in collection.segments()}
        collection.build()
        segments = collection.segments()
        built += sum(size for size, name, _ in segments if name not in before)
        sizes = [size for size, _, _ in segments]
        assert sum(sizes) == count
        assert len(sizes) <= np.log2(count / 100) + 1
        assert all(2 * small < large for large, small in pairwise(sizes))
    # Every record was built into a graph about log2(40) times.
    assert built <= count * (np.log2(40) + 1)
    collection.check()


def test_nothing_is_built_twice(collection: Collection) -> None:
    collection.write("add", range(300))
    collection.build()
    before = collection.segments()
    collection.build()
    assert collection.segments() == before


def test_a_worn_segment_is_rebuilt(collection: Collection) -> None:
    collection.write("add", range(300))
    collection.build()
    collection.delete(range(80))
    collection.build()
    assert collection.sizes() == [220]
    assert len(collection.segments()[0][2].labels) == 300
    collection.delete(range(80, 95))
    collection.build()
    assert collection.sizes() == [205]
    assert len(collection.segments()[0][2].labels) == 205
    collection.check()


def test_a_segment_that_is_replaced_is_let_go(collection: Collection) -> None:
    collection.write("add", range(300))
    collection.build()
    graph = weakref.ref(collection.segments()[0][2].graph)
    collection.delete(range(95))
    collection.build()
    assert collection.sizes() == [205]
    gc.collect()
    assert graph() is None


def test_updated_records_are_sealed_again(collection: Collection) -> None:
    collection.write("add", range(300))
    collection.build()
    collection.write("update", range(99))
    collection.check()
    collection.build()
    assert sum(collection.sizes()) in (201, 300)
    collection.write("update", range(100, 200))
    collection.check()
    collection.build()
    assert sum(collection.sizes()) == 300
    assert len(collection.segments()) <= 2
    collection.check()


def test_deletes_alone_bring_the_builder_to_a_worn_segment(collection: Collection, in_background: None) -> None:
    collection.write("add", range(300))
    collection.settle()
    wait_for(lambda: collection.sizes() == [300])
    collection.delete(range(150))
    wait_for(lambda: [len(segment.labels) for _, _, segment in collection.segments()] == [150])
    collection.check()


def test_segments_of_a_collection_that_becomes_small_go(directory: Path, on_disk: Collection) -> None:
    on_disk.write("add", range(300))
    on_disk.build()
    on_disk.delete(range(10, 300))
    on_disk.build()
    assert on_disk.sizes() == []
    assert names_in(index_of(directory, on_disk)) == []
    on_disk.check()
    on_disk.delete(range(10))
    on_disk.build()
    on_disk.check()
    on_disk.write("add", range(200))
    on_disk.build()
    assert on_disk.sizes() == [200]
    on_disk.check()


def test_all_deleted_at_once(directory: Path, on_disk: Collection) -> None:
    on_disk.write("add", range(300))
    on_disk.build()
    on_disk.delete(range(300))
    on_disk.check()
    on_disk.build()
    assert names_in(index_of(directory, on_disk)) == []
    on_disk.check()


def test_segments_that_are_replaced_leave_the_disk(directory: Path, on_disk: Collection) -> None:
    for start in range(0, 800, 100):
        on_disk.write("add", range(start, start + 100))
        on_disk.build()
        assert names_in(index_of(directory, on_disk)) == sorted(name for _, name, _ in on_disk.segments())


def test_vectors_that_no_graph_can_hold_are_searched_all_the_same(open_backend: Any, create: Any) -> None:
    backend = open_backend(None)
    collection = Collection(backend, create(backend, space="cosine"))
    vectors = np.random.default_rng(1).normal(size=(400, DIMENSION)).astype(np.float32)
    vectors[::2] = 0
    vectors[1::20] *= np.float32(1e18)
    collection.write("add", range(400), vectors)
    assert collection.status().num_unindexed_ops == 400
    for _ in range(3):
        collection.build()
        assert sum(collection.sizes()) == 180
        # What cannot be sealed is searched as fast as it ever will be.
        assert collection.status().op_indexing_progress == 1.0
    built = collection.segments()
    collection.build()
    assert collection.segments() == built
    with backend.open(collection.address) as store:
        assert len(store.query(np.ones((1, DIMENSION), dtype=np.float32), 1000, EVERYTHING, ())[0].ids) == 400


def test_a_collection_of_nothing_but_zero_vectors(open_backend: Any, create: Any) -> None:
    backend = open_backend(None)
    collection = Collection(backend, create(backend, space="cosine"))
    collection.write("add", range(200), np.zeros((200, DIMENSION), dtype=np.float32))
    collection.build()
    assert collection.sizes() == []
    assert collection.status().op_indexing_progress == 1.0
    with backend.open(collection.address) as store:
        found = store.query(np.ones((1, DIMENSION), dtype=np.float32), 10, EVERYTHING, ("distances",))[0]
    assert found.ids == [str(id) for id in range(10)]
    assert found.distances is not None
    assert found.distances.tolist() == [1.0] * 10


def test_writes_during_a_build_are_not_lost(on_disk: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Updates, deletes and additions between the plan and the end of a build, at every read of it."""
    from chromadb._storage.local.tables import records

    on_disk.write("add", range(300))
    on_disk.check()
    read, calls = records.read_present_vectors, []

    def reading(sql: Any, labels: Any, dimension: int) -> Any:
        calls.append(len(calls))
        if calls[-1] < 4:
            base = 10 * calls[-1]
            on_disk.write("update", range(base, base + 5))
            on_disk.delete(range(base + 5, base + 8))
            on_disk.write("add", [1000 + base])
            if calls[-1] % 2:
                on_disk.check()
        return read(sql, labels, dimension)

    monkeypatch.setattr(records, "read_present_vectors", reading)
    on_disk.build()
    assert len(calls) >= 2
    assert len(on_disk.segments()) == 1
    on_disk.check()
    monkeypatch.undo()
    on_disk.write("update", range(100))
    on_disk.check()


def test_a_search_that_finds_a_segment_before_its_builder_installs_it(
    on_disk: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk.write("add", range(300))
    on_disk.check()
    add = SegmentFolder.add

    def add_and_look(self: SegmentFolder, *arguments: Any) -> Any:
        segment = add(self, *arguments)
        on_disk.write("upsert", range(100, 110))
        on_disk.check()
        on_disk.write("upsert", range(5))
        return segment

    monkeypatch.setattr(SegmentFolder, "add", add_and_look)
    on_disk.build()
    assert on_disk.sizes() == [285]
    on_disk.check()


def test_a_segment_is_used_whatever_happened_to_its_records_since(
    on_disk: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chromadb._storage.local.tables import changes

    monkeypatch.setattr(changes, "KEPT", 10)
    monkeypatch.setattr(changes, "MERGED", 10)
    on_disk.write("add", range(300))
    on_disk.build()
    (named,) = [segment.name for _, _, segment in on_disk.segments()]
    for round in range(12):
        with on_disk.backend.open(on_disk.address) as store:
            # Metadata of all, again and again, and the vectors of the same few.
            ids = [f"{id}" for id in on_disk.model]
            store.write("update", Records(ids=ids, metadatas=[{"round": round}] * len(ids)))
        on_disk.write("update", range(40))
        on_disk.delete(range(100 + 5 * round, 105 + 5 * round))
        on_disk.check()
        with on_disk.backend.open(on_disk.address) as store:
            store._snapshot = store._snapshot.without_vectors()  # type: ignore[attr-defined]
        on_disk.check()
    assert on_disk.sizes() == [200]
    assert [segment.name for _, _, segment in on_disk.segments()] == [named]


def test_changes_that_the_store_does_not_know(on_disk: Collection) -> None:
    on_disk.write("add", range(300))
    on_disk.build()
    on_disk.write("update", range(300))
    with on_disk.backend.open(on_disk.address) as store, store.database.write() as sql:  # type: ignore[attr-defined]
        # As of a file of the former format that had forgotten them.
        sql.execute("DELETE FROM changes")
        sql.execute("UPDATE state SET changes_from = commit_no, deletions_from = commit_no, changes_kept = 0")
        store._snapshot = store._snapshot.without_vectors()  # type: ignore[attr-defined]
    on_disk.check()
    assert on_disk.sizes() == []
    on_disk.build()
    assert on_disk.sizes() == [300]
    on_disk.check()


# --- status ---------------------------------------------------------------------------------------


def test_progress_goes_from_zero_to_one(collection: Collection) -> None:
    assert collection.status().op_indexing_progress == 1.0
    collection.write("add", range(50))
    assert (collection.status().num_indexed_ops, collection.status().total_ops) == (50, 50)
    collection.write("add", range(50, 300))
    status = collection.status()
    assert (status.num_indexed_ops, status.num_unindexed_ops, status.total_ops) == (0, 300, 300)
    assert status.op_indexing_progress == 0.0
    collection.build()
    status = collection.status()
    assert (status.num_indexed_ops, status.num_unindexed_ops, status.op_indexing_progress) == (300, 0, 1.0)
    collection.write("add", range(300, 400))
    assert collection.status().op_indexing_progress == 0.75
    collection.build()
    assert collection.status().op_indexing_progress == 1.0


def test_what_waits_is_built_when_somebody_asks(on_disk: Collection) -> None:
    on_disk.write("add", range(300))
    with on_disk.backend.open(on_disk.address) as store:
        store._unbuilt = 0  # type: ignore[attr-defined]  # as if another process had written it
        builder = store._builder  # type: ignore[attr-defined]
        builder._due.clear()
        assert store.indexing_status().num_unindexed_ops == 300
        assert builder.due == 1
        (due,) = builder._due.values()
        # However often that is, it is not put off.
        store.indexing_status()
        assert list(builder._due.values()) == [due]


def test_what_is_written_while_a_segment_is_built_is_counted(
    on_disk: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk.write("add", range(300))
    add = SegmentFolder.add

    def add_and_write(self: SegmentFolder, *arguments: Any) -> Any:
        on_disk.write("add", range(1000, 1030))
        return add(self, *arguments)

    monkeypatch.setattr(SegmentFolder, "add", add_and_write)
    on_disk.build()
    with on_disk.backend.open(on_disk.address) as store:
        assert store.unbuilt == 30  # type: ignore[attr-defined]


def test_status_from_many_threads_while_segments_come_and_go(on_disk: Collection) -> None:
    errors: list[BaseException] = []
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                status = on_disk.status()
                assert 0 <= status.num_indexed_ops <= status.total_ops
                assert status.num_indexed_ops + status.num_unindexed_ops == status.total_ops
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for start in range(0, 1500, 100):
            on_disk.write("add", range(start, start + 100))
            on_disk.build()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert errors == []
    on_disk.check()


# --- another configuration ------------------------------------------------------------------------


def configure(collection: Collection, **parameters: Any) -> None:
    with collection.backend.open(collection.address) as store:
        store.configure(HnswConfiguration(**parameters))  # type: ignore[attr-defined]


def recipes(client: Any, collection: Any) -> list[Any]:
    with client._system.runner.backend.open(collection._address) as store:
        store.query(np.ones((1, DIMENSION), dtype=np.float32), 1, EVERYTHING, ())
        return [sealed.segment.recipe for sealed in store._snapshot.vectors.sealed]


@pytest.mark.parametrize(
    "change",
    [
        {"space": "cosine"},
        {"space": "ip"},
        {"max_neighbors": 8},
        {"ef_construction": 50},
        {"ef_search": 20},
        {"quantization": "float32"},
    ],
)
@pytest.mark.parametrize("reopen", [False, True])
def test_a_change_of_the_configuration_online(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_background: None, change: dict[str, Any], reopen: bool
) -> None:
    """Results are right at every moment, and the graph is rebuilt, also if the client is closed meanwhile."""
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(1000, DIMENSION)).astype(np.float32)
    client = chromadb.PersistentClient(tmp_path)
    collection = client.create_collection("docs", embedding_function=None)
    collection.add(ids=[str(id) for id in range(1000)], embeddings=vectors)
    wait_for(lambda: not collection.get_indexing_status().num_unindexed_ops)
    space = change.get("space", "l2")

    def check() -> None:
        queries = rng.normal(size=(3, DIMENSION)).astype(np.float32)
        answer = collection.query(query_embeddings=queries, n_results=10, include=["distances"])
        for query, ids, distances in zip(queries, answer["ids"], answer["distances"] or (), strict=True):
            true = np.array([distance(space, query, vector) for vector in vectors])
            np.testing.assert_allclose(distances, true[np.array(ids, dtype=int)], rtol=1e-5, atol=1e-6)
            assert np.sum(np.array(distances) <= np.sort(true)[9] + 1e-6) >= 9

    if reopen:
        monkeypatch.setattr(builder_module, "QUIET", 3600.0)
    collection.modify(configuration={"hnsw": change})
    check()
    if reopen:
        client.close()
        monkeypatch.setattr(builder_module, "QUIET", 0.0)
        client = chromadb.PersistentClient(tmp_path)
        collection = client.get_collection("docs", embedding_function=None)
        check()
    recipe = {"space": "l2", "max_neighbors": 16, "ef_construction": 100, **change}
    recipe.pop("ef_search", None)
    expected = Recipe(**recipe)
    deadline = time.monotonic() + SECONDS
    while collection.get_indexing_status().num_unindexed_ops or recipes(client, collection) != [expected]:
        check()
        assert time.monotonic() < deadline
    check()
    client.close()


def test_a_space_that_changes_at_the_end_of_a_build(on_disk: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    """The graph that is finished orders by the former space, and must not be used."""
    on_disk.write("add", range(400))
    on_disk.check()
    with on_disk.backend.open(on_disk.address) as store:
        segments = store._segments  # type: ignore[attr-defined]
        add = segments.add

        def adding(*arguments: Any) -> Any:
            # After the last look at the recipe, and before the segment is put in place.
            store.configure(HnswConfiguration(space="ip"))  # type: ignore[attr-defined]
            return add(*arguments)

        monkeypatch.setattr(segments, "add", adding)
        store.build(threading.Event())  # type: ignore[attr-defined]
        snapshot = store._snapshot  # type: ignore[attr-defined]
        assert snapshot.vectors is None or not snapshot.vectors.sealed
        found = store.query(np.ones((1, DIMENSION), dtype=np.float32), 10, EVERYTHING, ("distances",))[0]
        true = sorted(distance("ip", np.ones(DIMENSION, dtype=np.float32), vector) for vector in on_disk.model.values())
        np.testing.assert_allclose(found.distances, true[:10], rtol=1e-5, atol=1e-6)
        assert store.indexing_status().num_unindexed_ops == 400


def test_status_while_a_rebuild_was_interrupted(on_disk: Collection) -> None:
    """What was stopped is still to be done."""
    on_disk.write("add", range(400))
    stop = threading.Event()
    stop.set()
    with on_disk.backend.open(on_disk.address) as store:
        store.build(stop)  # type: ignore[attr-defined]
        assert store.indexing_status().num_unindexed_ops == 400


# --- the end of a collection, a client, a process -------------------------------------------------


def slow(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Make builds last until they are stopped, or fail; return what is set once one has begun."""
    from chromadb._index.segment import Segment

    begun = threading.Event()
    build = Segment.build.__func__  # type: ignore[attr-defined]

    def building(cls: Any, name: str, commit_no: int, recipe: Any, labels: Any, read: Any, stop: Any) -> Any:
        def reading(some: Any) -> Any:
            begun.set()
            return read(some)

        deadline = time.monotonic() + SECONDS
        while True:
            assert time.monotonic() < deadline
            segment = build(cls, name, commit_no, recipe, labels, reading, stop)
            if segment is None:
                return None

    monkeypatch.setattr(Segment, "build", classmethod(building))
    return begun


def test_close_in_the_midst_of_a_build(
    directory: Path, on_disk: Collection, open_backend: Any, monkeypatch: pytest.MonkeyPatch, in_background: None
) -> None:
    with monkeypatch.context() as patch:
        begun = slow(patch)
        on_disk.write("add", range(500))
        assert begun.wait(SECONDS)
        on_disk.backend.close()
    assert names_in(index_of(directory, on_disk)) == []
    assert not on_disk.backend._builder._thread.is_alive()  # type: ignore[union-attr]
    on_disk.backend = open_backend()
    on_disk.check()
    wait_for(lambda: on_disk.sizes() == [500])
    on_disk.check()


def test_a_collection_deleted_in_the_midst_of_its_build(
    directory: Path,
    on_disk: Collection,
    create: Any,
    monkeypatch: pytest.MonkeyPatch,
    in_background: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patch:
        begun = slow(patch)
        on_disk.write("add", range(500))
        assert begun.wait(SECONDS)
        on_disk.backend.delete_collection("default_tenant", "default_database", "docs")
    other = Collection(on_disk.backend, create(on_disk.backend, "other"))
    other.write("add", range(300))
    wait_for(lambda: other.sizes() == [300])
    other.check()
    assert names_in(directory / "collections") == [str(other.address.collection)]
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


def test_a_collection_deleted_before_its_segment_is_written(
    directory: Path,
    on_disk: Collection,
    monkeypatch: pytest.MonkeyPatch,
    in_background: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from chromadb._index.segment import Segment

    build, deleted = Segment.build.__func__, threading.Event()  # type: ignore[attr-defined]

    def building(cls: Any, *arguments: Any) -> Any:
        segment = build(cls, *arguments)
        on_disk.backend.delete_collection("default_tenant", "default_database", "docs")
        deleted.set()
        return segment

    monkeypatch.setattr(Segment, "build", classmethod(building))
    on_disk.write("add", range(300))
    assert deleted.wait(SECONDS)
    on_disk.backend.close()
    assert names_in(directory / "collections") == []
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


def test_a_build_that_fails_is_tried_again(
    on_disk: Collection, monkeypatch: pytest.MonkeyPatch, in_background: None, caplog: pytest.LogCaptureFixture
) -> None:
    from chromadb._index.graph import Graph

    failed = threading.Event()

    def failing(self: Any, path: str) -> None:
        failed.set()
        raise OSError(28, "No space left on device", path)

    with monkeypatch.context() as patch:
        patch.setattr(Graph, "save", failing)
        on_disk.write("add", range(300))
        assert failed.wait(SECONDS)
        on_disk.check()
    # The disk has room again; one more write is enough.
    time.sleep(0.05)
    on_disk.write("add", [300])
    wait_for(lambda: sum(on_disk.sizes()) >= 300)
    on_disk.check()


def test_closing_the_least_recently_used_collection(open_backend: Any, create: Any, in_background: None) -> None:
    """Segments survive that, and builds go on for those that are open."""
    backend = open_backend(max_open_collections=2)
    collections = [Collection(backend, create(backend, f"docs-{number}"), number) for number in range(5)]
    for round in range(3):
        for collection in collections:
            collection.write("add", range(round * 150, round * 150 + 150))
            collection.check()
    for collection in collections:
        collection.check()
        wait_for(lambda collection=collection: sum(collection.sizes()) > 350)
    for collection in collections:
        collection.check()
        assert sum(collection.sizes()) > 350
    assert len(backend._open.leases) <= 2


def test_several_collections_are_built_in_turn(open_backend: Any, create: Any, in_background: None) -> None:
    backend = open_backend()
    collections = [Collection(backend, create(backend, f"docs-{number}"), number) for number in range(6)]
    for collection in collections:
        collection.write("add", range(200))
    for collection in collections:
        wait_for(lambda collection=collection: collection.sizes() == [200])
        collection.check()


def test_a_closed_backend_lets_go_of_its_segments(on_disk: Collection) -> None:
    on_disk.write("add", range(300))
    on_disk.build()
    graph = weakref.ref(on_disk.segments()[0][2].graph)
    on_disk.backend.close()
    gc.collect()
    assert graph() is None


OTHER = """
import sys, threading, numpy as np
from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._storage.local.derived import builder, sealing
from chromadb._storage.local.directory import LocalBackend

sealing.SEAL_FROM, builder.QUIET = 100, 3600.0
backend = LocalBackend(sys.argv[1])
(info,) = backend.list_collections("default_tenant", "default_database", None, 0)
ones = np.ones((1, 6), dtype=np.float32)
for line in sys.stdin:
    with backend.open(info.address) as store:
        command, *numbers = line.split()
        if command == "add":
            ids = [str(id) for id in range(*map(int, numbers))]
            vectors = np.array([[float(id)] * 6 for id in ids], dtype=np.float32)
            store.write("upsert", Records(ids=ids, vectors=vectors, vector_rows=range(len(ids))))
        elif command == "build":
            store.build(threading.Event())
        found = store.query(ones * float(numbers[0] if numbers else 0), 1, Selection(), ())[0].ids
        sizes = [int((each.places >= 0).sum()) for each in store._snapshot.vectors.sealed]
        print(*found, store.count(), *sorted(sizes, reverse=True), flush=True)
backend.close()
"""


def test_two_processes_share_their_segments(directory: Path, on_disk: Collection) -> None:
    constant = np.arange(1000, dtype=np.float32)[:, np.newaxis].repeat(DIMENSION, axis=1)
    on_disk.write("add", range(300), constant[:300])
    on_disk.build()
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def ask(line: str) -> str:
        time.sleep(LOOK_SECONDS)
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.write(line + "\n")
        other.stdin.flush()
        return other.stdout.readline().strip()

    try:
        assert ask("look 42") == "42 300 300"
        # The other process builds; this one sees it.
        assert ask("add 300 400") == "300 400 300"
        assert on_disk.sizes() == [300]
        assert ask("build") == "0 400 300 100"
        for id in range(300, 400):
            on_disk.model[id] = constant[id]
        time.sleep(LOOK_SECONDS)
        assert on_disk.sizes() == [300, 100]
        on_disk.check()
        # This one merges; the other sees it, while its former segments are gone.
        on_disk.write("add", range(400, 500), constant[400:500])
        on_disk.write("update", range(10), constant[900:910])
        on_disk.build()
        sizes = " ".join(map(str, on_disk.sizes()))
        assert ask("look 450") == f"450 500 {sizes}"
        assert ask("look 905") == f"5 500 {sizes}"
        on_disk.delete(range(250))
        on_disk.build()
        sizes = " ".join(map(str, on_disk.sizes()))
        assert ask("look 300") == f"300 250 {sizes}".strip()
        on_disk.check()
    finally:
        assert other.stdin is not None
        other.stdin.close()
        assert other.wait(SECONDS) == 0
        if other.stdout is not None:
            other.stdout.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_in_the_midst_of_a_build(
    on_disk: Collection, monkeypatch: pytest.MonkeyPatch, in_background: None
) -> None:
    with monkeypatch.context() as patch:
        begun = slow(patch)
        on_disk.write("add", range(500))
        assert begun.wait(SECONDS)
        pid = os.fork()
        if pid == 0:
            signal.alarm(20)
            code = 1
            try:
                patch.undo()
                sealing.SEAL_FROM, builder_module.QUIET = 100, 0.0
                on_disk.check()
                on_disk.write("add", range(500, 600))
                # To build is the parent's turn, who is at it.
                assert on_disk.sizes() == []
                on_disk.check()
                on_disk.backend.close()
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        on_disk.model.update(dict.fromkeys(range(500, 600), np.zeros(0, dtype=np.float32)))
    with on_disk.backend.open(on_disk.address) as store:
        assert store.count() == 600
        assert len(store.query(np.ones((1, DIMENSION), dtype=np.float32), 1000, EVERYTHING, ())[0].ids) == 600
        assert store.check() == []


EXIT = """
import sys, time, numpy as np, chromadb
from chromadb._storage.local.derived import builder, sealing

sealing.SEAL_FROM, builder.QUIET = 100, 0.0
client = chromadb.PersistentClient(sys.argv[1]) if sys.argv[2] == "disk" else chromadb.EphemeralClient()
collection = client.create_collection("docs", embedding_function=None)
vectors = np.random.default_rng(0).normal(size=(4000, 64)).astype(np.float32)
collection.add(ids=[str(id) for id in range(4000)], embeddings=vectors)
collection.query(query_embeddings=vectors[:1])
time.sleep(float(sys.argv[3]))
print("end", flush=True)
if sys.argv[4] == "raise":
    raise SystemExit(3)
"""


@pytest.mark.parametrize(
    ("place", "seconds", "end"), [("disk", 0.05, "fall off"), ("memory", 0.3, "fall off"), ("disk", 0.2, "raise")]
)
def test_a_process_that_ends_in_the_midst_of_a_build(directory: Path, place: str, seconds: float, end: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", EXIT, str(directory), place, str(seconds), end],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3 if end == "raise" else 0, "end\n", "")
    if place == "disk":
        with chromadb.PersistentClient(directory) as client:
            assert client.get_collection("docs", embedding_function=None).count() == 4000


def test_segments_of_two_collections_do_not_meet(open_backend: Any, create: Any) -> None:
    backend = open_backend()
    one, other = (Collection(backend, create(backend, f"docs-{uuid4().hex}"), seed) for seed in (1, 2))
    for start in range(0, 600, 200):
        for each in (one, other):
            each.write("add", range(start, start + 200))
            each.build()
            each.check()
    assert not {name for _, name, _ in one.segments()} & {name for _, name, _ in other.segments()}


def test_a_segment_built_elsewhere_is_used_though_the_status_was_asked_first(open_backend: Any, create: Any) -> None:
    backend, other = open_backend(), open_backend()
    here = Collection(backend, create(backend))
    there = Collection(other, here.address)
    here.write("add", range(300))
    assert here.sizes() == []
    there.build()
    assert here.status().num_unindexed_ops == 0
    assert here.sizes() == [300]


def test_a_finished_build_does_not_make_the_next_query_load_everything_again(
    on_disk: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chromadb._storage.local import collection as collection_module

    loads: list[int] = []
    load = collection_module.load_vectors

    def counted(*arguments: Any) -> Any:
        loads.append(1)
        return load(*arguments)

    monkeypatch.setattr(collection_module, "load_vectors", counted)
    on_disk.write("add", range(150))
    on_disk.check()
    on_disk.build()
    assert on_disk.sizes() == [150]
    assert len(loads) == 1
    on_disk.write("add", range(150, 400))
    on_disk.build()
    assert on_disk.sizes() == [400]
    on_disk.check()
    assert len(loads) == 1

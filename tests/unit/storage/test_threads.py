"""Many threads on one backend."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._model.where import parse_filter

EVERYTHING = Selection()
ORIGIN = np.zeros((1, 2), dtype=np.float32)


def run_all(tasks: list[Callable[[], None]]) -> list[BaseException]:
    """Run every task in a thread of its own, all at once; return what they raised."""
    started, errors = threading.Barrier(len(tasks)), []

    def run(task: Callable[[], None]) -> None:
        started.wait()
        try:
            task()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def where(**conditions: Any) -> Selection:
    return Selection(filter=parse_filter(conditions))


@pytest.fixture(params=["memory", "directory"])
def backend(request: pytest.FixtureRequest, open_backend: Any) -> Any:
    return open_backend(None) if request.param == "memory" else open_backend()


def test_no_write_is_lost_among_32_threads(backend: Any, create: Any, records: Any) -> None:
    address, rounds = create(backend), 12

    def write(worker: int) -> None:
        for round in range(rounds):
            ids = [f"{worker}-{round}-{i}" for i in range(3)]
            with backend.open(address) as store:
                store.write("add", records(ids, documents=["x"] * 3, metadatas=[{"worker": worker}] * 3))
                store.write("update", Records(ids=ids[:1], documents=[f"changed {round}"]))
                assert store.delete(Selection(ids[2:])) == 1

    def read(worker: int) -> None:
        for round in range(rounds):
            with backend.open(address) as store:
                if round % 3 == 0:
                    assert all(document for document in store.get(EVERYTHING, None, 0, ("documents",)).documents)
                elif round % 3 == 1:
                    found = store.query(ORIGIN, 1000, where(worker=worker), ("metadatas",))[0]
                    assert all(metadata == {"worker": worker} for metadata in found.metadatas)
                else:
                    before = store.count()
                    assert len(store.query(ORIGIN, 10_000, EVERYTHING, ())[0].ids) <= 32 * rounds * 3
                    assert before >= 0

    tasks = [lambda worker=worker: write(worker) for worker in range(16)]
    tasks += [lambda worker=worker: read(worker) for worker in range(16)]
    assert run_all(tasks) == []
    with backend.open(address) as store:
        expected = {f"{worker}-{round}-{i}" for worker in range(16) for round in range(rounds) for i in range(2)}
        assert set(store.get(EVERYTHING, None, 0, ()).ids) == expected
        assert set(store.query(ORIGIN, 10_000, EVERYTHING, ())[0].ids) == expected
        assert store.count() == len(expected)
    assert backend.check() == []


def test_deletes_by_filter_beside_queries_by_filter(backend: Any, create: Any, records: Any) -> None:
    address, count = create(backend), 400
    with backend.open(address) as store:
        store.write("add", records([f"{i}" for i in range(count)], metadatas=[{"k": i} for i in range(count)]))
    deleted: list[int] = []

    def delete(worker: int) -> None:
        for k in range(worker, count // 2, 2):
            with backend.open(address) as store:
                deleted.append(store.delete(where(k=k)))

    def query() -> None:
        for _ in range(60):
            with backend.open(address) as store:
                assert (
                    len(store.query(ORIGIN, 1000, where(k={"$gte": count // 2}), ("documents",))[0].ids) == count // 2
                )

    assert run_all([lambda: delete(0), lambda: delete(1), query, query]) == []
    assert deleted == [1] * (count // 2)
    with backend.open(address) as store:
        assert store.count() == count // 2


def test_a_read_sees_whole_writes_only(backend: Any, create: Any, records: Any) -> None:
    """Every write sets all records to one number, so no read may find two."""
    address, ids = create(backend), [f"{i}" for i in range(50)]
    with backend.open(address) as store:
        store.write("add", records(ids, [[0.0, 1.0]] * 50, documents=["0"] * 50, metadatas=[{"n": 0}] * 50))
    done = threading.Event()

    def write() -> None:
        for n in range(1, 40):
            with backend.open(address) as store:
                store.write("update", records(ids, [[n, 1]] * 50, documents=[f"{n}"] * 50, metadatas=[{"n": n}] * 50))
        done.set()

    def read() -> None:
        fields = ("documents", "metadatas", "embeddings", "distances")
        while not done.is_set():
            with backend.open(address) as store:
                for found in (
                    store.get(EVERYTHING, None, 0, fields),
                    store.query(ORIGIN, 50, where(n={"$gte": 0}), fields)[0],
                ):
                    (n,) = {metadata["n"] for metadata in found.metadatas}
                    assert len(found.ids) == 50
                    assert set(found.documents) == {f"{n}"}
                    assert set(found.vectors[:, 0].tolist()) == {n}
                    assert found.distances is None or set(found.distances.tolist()) == {n * n + 1}

    assert run_all([write, read, read, read]) == []


def test_pages_read_while_others_write_do_not_wait_for_them(open_backend: Any, create: Any, records: Any) -> None:
    """On disk a reader works beside an open write transaction and sees the state before it."""
    backend = open_backend()
    address = create(backend)
    with backend.open(address) as store:
        store.write("add", records(["a"], metadatas=[{"k": 1}]))
        with store.database.write() as sql:
            sql.execute("UPDATE records SET document = 'half', checksum = NULL")
            sql.execute("UPDATE state SET live = 100, commit_no = commit_no + 1")
            results = []
            reader = threading.Thread(
                target=lambda: results.extend(
                    [
                        store.count(),
                        store.get(EVERYTHING, None, 0, ("documents",)).documents,
                        store.query(ORIGIN, 5, where(k=1), ("documents",))[0].documents,
                    ]
                )
            )
            reader.start()
            reader.join(20)
            assert results == [1, [None], [[None]][0]]
            sql.execute("UPDATE state SET live = 1")
        assert store.get(EVERYTHING, None, 0, ("documents",)).documents == ["half"]


def test_one_collection_of_a_name_is_made_by_many_threads(backend: Any) -> None:
    from uuid import uuid4

    from chromadb._model.entities import CollectionInfo

    made: list[Any] = []

    def make() -> None:
        info = CollectionInfo(uuid4(), "shared", "default_tenant", "default_database")
        made.append(backend.create_collection(info, get_or_create=True).id)

    assert run_all([make] * 16) == []
    assert len(set(made)) == 1
    assert backend.count_collections("default_tenant", "default_database") == 1

"""The limit of memory: idle collections are closed, and answers stay the same."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chromadb
from chromadb._model.operations import Selection
from chromadb._model.where import parse_filter
from chromadb._storage.local.derived import builder, sealing

COLLECTIONS, RECORDS, DIMENSION = 6, 500, 64
VECTORS = RECORDS * DIMENSION * 4


@pytest.fixture
def stores(open_backend: Any, create: Any, records: Any) -> Any:
    """A function that opens a directory of `COLLECTIONS` collections with a limit."""
    maker = open_backend()
    rng = np.random.default_rng(0)
    addresses = [create(maker, f"docs-{number}") for number in range(COLLECTIONS)]
    vectors = rng.standard_normal((COLLECTIONS, RECORDS, DIMENSION)).astype(np.float32)
    for address, matrix in zip(addresses, vectors, strict=True):
        with maker.open(address) as store:
            metadatas = [{"k": number % 5, "name": f"name {number}"} for number in range(RECORDS)]
            store.write("add", records([f"{row}" for row in range(RECORDS)], matrix, metadatas=metadatas))
    maker.close()

    def open_with(limit: int) -> Any:
        return open_backend(memory_limit=limit), addresses, vectors

    return open_with


def ask(backend: Any, address: Any, vector: Any, **where: Any) -> list[str]:
    with backend.open(address) as store:
        ids: list[str] = store.query(vector[np.newaxis], 3, Selection(filter=parse_filter(where or None)), ())[0].ids
        return ids


def taken(backend: Any) -> int:
    return sum(lease.store.nbytes for lease in backend._open.leases.values())


def room_for(stores: Any, idle: float) -> int:
    """Return a limit in which there is room for one collection in use and some idle ones, without their pages."""
    backend, addresses, vectors = stores(0)
    ask(backend, addresses[0], vectors[0, 0], k=2)
    (lease,) = backend._open.leases.values()
    used, pages = lease.store.nbytes, lease.store.database.nbytes
    backend.close()
    return int(used + idle * (used - pages))


def test_idle_collections_are_closed_and_come_back(stores: Any) -> None:
    limit = room_for(stores, idle=2.3)
    backend, addresses, vectors = stores(limit)
    for round in range(3):
        for address, matrix in zip(addresses, vectors, strict=True):
            assert ask(backend, address, matrix[7], k=2)[0] == "7"
            assert taken(backend) <= limit
            assert address.collection in backend._open.leases
        assert 1 < len(backend._open.leases) < COLLECTIONS, round
    assert backend.check() == []


def test_without_a_limit_nothing_is_closed(stores: Any) -> None:
    backend, addresses, vectors = stores(0)
    for address, matrix in zip(addresses, vectors, strict=True):
        ask(backend, address, matrix[0])
    assert len(backend._open.leases) == COLLECTIONS


def test_the_one_used_least_recently_is_closed_first(stores: Any) -> None:
    backend, addresses, vectors = stores(room_for(stores, idle=1.3))
    for number in (0, 1, 0, 2, 0, 3, 0, 4, 0):
        ask(backend, addresses[number], vectors[number, 0], k=2)
    assert addresses[0].collection in backend._open.leases
    assert addresses[4].collection in backend._open.leases
    assert addresses[1].collection not in backend._open.leases


def test_a_collection_larger_than_the_limit_is_searched_all_the_same(
    stores: Any, caplog: pytest.LogCaptureFixture
) -> None:
    backend, addresses, vectors = stores(1000)
    with caplog.at_level(logging.WARNING, "chromadb.storage"):
        for address, matrix in list(zip(addresses, vectors, strict=True)) * 2:
            assert ask(backend, address, matrix[9], k=4)[0] == "9"
            assert list(backend._open.leases) == [address.collection]
    (message,) = [record.getMessage() for record in caplog.records]
    assert "but chroma_memory_limit_bytes is 1000" in message
    assert "records.sqlite3 alone takes" in message


def test_threads_get_right_answers_under_a_limit(stores: Any) -> None:
    backend, addresses, vectors = stores(2 * VECTORS)

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(60):
            number, row = int(rng.integers(COLLECTIONS)), int(rng.integers(RECORDS))
            assert ask(backend, addresses[number], vectors[number, row], k=row % 5)[0] == f"{row}"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert backend.check() == []


def test_what_is_sealed_is_mapped_and_does_not_count(stores: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SEAL_FROM", 100)
    monkeypatch.setattr(builder, "QUIET", 0.0)
    backend, addresses, vectors = stores(0)
    with backend.open(addresses[0]) as store:
        store.query(vectors[0, :1], 1, Selection(), ())
        loose = store._snapshot.nbytes
        assert loose > VECTORS
        while store.indexing_status().num_unindexed_ops:
            time.sleep(0.01)
        assert ask(backend, addresses[0], vectors[0, 3])[0] == "3"
        assert store._snapshot.nbytes < loose - VECTORS / 2


def test_the_setting_reaches_the_backend_and_memory_has_no_limit(tmp_path: Path) -> None:
    settings = chromadb.Settings(chroma_memory_limit_bytes=123)
    with chromadb.PersistentClient(tmp_path / "db", settings=settings) as client:
        assert client._system.runner.backend._open.memory_limit == 123  # type: ignore[attr-defined]
    with chromadb.EphemeralClient(settings=settings) as client:
        for name in ("abc", "def"):
            client.create_collection(name, embedding_function=None).add(ids=["a"], embeddings=[[1.0] * 500])
        assert client.get_collection("abc", embedding_function=None).query([1.0] * 500)["ids"] == [["a"]]
        client.delete_collection("abc")
        client.delete_collection("def")

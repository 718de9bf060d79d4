"""Deletions of many records: they are gone at once, and their vectors soon after."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chromadb
from chromadb._storage.local.derived import builder
from chromadb._storage.local.tables import records

COUNT = 50


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "PURGED_AT_ONCE", 5)
    monkeypatch.setattr(builder, "QUIET", 3600.0)


@pytest.fixture(params=["disk", "memory"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    with chromadb.PersistentClient(tmp_path / "db") if request.param == "disk" else chromadb.EphemeralClient() as made:
        yield made
        if request.param == "memory":
            made.delete_collection("abc")


def fill(client: Any) -> Any:
    collection = client.create_collection("abc", embedding_function=None)
    vectors = [[float(number), 1.0] for number in range(COUNT)]
    ids = [f"{number}" for number in range(COUNT)]
    collection.add(ids=ids, embeddings=vectors, metadatas=[{"k": number % 2} for number in range(COUNT)])
    return collection


def stored(client: Any, collection: Any) -> tuple[int, int]:
    """Return how many vectors there are, and how many of them wait to be removed."""
    with client._system.runner.backend.open(collection._address) as store, store.database.read() as sql:
        counts = [sql.execute(f"SELECT count(*) FROM {table}").get for table in ("vectors", "unpurged")]
        return counts[0], counts[1]


def test_deleted_records_are_gone_before_their_vectors_are(client: Any) -> None:
    collection = fill(client)
    collection.query([0.0, 1.0], n_results=1)
    assert collection.delete(where={"k": 0}) == {"deleted": 25}
    assert stored(client, collection) == (50, 25)
    assert client.check() == []
    assert collection.count() == 25
    assert collection.query([0.0, 1.0], n_results=COUNT)["ids"][0] == [f"{number}" for number in range(1, COUNT, 2)]
    assert collection.get(ids=["0", "1"])["ids"] == ["1"]
    collection.add(ids=["0"], embeddings=[[7.0, 7.0]])
    assert np.asarray(collection.get(ids=["0"], include=["embeddings"])["embeddings"]).tolist() == [[7.0, 7.0]]
    assert client.check() == []


def test_few_vectors_are_removed_with_their_records(client: Any) -> None:
    collection = fill(client)
    collection.delete(ids=["1", "2"])
    assert stored(client, collection) == (48, 0)


def test_the_vectors_are_removed_in_the_background(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "QUIET", 0.0)
    collection = fill(client)
    collection.delete(where={"k": 1})
    deadline = time.monotonic() + 20
    while stored(client, collection) != (25, 0):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert client.check() == []


def test_what_was_not_removed_before_the_end_is_removed_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with chromadb.PersistentClient(tmp_path / "db") as client:
        collection = fill(client)
        collection.delete(where={"k": 1})
    monkeypatch.setattr(builder, "QUIET", 0.0)
    with chromadb.PersistentClient(tmp_path / "db") as client:
        collection = client.get_collection("abc", embedding_function=None)
        assert stored(client, collection) == (50, 25)
        assert len(collection.query([0.0, 1.0], n_results=COUNT)["ids"][0]) == 25
        deadline = time.monotonic() + 20
        while stored(client, collection) != (25, 0):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_vacuum_removes_what_waits_to_be_removed(tmp_path: Path) -> None:
    with chromadb.PersistentClient(tmp_path / "db") as client:
        collection = fill(client)
        collection.delete(where={"k": 1})
        assert stored(client, collection) == (50, 25)
        client.vacuum()
        assert stored(client, collection) == (25, 0)
        assert client.check() == []

"""Quotas: how much a tenant may store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import chromadb
from chromadb.config import Settings
from chromadb.errors import InvalidArgumentError, QuotaError
from chromadb.quota import Action, QuotaEnforcer

Start = Callable[..., Any]


def opened(path: Path, **settings: Any) -> Any:
    return chromadb.PersistentClient(path, Settings(**settings))


def add(collection: Any, *ids: str) -> None:
    collection.add(ids=list(ids), embeddings=[[1.0, 2.0]] * len(ids))


def test_a_tenant_has_as_many_collections_as_it_may(tmp_path: Path) -> None:
    with opened(tmp_path, chroma_quota_collections_per_tenant=2) as client:
        client.create_collection("one")
        client.create_collection("two")
        with pytest.raises(QuotaError, match=r"has 2 collections, this would add 1, and .* allows 2"):
            client.create_collection("three")
        assert client.get_or_create_collection("two").name == "two"
        with pytest.raises(QuotaError):
            client.get_or_create_collection("three")
        client.delete_collection("one")
        client.create_collection("three")


def test_databases_of_a_tenant_count_together_and_tenants_apart(tmp_path: Path) -> None:
    settings = Settings(chroma_quota_collections_per_tenant=1, is_persistent=True, persist_directory=str(tmp_path))
    admin = chromadb.AdminClient(settings)
    admin.create_tenant("other")
    admin.create_database("first", "other")
    admin.create_database("second", "other")
    with chromadb.Client(settings) as client:
        client.create_collection("mine")
        client.set_tenant("other", "first")
        client.create_collection("theirs")
        client.set_database("second")
        with pytest.raises(QuotaError, match="tenant 'other'"):
            client.create_collection("further")


def test_a_tenant_has_as_many_records_as_it_may(tmp_path: Path) -> None:
    with opened(tmp_path, chroma_quota_records_per_tenant=5) as client:
        first, second = client.create_collection("one"), client.create_collection("two")
        add(first, "a", "b", "c")
        with pytest.raises(QuotaError, match="has 3 records, this would add 3"):
            add(second, "a", "b", "c")
        assert second.count() == 0
        add(second, "a", "b")
        first.upsert(ids=["a", "b", "c"], embeddings=[[3.0, 4.0]] * 3)
        add(first, "a", "b")
        first.update(ids=["a"], embeddings=[[3.0, 4.0]])
        with pytest.raises(QuotaError):
            first.upsert(ids=["c", "d"], embeddings=[[3.0, 4.0]] * 2)
        first.delete(ids=["a"])
        add(second, "z")
        assert first.count() + second.count() == 5


def test_a_collection_that_is_deleted_gives_its_records_back(tmp_path: Path) -> None:
    with opened(tmp_path, chroma_quota_records_per_tenant=2) as client:
        add(client.create_collection("one"), "a", "b")
        client.delete_collection("one")
        add(client.create_collection("two"), "a", "b")


def test_a_tenant_takes_as_many_bytes_as_it_may(tmp_path: Path) -> None:
    with opened(tmp_path, chroma_quota_bytes_per_tenant=1_000_000) as client:
        collection = client.create_collection("one")
        add(collection, "a")
        with pytest.raises(QuotaError, match="chroma_quota_bytes_per_tenant allows 1000000"):
            collection.add(ids=["b"], embeddings=[[1.0, 2.0]], documents=["x" * 1_000_000])
        assert collection.count() == 1


def test_bytes_of_a_database_in_memory_cannot_be_limited() -> None:
    with pytest.raises(InvalidArgumentError, match="it is about files"):
        chromadb.EphemeralClient(Settings(chroma_quota_bytes_per_tenant=1))


def test_a_quota_holds_across_the_wire_and_workers(start_server: Start) -> None:
    server = start_server(2, chroma_quota_records_per_tenant=20)
    with chromadb.HttpClient(server.url) as client:
        collection = client.create_collection("letters", embedding_function=None)
        refused = 0
        for number in range(30):
            try:
                add(collection, str(number))
            except QuotaError:
                refused += 1
        assert collection.count() < 30
        assert collection.count() + refused == 30
        with pytest.raises(QuotaError, match="Quota exceeded: tenant 'default_tenant'"):
            add(collection, *map(str, range(100, 200)))


def test_threads_that_write_together_go_little_beyond_a_quota(tmp_path: Path) -> None:
    with opened(tmp_path, chroma_quota_records_per_tenant=50) as client:
        collection = client.create_collection("one")

        def fill(thread: int) -> None:
            for number in range(20):
                try:
                    add(collection, f"{thread}-{number}")
                except QuotaError:
                    return

        threads = [threading.Thread(target=fill, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert 50 <= collection.count() <= 58


class Counting(QuotaEnforcer):
    """An enforcer of somebody else's."""

    seen: list[tuple[Action, str, dict[str, Any]]] = []  # noqa: RUF012
    contexts: list[dict[str, Any]] = []  # noqa: RUF012

    def set_context(self, context: dict[str, Any]) -> None:
        self.contexts.append(context)

    def enforce(self, action: Action, tenant: str, **given: Any) -> None:
        self.seen.append((action, tenant, given))
        if given.get("n_results", 0) > 100:
            raise QuotaError("At most 100 results.")


def test_a_class_of_somebody_else_decides() -> None:
    Counting.seen.clear()
    with chromadb.EphemeralClient(Settings(chroma_quota_enforcer_impl=f"{__name__}.Counting")) as client:
        collection = client.get_or_create_collection("letters-of-quota", metadata={"a": 1})
        collection.add(ids=["a"], embeddings=[[1.0, 2.0]], documents=["x"])
        collection.query(query_embeddings=[[1.0, 2.0]], where={"k": 1}, n_results=1)
        with pytest.raises(QuotaError, match="At most 100"):
            collection.query(query_embeddings=[[1.0, 2.0]], n_results=101)
        collection.get(limit=3, where_document={"$contains": "x"})
        client.delete_collection("letters-of-quota")
    actions = [action.value for action, _, _ in Counting.seen]
    assert actions == ["create_collection", "add", "query", "query", "get"]
    assert all(tenant == "default_tenant" for _, tenant, _ in Counting.seen)
    given = [arguments for _, _, arguments in Counting.seen]
    assert given[0] == {"name": "letters-of-quota", "metadata": {"a": 1}}
    assert set(given[1]) == {"ids", "embeddings", "documents"}
    assert given[2]["where"] == {"k": {"$eq": 1}}
    assert given[4] == {"limit": 3, "where_document": {"$contains": "x"}}
    assert type(Counting.contexts[0]["operation"]).__name__ == "CreateCollection"

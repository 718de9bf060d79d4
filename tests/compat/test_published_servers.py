"""Our clients have a session with published servers, unmodified, of every generation."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

import chromadb
from chromadb.api.client import AdminClient
from chromadb.config import Settings
from chromadb.errors import (
    InvalidArgumentError,
    InvalidCollectionException,
    InvalidDimensionException,
    NotFoundError,
    ResetDisabledError,
    ServerConnectionError,
    UniqueConstraintError,
    UnsupportedError,
)

SERVERS = os.environ.get("CHROMA_COMPAT_SERVERS")
VERSIONS = ("0.5.23", "0.6.3", "1.5.9")
EVERYTHING: Any = ["metadatas", "documents", "embeddings", "uris"]

pytestmark = pytest.mark.skipif(not SERVERS, reason="make test-compat runs these, with published servers")


@pytest.fixture(scope="module", params=VERSIONS)
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Return the port of a published server."""
    folder = tmp_path_factory.mktemp("published")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        number = found.getsockname()[1]
    program = Path(str(SERVERS)) / request.param / "bin" / "chroma"
    command = [program, "run", "--path", folder / "data", "--port", str(number)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env={**environment, "ANONYMIZED_TELEMETRY": "False"}, stdout=log, stderr=log
        )
    try:
        for _ in range(300):
            with suppress(ServerConnectionError), chromadb.HttpClient(port=number):
                break
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
        yield int(number)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def client(port: int) -> Iterator[chromadb.ClientAPI]:
    """Return a client of it, whose database is empty."""
    with chromadb.HttpClient(port=port) as made:
        for name in made.list_collections():
            made.delete_collection(name)
        yield made


@pytest.fixture
def old(client: chromadb.ClientAPI) -> bool:
    """Return whether it is one of 0.x."""
    return client.get_version().startswith("0.")


def test_the_service(client: chromadb.ClientAPI) -> None:
    assert client.heartbeat() > 10**18
    assert client.get_max_batch_size() > 1000
    assert client.get_user_identity().tenant == "default_tenant"
    with pytest.raises(ResetDisabledError):
        client.reset()
    with pytest.raises(UnsupportedError):
        client.check()


def test_tenants_and_databases(client: chromadb.ClientAPI, port: int) -> None:
    admin = AdminClient.from_system(client._system)
    tenant = f"acme-{uuid4()}"
    admin.create_tenant(tenant)
    with pytest.raises(UniqueConstraintError):
        admin.create_tenant(tenant)
    admin.create_database("archive", tenant=tenant)
    assert admin.get_database("archive", tenant=tenant)["tenant"] == tenant
    with chromadb.HttpClient(port=port, tenant=tenant, database="archive") as other:
        other.create_collection("letters", embedding_function=None)
        assert other.list_collections() == ["letters"]
    assert client.list_collections() == []
    try:
        assert [database.name for database in admin.list_databases(tenant=tenant)] == ["archive"]
        admin.delete_database("archive", tenant=tenant)
    except UnsupportedError as error:
        assert "is Chroma 0.5.23, which does not know" in str(error)  # noqa: PT017
    else:
        with pytest.raises(NotFoundError):
            admin.get_database("archive", tenant=tenant)
    for call in (
        lambda: admin.get_database("nothing", tenant=tenant),
        lambda: admin.get_tenant("nobody"),
        lambda: client.set_tenant("nobody"),
        lambda: client.set_database("nothing"),
        lambda: chromadb.HttpClient(port=port, database="nothing"),
    ):
        with pytest.raises(NotFoundError):
            call()
    admin.close()


def test_collections(client: chromadb.ClientAPI, old: bool) -> None:
    made = client.create_collection("made", metadata={"a": 1}, configuration={"hnsw": {"space": "cosine"}})
    assert made.configuration_json["hnsw"]["space"] == "cosine"
    assert made.metadata == ({"a": 1, "hnsw:space": "cosine"} if old else {"a": 1})
    with pytest.raises(UniqueConstraintError):
        client.create_collection("made")
    assert client.get_or_create_collection("made").id == made.id
    assert client.get_collection("made").id == client.get_collection_by_id(made.id).id == made.id
    client.create_collection("other", embedding_function=None)
    assert sorted(client.list_collections()) == ["made", "other"]
    assert client.count_collections() == 2
    assert len(client.list_collections(limit=1, offset=1)) == 1
    made.modify(name="renamed", metadata={"b": True})
    assert (made.name, made.metadata) == ("renamed", {"b": True})
    assert client.get_collection("renamed").metadata == {"b": True}
    client.delete_collection("renamed")
    for call in (
        lambda: client.get_collection("renamed"),
        lambda: client.delete_collection("renamed"),
        lambda: client.get_collection(""),
        lambda: client.get_collection_by_id(made.id),
        made.count,
        lambda: made.add("a", [1, 2]),
    ):
        with pytest.raises(InvalidCollectionException):
            call()


def test_records(client: chromadb.ClientAPI, old: bool) -> None:
    made = client.create_collection("records", embedding_function=None)
    assert made.get()["ids"] == made.query([[1, 2]])["ids"][0] == []
    made.add(
        ["a", "b", "c"],
        np.array([[1, 0], [0, 1], [0.1, 3]], dtype=np.float32),
        [{"n": 1, "t": "ü"}, {"n": 2.5, "t": "苹果"}, None],
        ["Äpfel 🍎", None, "zzz"],
        uris=["u", None, None],
    )
    made.add("a", [9, 9])
    got = made.get(include=EVERYTHING)
    assert got["ids"] == ["a", "b", "c"]
    assert got["documents"] == ["Äpfel 🍎", None, "zzz"]
    assert got["metadatas"] == [{"n": 1, "t": "ü"}, {"n": 2.5, "t": "苹果"}, None]
    assert got["uris"] == ["u", None, None]
    assert got["embeddings"] is not None
    assert np.array_equal(got["embeddings"], np.array([[1, 0], [0, 1], [0.1, 3]], dtype=np.float32))
    assert made.get(limit=0, include=EVERYTHING)["ids"] == []
    assert made.get(limit=1, offset=1, include=[])["ids"] == ["b"]
    assert made.get(["c", "a", "none"], include=[])["ids"] == ["a", "c"]
    assert made.count() == 3
    assert made.peek(1)["ids"] == ["a"]
    found = made.query([[1, 0], [0, 1]], n_results=2, include=["distances", "documents", "metadatas", "embeddings"])
    assert found["ids"] == [["a", "b"], ["b", "a"]]
    assert found["distances"] is not None
    assert np.allclose(found["distances"], [[0, 2], [0, 2]])
    assert found["embeddings"] is not None
    assert [each.shape for each in found["embeddings"]] == [(2, 2), (2, 2)]
    assert made.query([1, 0], n_results=100)["ids"] == [["a", "b", "c"]]
    made.update(["b", "none"], [[0, 2], [1, 1]], [{"new": True}, {"x": 1}], ["now", "x"])
    made.upsert(["c", "d"], [[5, 5], [6, 6]], [{"n": 3}, {"n": 4}], ["C", "D"])
    assert made.get("b")["metadatas"] == [{"n": 2.5, "t": "苹果", "new": True}]
    assert made.get(["b", "c", "d"])["documents"] == ["now", "C", "D"]
    for call in (
        lambda: made.add("e", [1, 2, 3]),
        lambda: made.upsert("e", [1, 2, 3]),
        lambda: made.query([1, 2, 3]),
    ):
        with pytest.raises(InvalidDimensionException):
            call()
    assert made.delete(["a", "none"]) == {"deleted": 1}
    assert made.delete(where={"n": {"$gte": 3}}, limit=1) == {"deleted": 1}
    assert made.delete(where={"n": 99}) == {"deleted": 0}
    assert made.count() == 2
    if not old:
        made.update("b", embeddings=[None], metadatas={"t": None})
        assert made.get("b")["metadatas"] == [{"n": 2.5, "new": True}]


def test_filters(client: chromadb.ClientAPI, old: bool) -> None:
    made = client.create_collection("filters", embedding_function=None)
    made.add(
        [str(row) for row in range(10)],
        [[row, 1] for row in range(10)],
        [{"n": row, "even": row % 2 == 0, "t": f"t{row % 3}"} for row in range(10)],
        [f"document {row}" for row in range(10)],
    )
    for where, expected in (
        ({"n": 3}, "3"),
        ({"n": {"$ne": 3}}, "012456789"),
        ({"$and": [{"n": {"$gt": 3}}, {"even": True}]}, "468"),
        ({"$or": [{"t": "t1"}, {"n": {"$in": [0, 9]}}]}, "01479"),
        ({"$and": [{"n": {"$lt": 2}}]}, "01"),
        ({"t": {"$nin": ["t0", "t1"]}}, "258"),
    ):
        assert made.get(where=where, include=[])["ids"] == list(expected)
        assert sorted(made.query([0, 1], where=where)["ids"][0]) == list(expected)
    documents = {"$or": [{"$contains": "3"}, {"$contains": "4"}]}
    assert made.get(where_document=documents, where={"even": True}, include=[])["ids"] == ["4"]
    assert made.get(where_document={"$not_contains": "document 1"}, include=[])["ids"] == list("023456789")
    if old:
        with pytest.raises(InvalidArgumentError):
            made.get(where_document={"$regex": "[34]"})
        with pytest.raises(UnsupportedError):
            made.add("l", [1, 1], {"list": [1, 2]})
        with pytest.raises(UnsupportedError):
            made.query([1, 1], ids=["1"])
    else:
        assert made.get(where_document={"$regex": "[34]"}, include=[])["ids"] == ["3", "4"]
        made.add("l", [1, 1], {"list": [1, 2]})
        assert made.get(where={"list": {"$contains": 2}})["metadatas"] == [{"list": [1, 2]}]
        assert made.query([1, 1], ids=["1", "5"])["ids"] == [["1", "5"]]
    with pytest.raises(UnsupportedError):
        made.query([1, 1], exact=True)


def test_more_records_than_the_server_takes_at_once(client: chromadb.ClientAPI) -> None:
    made = client.create_collection("large", embedding_function=None)
    count = client.get_max_batch_size() + 10
    vectors = np.random.default_rng(0).standard_normal((count, 4)).astype(np.float32)
    made.add([str(row) for row in range(count)], vectors)
    assert made.count() == count
    got = made.get(str(count - 1), include=["embeddings"])["embeddings"]
    assert got is not None
    assert np.array_equal(got[0], vectors[-1])


def test_more_bytes_than_the_server_takes_at_once(client: chromadb.ClientAPI) -> None:
    made = client.create_collection("long", embedding_function=None)
    made.add([str(row) for row in range(1000)], np.ones((1000, 2)), documents=["x" * 50_000] * 1000)
    assert made.count() == 1000


class Lengths(chromadb.EmbeddingFunction[Any]):
    """Embeds a text as its length."""

    def __init__(self) -> None:
        pass

    def __call__(self, input: Any) -> Any:
        return [np.array([len(each), 1.0]) for each in input]

    @staticmethod
    def name() -> str:
        return "lengths-of-the-compatibility-test"

    def get_config(self) -> dict[str, Any]:
        return {}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> Lengths:
        return Lengths()


def test_embedding_functions(client: chromadb.ClientAPI, old: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    known = chromadb.utils.embedding_functions.known_embedding_functions
    monkeypatch.setitem(known, Lengths.name(), Lengths)
    made = client.create_collection("functions", embedding_function=Lengths())
    made.add(["a", "b"], documents=["x", "yyyy"])
    assert made.query(query_texts="zzz", n_results=1)["ids"] == [["b"]]
    again = (
        client.get_collection("functions", embedding_function=Lengths()) if old else client.get_collection("functions")
    )
    assert again.query(query_texts="q", n_results=1)["ids"] == [["a"]]


def test_an_asynchronous_session(port: int, client: chromadb.ClientAPI) -> None:
    async def main() -> None:
        async with await chromadb.AsyncHttpClient(port=port, settings=Settings()) as client:
            made = await client.create_collection("async", embedding_function=None)
            await asyncio.gather(*(made.add(str(row), [row, 1]) for row in range(20)))
            assert await made.count() == 20
            assert (await made.query([3, 1], n_results=1))["ids"] == [["3"]]
            assert await made.delete(["3", "none"]) == {"deleted": 1}
            await made.modify(name="renamed")
            assert await client.list_collections() == ["renamed"]
            with pytest.raises(InvalidCollectionException):
                await client.get_collection("async")

    asyncio.run(main())

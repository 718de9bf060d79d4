"""The asynchronous clients over a runner of the test's own give the same answers as the synchronous ones."""

from __future__ import annotations

import asyncio
import inspect
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import chromadb
from chromadb._client.system import AsyncSystem
from chromadb._engine.engine import Engine
from chromadb._model.operations import Operation, R
from chromadb._storage.local.directory import LocalBackend
from chromadb.api.async_client import AsyncAdminClient, AsyncClient
from chromadb.api.models.AsyncCollection import AsyncCollection
from chromadb.errors import ClosedClientError, NotFoundError


class ThreadRunner:
    """Executes operations on an engine, each in a thread."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.operations: list[str] = []

    async def run(self, operation: Operation[R]) -> R:
        self.operations.append(type(operation).__name__)
        return await asyncio.to_thread(self.engine.run, operation)

    async def close(self) -> None:
        await asyncio.to_thread(self.engine.close)


@pytest.fixture
def system() -> Iterator[AsyncSystem]:
    engine = Engine(LocalBackend(None), allow_reset=True)
    yield AsyncSystem(ThreadRunner(engine), chromadb.Settings(allow_reset=True), "the test")
    engine.close()


class Scaled(chromadb.EmbeddingFunction[Any]):
    """Embeds a text as (its length, 1), an array as (its sum, 2)."""

    def __call__(self, input: Any) -> Any:
        return [np.array([len(each), 1.0] if isinstance(each, str) else [float(np.sum(each)), 2.0]) for each in input]


def load(uris: Any) -> Any:
    return [np.ones((1, len(uri))) for uri in uris]


# Each step is a function of a client, an admin client and what the steps before returned under a name; what it returns
# may have to be awaited.
Step = Callable[[Any, Any, dict[str, Any]], Any]

INCLUDE: Any = ["metadatas", "documents", "embeddings", "uris"]
STEPS: list[tuple[str, Step]] = [
    ("version", lambda client, admin, made: client.get_version()),
    ("identity", lambda client, admin, made: client.get_user_identity()),
    ("batch", lambda client, admin, made: client.get_max_batch_size()),
    (
        "create",
        lambda client, admin, made: client.create_collection(
            "abc",
            metadata={"a": 1},
            embedding_function=Scaled(),
            data_loader=load,
            configuration={"hnsw": {"space": "l2"}},
        ),
    ),
    ("again", lambda client, admin, made: client.create_collection("abc")),
    ("bad name", lambda client, admin, made: client.create_collection("a b")),
    ("bad space", lambda client, admin, made: client.create_collection("abcd", metadata={"hnsw:space": "x"})),
    ("taken as it is", lambda client, admin, made: client.get_or_create_collection("abc", metadata={"b": 1})),
    ("missing", lambda client, admin, made: client.get_collection("missing")),
    ("got", lambda client, admin, made: client.get_collection("abc", embedding_function=Scaled())),
    ("by id", lambda client, admin, made: client.get_collection_by_id(made["create"].id)),
    ("by no id", lambda client, admin, made: client.get_collection_by_id("abc")),
    ("neither", lambda client, admin, made: client.get_collection()),
    (
        "add",
        lambda client, admin, made: made["create"].add(
            ids=["a", "b", "c"], documents=["x", "yy", "zzz"], metadatas=[{"n": 1}, {"n": [1, 2]}, None]
        ),
    ),
    ("add again", lambda client, admin, made: made["create"].add(ids=["a", "d"], embeddings=[[9, 9], [4, 1]])),
    ("add twice", lambda client, admin, made: made["create"].add(ids=["a", "a"], documents=["x", "y"])),
    ("add nothing", lambda client, admin, made: made["create"].add(ids=["a"])),
    ("add wrong", lambda client, admin, made: made["create"].add(ids=["e"], embeddings=[[1, 2, 3]])),
    ("add NaN", lambda client, admin, made: made["create"].add(ids=["e"], embeddings=[[float("nan"), 1]])),
    ("add None", lambda client, admin, made: made["create"].add(ids=["e"], documents=["x"], metadatas=[{"k": None}])),
    ("add images", lambda client, admin, made: made["create"].add(ids="i", images=np.ones((2, 3)))),
    ("add uris", lambda client, admin, made: made["create"].add(ids=["u", "v"], uris=["one", "three"])),
    ("everything", lambda client, admin, made: made["create"].get(include=INCLUDE)),
    (
        "update",
        lambda client, admin, made: made["create"].update(
            ids=["a", "missing"], documents=["xxxxx", "no"], metadatas=[{"n": None, "m": True}, None]
        ),
    ),
    ("upsert", lambda client, admin, made: made["create"].upsert(ids=["b", "w"], documents=["yyyyyyy", "w"])),
    ("count", lambda client, admin, made: made["create"].count()),
    ("peek", lambda client, admin, made: made["create"].peek(2)),
    ("get some", lambda client, admin, made: made["create"].get(ids=["c", "a"], limit=1, offset=1)),
    ("get where", lambda client, admin, made: made["create"].get(where={"n": {"$contains": 2}})),
    ("get document", lambda client, admin, made: made["create"].get(where_document={"$regex": "^x+$"})),
    ("get data", lambda client, admin, made: made["create"].get(ids=["u", "a"], include=["data"])),
    ("get wrong", lambda client, admin, made: made["create"].get(where={"a": {"$foo": 1}})),
    ("get distances", lambda client, admin, made: made["create"].get(include=["distances"])),
    ("query", lambda client, admin, made: made["create"].query([[1, 1], [7, 1]], n_results=3)),
    (
        "query texts",
        lambda client, admin, made: made["create"].query(
            query_texts=["abc", "x"], where={"n": {"$ne": 1}}, include=[*INCLUDE, "distances", "data"]
        ),
    ),
    ("query images", lambda client, admin, made: made["create"].query(query_images=[np.ones((1, 3))], n_results=1)),
    ("query uris", lambda client, admin, made: made["create"].query(query_uris="four", ids=["a", "u"])),
    ("query wrong", lambda client, admin, made: made["create"].query([1, 2, 3])),
    ("query none", lambda client, admin, made: made["create"].query([1, 2], n_results=0)),
    ("query both", lambda client, admin, made: made["create"].query([1, 2], query_texts="x")),
    ("query listed", lambda client, admin, made: made["list"][0].query([1, 1], n_results=1)),
    ("delete", lambda client, admin, made: made["create"].delete(where={"m": True})),
    ("delete ids", lambda client, admin, made: made["create"].delete(ids=["b", "missing"])),
    ("delete limit", lambda client, admin, made: made["create"].delete(where={"n": {"$ne": 1}}, limit=2)),
    ("delete nothing", lambda client, admin, made: made["create"].delete()),
    (
        "modify",
        lambda client, admin, made: made["create"].modify(
            name="new", metadata={"c": 1}, configuration={"hnsw": {"ef_search": 5}}
        ),
    ),
    ("modify space", lambda client, admin, made: made["create"].modify(metadata={"hnsw:space": "ip"})),
    ("renamed", lambda client, admin, made: client.get_collection("new", embedding_function=Scaled())),
    ("left", lambda client, admin, made: made["renamed"].get(include=INCLUDE)),
    ("count collections", lambda client, admin, made: client.count_collections()),
    ("tenant", lambda client, admin, made: admin.create_tenant("acme")),
    ("tenant twice", lambda client, admin, made: admin.create_tenant("acme")),
    ("get tenant", lambda client, admin, made: admin.get_tenant("acme")),
    ("no tenant", lambda client, admin, made: admin.get_tenant("nobody")),
    ("database", lambda client, admin, made: admin.create_database("docs", "acme")),
    ("short", lambda client, admin, made: admin.create_database("ab")),
    ("databases", lambda client, admin, made: admin.list_databases(tenant="acme")),
    ("go nowhere", lambda client, admin, made: client.set_tenant("acme", "nothing")),
    ("go", lambda client, admin, made: client.set_tenant("acme", "docs")),
    ("other list", lambda client, admin, made: client.list_collections()),
    ("go back", lambda client, admin, made: client.set_tenant("default_tenant")),
    ("go on", lambda client, admin, made: client.set_database("nothing")),
    ("delete database", lambda client, admin, made: admin.delete_database("docs", "acme")),
    ("no database", lambda client, admin, made: admin.get_database("docs", "acme")),
    ("drop", lambda client, admin, made: client.delete_collection("new")),
    ("drop again", lambda client, admin, made: client.delete_collection("new")),
    ("gone", lambda client, admin, made: made["create"].count()),
    ("reset", lambda client, admin, made: client.reset()),
    ("empty", lambda client, admin, made: client.list_collections()),
]
STEPS.insert(
    STEPS.index(next(step for step in STEPS if step[0] == "everything")),
    ("list", lambda client, admin, made: client.list_collections(limit=5, offset=0)),
)


def plain(value: Any) -> Any:
    """Return a result without what differs by nature: ids that are random, classes, arrays."""
    if isinstance(value, BaseException):
        return (type(value).__name__, re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "<uuid>", str(value)))
    if isinstance(value, (chromadb.Collection, AsyncCollection)):
        return (
            (str(value), value.name, value.metadata, value.tenant, value.database, value.configuration_json)
            if (isinstance(value, str))
            else (repr(value).removeprefix("Async"), value.metadata, value.configuration_json)
        )
    if isinstance(value, np.ndarray):
        return ("array", str(value.dtype), value.tolist())
    if isinstance(value, list):
        return [plain(each) for each in value]
    if hasattr(value, "id") and hasattr(value, "tenant"):
        return (value.name, value.tenant)
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return value


def run_sync(client: Any, admin: Any) -> list[tuple[str, Any]]:
    made: dict[str, Any] = {}
    results = []
    for name, step in STEPS:
        try:
            made[name] = step(client, admin, made)
        except chromadb.errors.ChromaError as error:
            made[name] = error
        results.append((name, plain(made[name])))
    return results


async def run_async(client: Any, admin: Any) -> list[tuple[str, Any]]:
    made: dict[str, Any] = {}
    results = []
    for name, step in STEPS:
        try:
            made[name] = await step(client, admin, made)
        except chromadb.errors.ChromaError as error:
            made[name] = error
        results.append((name, plain(made[name])))
    return results


def test_the_same_script_gives_the_same_results_and_errors(system: AsyncSystem) -> None:
    settings = chromadb.Settings(allow_reset=True)
    with chromadb.EphemeralClient(settings) as client, chromadb.AdminClient(settings) as admin:
        expected = run_sync(client, admin)

    async def script() -> list[tuple[str, Any]]:
        async with await AsyncClient.from_system(system) as client, AsyncAdminClient.from_system(system) as admin:
            return await run_async(client, admin)

    results = asyncio.run(script())
    for one, other in zip(expected, results, strict=True):
        assert one == other
    failed = {
        name for name, value in expected if isinstance(value, tuple) and str(value[0]).endswith(("Error", "tion"))
    }
    assert failed >= {"again", "missing", "add twice", "add wrong", "get wrong", "query both", "gone", "tenant twice"}
    assert not failed & {"create", "add", "query", "query texts", "get data", "modify", "left", "reset", "list"}


def test_every_method_that_does_something_is_awaited() -> None:
    plain_methods = {"get_settings", "clear_system_cache", "get_model", "from_system"}
    for cls in (AsyncClient, AsyncAdminClient, AsyncCollection):
        for name, value in inspect.getmembers(cls, inspect.isfunction):
            if not name.startswith("_") and name not in plain_methods:
                assert inspect.iscoroutinefunction(value), f"{cls.__name__}.{name}"


def test_what_is_listed_is_a_name_and_a_collection(system: AsyncSystem) -> None:
    async def script() -> None:
        async with await AsyncClient.from_system(system) as client:
            await client.create_collection("abc", embedding_function=None)
            (item,) = await client.list_collections()
            assert item == "abc"
            assert isinstance(item, str)
            assert isinstance(item, AsyncCollection)
            assert await item.count() == 0
            await item.add(ids="a", embeddings=[1, 2])
            assert (await item.query([1, 2]))["ids"] == [["a"]]

    asyncio.run(script())


def test_the_last_client_closes_the_runner(system: AsyncSystem) -> None:
    async def script() -> None:
        one = await AsyncClient.from_system(system)
        other = await AsyncClient.from_system(system)
        collection = await one.create_collection("abc", embedding_function=None)
        await other.close()
        await other.close()
        assert await collection.count() == 0
        with pytest.raises(ClosedClientError):
            await other.heartbeat()
        await one.close()
        with pytest.raises(ClosedClientError):
            await collection.count()

    asyncio.run(script())


def test_a_client_of_a_place_that_is_not_there_leaves_the_others_alone(system: AsyncSystem) -> None:
    async def script() -> None:
        async with await AsyncClient.from_system(system) as client:
            with pytest.raises(NotFoundError, match="nobody"):
                await AsyncClient.from_system(system, tenant="nobody")
            assert await client.count_collections() == 0

    asyncio.run(script())


def test_calls_run_side_by_side(system: AsyncSystem) -> None:
    async def script() -> None:
        async with await AsyncClient.from_system(system) as client:
            collection = await client.create_collection("abc", embedding_function=None)
            await asyncio.gather(*(collection.add(ids=str(i), embeddings=[i, 1]) for i in range(20)))
            assert await collection.count() == 20
            results = await asyncio.gather(*(collection.query([i, 1], n_results=1) for i in range(20)))
            assert [result["ids"] for result in results] == [[[str(i)]] for i in range(20)]

    asyncio.run(script())


def test_embedding_does_not_hold_the_event_loop(system: AsyncSystem) -> None:
    release = threading.Event()

    def slow(texts: Any) -> Any:
        assert release.wait(30)
        return [[1.0, 2.0] for _ in texts]

    async def script() -> None:
        async with await AsyncClient.from_system(system) as client:
            collection = await client.create_collection("abc", embedding_function=slow)
            adding = asyncio.create_task(collection.add(ids="a", documents="x"))
            assert await collection.count() == 0
            assert await client.heartbeat()
            assert not adding.done()
            release.set()
            await adding
            assert await collection.count() == 1

    asyncio.run(script())


@pytest.mark.parametrize("loaded", [[], None])
def test_a_loader_that_gives_too_little_is_a_typed_error(system: AsyncSystem, loaded: Any) -> None:
    async def script() -> None:
        async with await AsyncClient.from_system(system) as client:
            collection = await client.create_collection("abc", embedding_function=None, data_loader=lambda uris: loaded)
            await collection.add(ids="a", embeddings=[1, 2], uris="x")
            with pytest.raises(chromadb.errors.InvalidArgumentError, match="loader"):
                await asyncio.wait_for(collection.get(include=["data"]), 3)

    asyncio.run(script())


def test_one_operation_per_call(system: AsyncSystem) -> None:
    async def script() -> None:
        async with await AsyncClient.from_system(system) as client:
            collection = await client.create_collection("abc", embedding_function=None)
            runner: Any = system.runner
            runner.operations.clear()
            await collection.add(ids="a", embeddings=[1, 2])
            await collection.upsert(ids="a", embeddings=[1, 2])
            await collection.update(ids="a", embeddings=[1, 2])
            await collection.get()
            await collection.peek()
            await collection.query([1, 2])
            await collection.count()
            await collection.delete(ids="a")
            await collection.modify(name="new")
            assert runner.operations == [
                *("Add", "Upsert", "Update", "Get", "Get", "Query", "Count", "Delete"),
                "ModifyCollection",
            ]

    asyncio.run(script())

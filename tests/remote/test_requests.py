"""What a client sends, and when it sends it again."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import threading
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

import chromadb
from chromadb.api.client import AdminClient
from chromadb.config import Settings
from chromadb.errors import (
    ChromaError,
    ClosedClientError,
    InvalidArgumentError,
    InvalidDimensionException,
    RequestTooLargeError,
    ServerBusyError,
    ServerConnectionError,
    UnsupportedError,
)

ID = "11111111-1111-1111-1111-111111111111"
HERE = "/api/v2/tenants/default_tenant/databases/default_database"
COLLECTION = {
    "id": ID,
    "name": "abc",
    "metadata": None,
    "dimension": None,
    "tenant": "default_tenant",
    "database": "default_database",
    "configuration_json": {"hnsw": {"space": "l2"}},
}
RECORDS = f"{HERE}/collections/{ID}"
BUSY = ({"error": "ChromaError", "message": "Busy", "type": "ServerBusyError"}, 503)


@pytest.fixture
def client(stub: Any) -> Any:
    """Return a client of the stub, whose requests until here are forgotten."""
    stub.answers[f"{HERE}/collections/abc"] = COLLECTION
    with chromadb.HttpClient(port=stub.port) as made:
        stub.asked.clear()
        yield made


@pytest.fixture
def collection(client: Any, stub: Any) -> Any:
    """Return a collection of the stub."""
    made = client.get_collection("abc", embedding_function=None)
    stub.asked.clear()
    return made


def test_what_is_sent_first(stub: Any) -> None:
    with chromadb.HttpClient(port=stub.port):
        pass
    assert stub.paths == [
        "/api/v2/pre-flight-checks",
        "/api/v2/tenants/default_tenant",
        "/api/v2/tenants/default_tenant/databases/default_database",
    ]
    assert len({asked.connection for asked in stub.asked}) == 1


def test_headers_of_every_request(stub: Any, collection: Any) -> None:
    stub.answers[f"{RECORDS}/count"] = 3
    stub.answers[f"{RECORDS}/add"] = ({}, 201)
    assert collection.count() == 3
    collection.add("a", [1, 2])
    count, add = stub.asked
    for asked in (count, add):
        assert asked.headers["user-agent"] == "Chroma Python Client v1.5.9 (extended)"
        assert asked.headers["accept"] == "application/json"
    assert "content-type" not in count.headers
    assert add.headers["content-type"] == "application/json"


def test_headers_stay_with_their_client(stub: Any) -> None:
    one = chromadb.HttpClient(port=stub.port, headers={"X-One": "1"})
    other = chromadb.HttpClient(port=stub.port, settings=Settings(chroma_server_headers={"X-Other": "2"}))
    third = chromadb.HttpClient(port=stub.port)
    stub.asked.clear()
    for client in (one, other, third, one):
        client.heartbeat()
    assert [(a.headers.get("x-one"), a.headers.get("x-other")) for a in stub.asked] == [
        ("1", None),
        (None, "2"),
        (None, None),
        ("1", None),
    ]
    assert len({asked.connection for asked in stub.asked}) == 3
    for client in (one, other, third):
        client.close()


def test_asynchronous_headers_stay_with_their_client(stub: Any) -> None:
    async def main() -> None:
        one = await chromadb.AsyncHttpClient(port=stub.port, headers={"X-One": "1"})
        other = await chromadb.AsyncHttpClient(port=stub.port)
        stub.asked.clear()
        await asyncio.gather(one.heartbeat(), other.heartbeat())
        await one.close()
        await other.close()

    asyncio.run(main())
    assert sorted(asked.headers.get("x-one", "") for asked in stub.asked) == ["", "1"]


def test_arguments_go_before_the_headers_of_the_settings(stub: Any) -> None:
    settings = Settings(chroma_server_headers={"A": "settings", "B": "settings"})
    with chromadb.HttpClient(port=stub.port, headers={"a": "argument"}, settings=settings) as client:
        client.heartbeat()
    assert (stub.asked[-1].headers["a"], stub.asked[-1].headers["b"]) == ("argument", "settings")


# --- again -------------------------------------------------------------------------------------------


def test_a_read_is_sent_again_when_the_connection_breaks(stub: Any, client: Any) -> None:
    stub.answers["/api/v2/heartbeat"] = [None, ({"nanosecond heartbeat": 5}, 200)]
    assert client.heartbeat() == 5
    assert len(stub.asked) == 2


def test_a_read_is_sent_again_when_the_server_is_unavailable(stub: Any, collection: Any) -> None:
    stub.answers[f"{RECORDS}/get"] = [(b"", 502), (b"", 503), ({"ids": []}, 200)]
    assert collection.get(include=[])["ids"] == []
    assert len(stub.asked) == 3


def test_a_write_is_not_sent_again_when_the_connection_breaks(stub: Any, collection: Any) -> None:
    stub.answers[f"{RECORDS}/add"] = [None, ({}, 201)]
    with pytest.raises(ServerConnectionError, match=r"broke: .*may be written or not"):
        collection.add("a", [1, 2])
    assert len(stub.asked) == 1


def test_a_write_that_was_not_begun_is_sent_again(stub: Any, collection: Any) -> None:
    stub.answers[f"{RECORDS}/add"] = [BUSY, ({}, 201)]
    collection.add("a", [1, 2])
    assert len(stub.asked) == 2


def test_the_server_may_ask_for_a_pause(stub: Any, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(client._runner._transport, "pause", pauses.append)
    body, status = BUSY
    stub.answers["/api/v2/heartbeat"] = [(body, status, {"retry-after": "2"}), BUSY, ({"nanosecond heartbeat": 5}, 200)]
    assert client.heartbeat() == 5
    assert pauses == [2, 4]
    stub.answers["/api/v2/heartbeat"] = (body, status, {"retry-after": "3600"})
    with pytest.raises(ServerBusyError):
        client.heartbeat()
    assert len(pauses) == 2


def test_there_is_an_end_to_it(stub: Any) -> None:
    settings = Settings(chroma_http_retries=1)
    with chromadb.HttpClient(port=stub.port, settings=settings) as client:
        stub.asked.clear()
        stub.answers["/api/v2/heartbeat"] = BUSY
        with pytest.raises(ServerBusyError, match="Busy"):
            client.heartbeat()
        assert len(stub.asked) == 2
        stub.answers["/api/v2/heartbeat"] = None
        with pytest.raises(ServerConnectionError):
            client.heartbeat()
        assert len(stub.asked) == 4


def test_a_server_that_comes_back(stub: Any, client: Any) -> None:
    # The connection is closed by the server while it is idle.
    stub.answers["/api/v2/heartbeat"] = lambda asked: ({"nanosecond heartbeat": 7}, 200, {"connection": "close"})
    assert [client.heartbeat() for _ in range(3)] == [7, 7, 7]
    assert len({asked.connection for asked in stub.asked}) == 3


# --- large writes ------------------------------------------------------------------------------------


def bodies(stub: Any) -> list[dict[str, Any]]:
    return [json.loads(asked.body) for asked in stub.asked]


def test_a_large_write_is_sent_in_parts_that_the_server_takes(stub: Any, collection: Any) -> None:
    stub.answers[f"{RECORDS}/add"] = ({}, 201)
    ids = [str(row) for row in range(250)]
    collection.add(ids, np.zeros((250, 2)), [{"n": row} for row in range(250)], [f"d{row}" for row in range(250)])
    sent = bodies(stub)
    assert [len(body["ids"]) for body in sent] == [100, 100, 50]
    assert [id for body in sent for id in body["ids"]] == ids
    assert [metadata["n"] for body in sent for metadata in body["metadatas"]] == list(range(250))
    assert all(len(body[name]) == len(body["ids"]) for body in sent for name in ("embeddings", "documents"))


def test_vectors_stay_with_their_records_in_an_update(stub: Any, collection: Any) -> None:
    stub.answers[f"{RECORDS}/update"] = {}
    vectors = [[row, row] if row % 3 == 0 else None for row in range(250)]
    collection.update([str(row) for row in range(250)], embeddings=vectors)
    sent = [(id, vector) for body in bodies(stub) for id, vector in zip(body["ids"], body["embeddings"], strict=True)]
    assert len(sent) == 250
    assert all((vector is not None) == (int(id) % 3 == 0) for id, vector in sent)


def test_a_part_without_vectors(stub: Any, collection: Any) -> None:
    stub.answers[f"{RECORDS}/update"] = {}
    collection.update([str(row) for row in range(150)], embeddings=[[1, 2]] + [None] * 149)
    assert [body.get("embeddings") is None for body in bodies(stub)] == [False, True]


def test_a_write_of_too_many_bytes_is_cut_smaller(stub: Any, collection: Any) -> None:
    def answer(asked: Any) -> Any:
        return (b"too large", 413) if len(json.loads(asked.body)["ids"]) > 30 else ({}, 200)

    stub.answers[f"{RECORDS}/upsert"] = answer
    collection.upsert([str(row) for row in range(100)], np.zeros((100, 2)))
    lengths = [len(body["ids"]) for body in bodies(stub)]
    assert lengths == [100, 50, 25, 25, 25, 25]


def test_a_single_record_that_is_too_large(stub: Any, collection: Any) -> None:
    stub.answers[f"{RECORDS}/add"] = (b"too large", 413)
    with pytest.raises(RequestTooLargeError):
        collection.add("a", [1, 2])


def test_what_is_written_when_a_later_part_fails(stub: Any, collection: Any) -> None:
    told = {"error": "InvalidArgumentError", "message": "Wrong dimension.", "type": "InvalidDimensionException"}
    stub.answers[f"{RECORDS}/add"] = [({}, 201), ({}, 201), (told, 400)]
    with pytest.raises(InvalidDimensionException, match=r"Wrong dimension\. .*first 200 of 250 records are written"):
        collection.add([str(row) for row in range(250)], np.zeros((250, 2)))
    assert len(stub.asked) == 3


def test_nothing_is_said_of_parts_when_the_first_fails(stub: Any, collection: Any) -> None:
    stub.answers[f"{RECORDS}/add"] = ({"error": "InvalidArgumentError", "message": "No."}, 400)
    with pytest.raises(ValueError, match=r"^No\.$"):
        collection.add([str(row) for row in range(250)], np.zeros((250, 2)))


def test_vectors_travel_as_the_server_likes_them(stub: Any) -> None:
    vectors = np.array([[0.1, -1e-45], [3e38, 0]], dtype=np.float32)
    for base64 in (True, False):
        stub.answers["/api/v2/pre-flight-checks"] = {"max_batch_size": 100, "supports_base64_encoding": base64}
        stub.answers[f"{HERE}/collections/abc"] = COLLECTION
        stub.answers[f"{RECORDS}/add"] = ({}, 201)
        with chromadb.HttpClient(port=stub.port) as client:
            client.get_collection("abc", embedding_function=None).add(["a", "b"], vectors)
        sent = json.loads(stub.asked[-1].body)["embeddings"]
        assert [isinstance(vector, str) for vector in sent] == [base64, base64]
        if not base64:
            assert np.array_equal(np.array(sent, dtype=np.float32), vectors)


# --- what a server of others cannot do ---------------------------------------------------------------


def test_what_would_silently_be_done_otherwise_is_refused(stub: Any) -> None:
    stub.answers["/api/v2/pre-flight-checks"] = {"max_batch_size": 100}
    stub.answers["/api/v2/version"] = "0.6.3"
    stub.answers[f"{HERE}/collections/abc"] = COLLECTION
    with chromadb.HttpClient(port=stub.port) as client:
        collection = client.get_collection("abc", embedding_function=None)
        stub.asked.clear()
        for call in (
            client.check,
            collection.get_indexing_status,
            lambda: collection.query([1, 2], exact=True),
            lambda: collection.query([1, 2], ef_search=5),
            lambda: collection.query([1, 2], ids=["a"]),
            lambda: collection.modify(configuration={"hnsw": {"ef_search": 5}}),
            lambda: collection.add("a", [1, 2], {"list": [1]}),
            lambda: collection.update("a", metadatas={"key": None}),
            lambda: collection.update(["a", "b"], embeddings=[[1, 2], None]),
        ):
            with pytest.raises(UnsupportedError, match=r"is Chroma 0\.6\.3, which does not know"):
                call()
        assert stub.asked == []


def test_what_another_server_does_not_know_is_named(stub: Any) -> None:
    stub.answers["/api/v2/version"] = "0.5.23"
    stub.answers["/api/v2/pre-flight-checks"] = {"max_batch_size": 100}
    for answer in (({"detail": "Method Not Allowed"}, 405), (b"", 404)):
        stub.answers["/api/v2/tenants/default_tenant/databases"] = answer
        with (
            chromadb.HttpClient(port=stub.port) as client,
            AdminClient.from_system(client._system) as admin,
            pytest.raises(UnsupportedError, match=r"is Chroma 0\.5\.23, which does not know GET /api/v2/tenants"),
        ):
            admin.list_databases()


# --- life --------------------------------------------------------------------------------------------


def test_a_closed_client(stub: Any, client: Any, collection: Any) -> None:
    client.close()
    client.close()
    for call in (client.heartbeat, collection.count, lambda: collection.add("a", [1, 2])):
        with pytest.raises(ClosedClientError):
            call()
    assert stub.asked == []


def test_a_client_that_is_closed_while_others_use_it(stub: Any, client: Any) -> None:
    begun, go = threading.Event(), threading.Event()
    ends: list[type[BaseException] | int] = []

    def answer(asked: Any) -> Any:
        begun.set()
        go.wait(10)
        return {"nanosecond heartbeat": 1}

    def use() -> None:
        for _ in range(3):
            try:
                ends.append(client.heartbeat())
            except ChromaError as error:
                ends.append(type(error))

    stub.answers["/api/v2/heartbeat"] = answer
    thread = threading.Thread(target=use)
    thread.start()
    begun.wait(10)
    client.close()
    go.set()
    thread.join()
    assert ends[-2:] == [ClosedClientError, ClosedClientError]


def test_a_client_that_is_closed_between_two_steps_of_a_request(
    stub: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread closes when this one has made its request, and no connection; none is made any more."""
    transport = client._system.runner._transport
    send, made = transport.send, []

    def late(request: Any) -> Any:
        client.close()
        monkeypatch.setattr(httpx, "Client", lambda **options: made.append(options))
        return send(request)

    monkeypatch.setattr(transport, "send", late)
    with pytest.raises(ClosedClientError):
        client.heartbeat()
    assert not made
    assert stub.asked == []


def test_a_client_that_is_closed_when_its_request_has_connections(
    stub: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = client._system.runner._transport
    connections = transport._client

    def late() -> Any:
        found = connections()
        client.close()
        return found

    monkeypatch.setattr(transport, "_client", late)
    with pytest.raises(ClosedClientError):
        client.heartbeat()


def test_an_asynchronous_client_that_is_closed_between_two_steps_of_a_request(
    stub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def close_late(*, connected: bool) -> None:
        client = await chromadb.AsyncHttpClient(port=stub.port)
        transport = client._system.runner._transport
        patched, name = (transport._client(), "request") if connected else (transport, "send")
        request = getattr(patched, name)

        async def late(*args: Any, **kwargs: Any) -> Any:
            await client.close()
            return await request(*args, **kwargs)

        monkeypatch.setattr(patched, name, late)
        with pytest.raises(ClosedClientError):
            await client.heartbeat()

    stub.asked.clear()
    asyncio.run(close_late(connected=False))
    asyncio.run(close_late(connected=True))
    assert "/api/v2/heartbeat" not in stub.paths


def test_clients_of_one_system_share_it_until_the_last_is_closed(stub: Any, client: Any) -> None:
    other = chromadb.ClientAPI.from_system(client._system)
    client.close()
    assert other.heartbeat() == 1
    other.close()
    with pytest.raises(ClosedClientError):
        other.heartbeat()


def test_what_tools_read(stub: Any, client: Any, collection: Any) -> None:
    from chromadb.api.fastapi import FastAPI

    assert isinstance(client._server, FastAPI)
    assert collection._client.base_url == stub.url
    assert stub.url in repr(client)
    assert client.get_settings().chroma_api_impl == "chromadb.api.fastapi.FastAPI"


def test_threads_share_a_client(stub: Any, client: Any) -> None:
    beats: list[int] = []
    threads = [threading.Thread(target=lambda: beats.extend(client.heartbeat() for _ in range(20))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert beats == [1] * 160


def test_connections_at_once_are_limited(stub: Any) -> None:
    settings = Settings(chroma_http_max_connections=2, chroma_http_max_keepalive_connections=1)
    with chromadb.HttpClient(port=stub.port, settings=settings) as client:
        at_work, most, lock = 0, 0, threading.Lock()
        two = threading.Barrier(2)

        def answer(asked: Any) -> Any:
            nonlocal at_work, most
            with lock:
                at_work += 1
                most = max(most, at_work)
            two.wait(10)
            with lock:
                at_work -= 1
            return {"nanosecond heartbeat": 1}

        stub.answers["/api/v2/heartbeat"] = answer
        threads = [threading.Thread(target=client.heartbeat) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert most == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_child_process_makes_connections_of_its_own(stub: Any, client: Any) -> None:
    client.heartbeat()
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if client.heartbeat() == 1 else 1)
        except BaseException:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    client.heartbeat()
    first, in_child, last = [asked.connection for asked in stub.asked]
    assert first == last != in_child


# A loop that ends takes its connections along, unclosed.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_asynchronous_client_in_several_event_loops(stub: Any) -> None:
    made: list[Any] = []

    async def make() -> None:
        made.append(await chromadb.AsyncHttpClient(port=stub.port))

    asyncio.run(make())
    client = made[0]

    async def beat() -> int:
        beats = await asyncio.gather(*(client.heartbeat() for _ in range(3)))
        return sum(beats)

    assert [asyncio.run(beat()) for _ in range(3)] == [3, 3, 3]
    asyncio.run(client.close())
    with pytest.raises(ClosedClientError):
        asyncio.run(client.heartbeat())
    gc.collect()


def test_an_asynchronous_request_that_is_cancelled_harms_no_other(stub: Any) -> None:
    waiting, go = threading.Event(), threading.Event()

    def answer(asked: Any) -> Any:
        waiting.set()
        go.wait(10)
        return {"nanosecond heartbeat": 1}

    async def main() -> int:
        async with await chromadb.AsyncHttpClient(port=stub.port) as client:
            stub.answers["/api/v2/heartbeat"] = answer
            task = asyncio.create_task(client.heartbeat())
            await asyncio.to_thread(waiting.wait, 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            go.set()
            return await client.heartbeat()

    assert asyncio.run(main()) == 1


def test_a_proxy_of_the_environment_is_used(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = serve()
    proxy.answers = {f"http://chroma.example{path}": answer for path, answer in proxy.answers.items()}
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
    with chromadb.HttpClient(host="http://chroma.example") as client:
        assert client.heartbeat() == 1


@pytest.mark.parametrize(
    ("proxy", "message"), [("ftp://127.0.0.1:1", "got ftp://"), ("socks5://127.0.0.1:1", "pip install socksio")]
)
def test_a_proxy_that_cannot_be_used_is_named(proxy: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    monkeypatch.setattr("chromadb._client.http.options.find_spec", lambda name: None)
    with pytest.raises(InvalidArgumentError, match=message):
        chromadb.HttpClient(host="chroma.example")


def test_no_proxy_leads_to_this_machine_or_to_what_is_excepted(
    stub: Any, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port}")
    with chromadb.HttpClient(port=stub.port) as client:
        assert client.heartbeat() == 1
    monkeypatch.setenv("NO_PROXY", "nowhere.invalid")
    with pytest.raises(ServerConnectionError, match="cannot be resolved"):
        chromadb.HttpClient(host="nowhere.invalid", settings=Settings(chroma_http_retries=0))

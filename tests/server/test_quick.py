"""Quick reads are done in the event loop, all others in threads; what is quick is found out, and forgotten in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from chromadb._model import operations as op
from chromadb._model.entities import Address
from chromadb._model.operations import Selection
from chromadb._model.where import parse_filter
from chromadb._server.quick import COLLECTIONS, KINDS, QUICK, QuickReads
from chromadb._storage.local.derived.segments import LOOK_SECONDS

HERE = Address(None, None, uuid4())
ONE = np.ones((1, 3), dtype=np.float32)
FILTERED = Selection(None, parse_filter({"n": 1}))


@pytest.mark.parametrize(
    "operation",
    [
        op.Count(HERE),
        op.Query(HERE, ONE),
        op.Query(HERE, ONE, selection=Selection(["a", "b"])),
        op.Get(HERE, Selection(["a"])),
        op.Get(HERE, limit=10, offset=5),
    ],
)
def test_a_small_read_is_quick_once_it_was(operation: Any) -> None:
    reads = QuickReads(lambda _: True)
    assert not reads.allows(operation)
    reads.note(operation, QUICK / 2)
    assert reads.allows(operation)
    reads.note(operation, QUICK * 2)
    assert not reads.allows(operation)


@pytest.mark.parametrize(
    "operation",
    [
        op.Query(HERE, ONE, selection=FILTERED),
        op.Query(HERE, ONE, n_results=10_000),
        op.Query(HERE, np.ones((50, 3), dtype=np.float32)),
        op.Query(HERE, ONE, exact=True),
        op.Get(HERE),
        op.Get(HERE, FILTERED, limit=1),
        op.Get(HERE, Selection([str(i) for i in range(1000)])),
        op.GetIndexingStatus(HERE),
        op.Delete(HERE, FILTERED),
    ],
)
def test_what_may_cost_anything_is_never_quick(operation: Any) -> None:
    reads = QuickReads(lambda _: True)
    reads.note(operation, 0.0)
    assert not reads.allows(operation)


def test_what_has_something_to_load_first_is_not_quick() -> None:
    ready = False
    reads = QuickReads(lambda _: ready)
    reads.note(op.Count(HERE), 0.0)
    assert not reads.allows(op.Count(HERE))
    ready = True
    assert reads.allows(op.Count(HERE))


def test_one_read_says_nothing_about_others() -> None:
    reads = QuickReads(lambda _: True)
    reads.note(op.Query(HERE, ONE), 0.0)
    assert not reads.allows(op.Query(HERE, ONE, n_results=100))
    assert not reads.allows(op.Query(HERE, ONE, include=("embeddings",)))
    assert not reads.allows(op.Query(Address(None, None, uuid4()), ONE))
    assert not reads.allows(op.Count(HERE))


def test_a_write_to_the_collection_makes_it_unknown_again() -> None:
    reads, elsewhere = QuickReads(lambda _: True), Address(None, None, uuid4())
    for address in (HERE, elsewhere):
        reads.note(op.Count(address), 0.0)
    reads.forget(HERE.collection)
    assert not reads.allows(op.Count(HERE))
    assert reads.allows(op.Count(elsewhere))


def test_a_client_that_asks_in_ever_other_ways_fills_no_memory() -> None:
    reads = QuickReads(lambda _: True)
    for ef_search in range(1, KINDS + 2):
        reads.note(op.Query(HERE, ONE, ef_search=ef_search), 0.0)
    assert [len(kinds) for kinds in reads._quick.values()] == [KINDS]
    assert not reads.allows(op.Query(HERE, ONE, ef_search=1))
    assert reads.allows(op.Query(HERE, ONE, ef_search=2))
    assert reads.allows(op.Query(HERE, ONE, ef_search=KINDS + 1))


def test_of_many_collections_the_last_ones_are_remembered() -> None:
    reads = QuickReads(lambda _: True)
    addresses = [Address(None, None, uuid4()) for _ in range(COLLECTIONS + 1)]
    for address in addresses[:-1]:
        reads.note(op.Count(address), 0.0)
    reads.note(op.Count(addresses[0]), 0.0)
    reads.note(op.Count(addresses[-1]), 0.0)
    assert len(reads._quick) == COLLECTIONS
    assert reads.allows(op.Count(addresses[0]))
    assert not reads.allows(op.Count(addresses[1]))
    assert reads.allows(op.Count(addresses[-1]))


@pytest.fixture
def threads_of(make_api: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """An application, and the names of the threads that ran its operations."""
    api = make_api()
    names: list[str] = []
    run = api.application._engine.run

    def noted(operation: Any) -> Any:
        names.append(threading.current_thread().name)
        return run(operation)

    monkeypatch.setattr(api.application._engine, "run", noted)
    return api, names


def test_the_server_goes_back_to_threads_after_a_write(threads_of: Any) -> None:
    api, names = threads_of
    collections = "/api/v2/tenants/default_tenant/databases/default_database/collections"
    path = f"{collections}/{api.send('POST', collections, {'name': 'letters'}).json['id']}"
    add = {"ids": ["a"], "embeddings": [[1, 0]]}
    names.clear()
    for method, name, body in (
        ("GET", "count", None),
        ("GET", "count", None),
        ("POST", "add", add),
        ("GET", "count", None),
        ("GET", "count", None),
        ("POST", "get", {"where": {"n": 1}}),
        ("POST", "get", {"where": {"n": 1}}),
    ):
        assert api.send(method, f"{path}/{name}", body).status < 300
    in_place = [name == "MainThread" for name in names]
    assert in_place == [False, True, False, False, True, False, False]


QUERY = {"query_embeddings": [[1, 0, 0]], "n_results": 1, "include": []}


def filled(api: Any, count: int) -> tuple[str, UUID]:
    """Make a collection of a server, and return its path and its id."""
    collections = "/api/v2/tenants/default_tenant/databases/default_database/collections"
    id = api.send("POST", collections, {"name": f"notes-{count}"}).json["id"]
    vectors = np.random.default_rng(count).normal(size=(count, 3)).round(3).tolist()
    body = {"ids": [str(row) for row in range(count)], "embeddings": vectors}
    assert api.send("POST", f"{collections}/{id}/add", body).status == 201
    return f"{collections}/{id}", UUID(id)


def threads(api: Any, path: str, names: list[str]) -> list[bool]:
    """Return of two queries, one after the other, whether they were done in place."""
    names.clear()
    for _ in range(2):
        assert api.send("POST", f"{path}/query", QUERY).status == 200
    return [name == "MainThread" for name in names]


@pytest.fixture
def served(make_api: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A function that makes an application on a directory; it gives the names of the threads of its operations too."""

    def make(**settings: Any) -> Any:
        api = make_api(is_persistent=True, persist_directory=str(tmp_path / "data"), **settings)
        names: list[str] = []
        run = api.application._engine.run

        def noted(operation: Any) -> Any:
            names.append(threading.current_thread().name)
            return run(operation)

        monkeypatch.setattr(api.application._engine, "run", noted)
        # However busy the machine is.
        monkeypatch.setattr(api.application._quick, "note", partial(api.application._quick.note, most=60.0))
        return api, names

    return make


def test_a_collection_that_was_closed_to_make_room_is_opened_in_a_thread(served: Any) -> None:
    api, names = served(chroma_max_open_collections=1)
    (one, _), (other, _) = filled(api, 10), filled(api, 11)
    for path in (one, other, one):
        assert threads(api, path, names) == [False, True]


def test_a_graph_that_another_process_has_built_is_opened_in_a_thread(served: Any, tmp_path: Path) -> None:
    api, names = served()
    path, id = filled(api, 50)
    assert threads(api, path, names) == [False, True]
    assert threads(api, path, names) == [True, True]
    # A segment that is damaged is looked at as any other, and costs as much.
    (tmp_path / "data" / "collections" / str(id) / "index" / "of-another").mkdir(parents=True)
    time.sleep(LOOK_SECONDS)
    assert threads(api, path, names) == [False, True]


def test_nobody_waits_in_place_for_a_graph_that_is_put_in(served: Any) -> None:
    api, names = served()
    path, id = filled(api, 50)
    assert threads(api, path, names) == [False, True]
    store = api.application._engine.backend._open.leases[id].store
    assert api.application._engine.is_ready(op.Query(Address(None, None, id), ONE))
    with store._advancing:
        assert not api.application._engine.is_ready(op.Query(Address(None, None, id), ONE))
        assert api.application._engine.is_ready(op.Count(Address(None, None, id)))

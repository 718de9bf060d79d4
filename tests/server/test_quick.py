"""Quick reads are done in the event loop, all others in threads; what is quick is found out, and forgotten in time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from chromadb._model import operations as op
from chromadb._model.entities import Address
from chromadb._model.operations import Selection
from chromadb._model.where import parse_filter
from chromadb._server.quick import COLLECTIONS, KINDS, QUICK, QuickReads

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
    reads = QuickReads()
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
    reads = QuickReads()
    reads.note(operation, 0.0)
    assert not reads.allows(operation)


def test_one_read_says_nothing_about_others() -> None:
    reads = QuickReads()
    reads.note(op.Query(HERE, ONE), 0.0)
    assert not reads.allows(op.Query(HERE, ONE, n_results=100))
    assert not reads.allows(op.Query(HERE, ONE, include=("embeddings",)))
    assert not reads.allows(op.Query(Address(None, None, uuid4()), ONE))
    assert not reads.allows(op.Count(HERE))


def test_a_write_to_the_collection_makes_it_unknown_again() -> None:
    reads, elsewhere = QuickReads(), Address(None, None, uuid4())
    for address in (HERE, elsewhere):
        reads.note(op.Count(address), 0.0)
    reads.forget(HERE.collection)
    assert not reads.allows(op.Count(HERE))
    assert reads.allows(op.Count(elsewhere))


def test_a_client_that_asks_in_ever_other_ways_fills_no_memory() -> None:
    reads = QuickReads()
    for ef_search in range(1, KINDS + 2):
        reads.note(op.Query(HERE, ONE, ef_search=ef_search), 0.0)
    assert [len(kinds) for kinds in reads._quick.values()] == [KINDS]
    assert not reads.allows(op.Query(HERE, ONE, ef_search=1))
    assert reads.allows(op.Query(HERE, ONE, ef_search=2))
    assert reads.allows(op.Query(HERE, ONE, ef_search=KINDS + 1))


def test_of_many_collections_the_last_ones_are_remembered() -> None:
    reads = QuickReads()
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

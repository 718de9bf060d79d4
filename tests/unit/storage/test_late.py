"""Large graphs are verified while the cells of their segment answer."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chromadb._model.operations import Selection
from chromadb._model.where import parse_filter
from chromadb._storage.local.derived import builder, late, sealing, segments

EVERYTHING, COUNT, DIMENSION = Selection(), 1500, 8
VECTORS = np.random.default_rng(3).normal(size=(COUNT, DIMENSION)).astype(np.float32)
QUERIES = np.random.default_rng(4).normal(size=(20, DIMENSION)).astype(np.float32)
FILTERS = [None, {"k": {"$lt": 3}}, {"k": {"$ne": 5}}, {"number": {"$gt": 1400}}, {"number": {"$lt": 700}}]


@pytest.fixture
def sealed(
    open_backend: Any, create: Any, records: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[[float], tuple[Any, Any]]:
    """Give a backend with a segment whose graph is verified after some seconds, and the address of the collection."""
    monkeypatch.setattr(sealing, "SEAL_FROM", 200)
    monkeypatch.setattr(builder, "QUIET", 3600.0)
    backend = open_backend()
    address = create(backend)
    with backend.open(address) as store:
        metadatas = [{"k": number % 10, "number": number} for number in range(COUNT)]
        ids = [str(number) for number in range(COUNT)]
        store.write("add", records(ids, vectors=VECTORS, metadatas=metadatas))
        store.build(threading.Event())
    backend.close()
    monkeypatch.setattr(segments, "LATE", 0)

    def opened(pause: float) -> tuple[Any, Any]:
        monkeypatch.setattr(late, "PAUSE", pause)
        return open_backend(), address

    return opened


def graph_of(store: Any) -> Any:
    (segment,) = store._segments._open.values()
    return segment.graph


def arrives(store: Any) -> None:
    deadline = time.monotonic() + 10
    while not graph_of(store).here:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def results_are_right(store: Any) -> None:
    for where in FILTERS:
        selection = EVERYTHING if where is None else Selection(filter=parse_filter(where))
        for n in (1, 10, COUNT):
            found = store.query(QUERIES, n, selection, ("distances",))
            exact = store.query(QUERIES, n, selection, ("distances",), exact=True)
            assert [len(each.ids) for each in found] == [len(each.ids) for each in exact]
            hits = sum(len(set(each.ids) & set(true.ids)) for each, true in zip(found, exact, strict=True))
            assert hits >= 0.98 * sum(len(each.ids) for each in exact)
            for each, true in zip(found, exact, strict=True):
                assert np.all(np.diff(each.distances) >= 0)
                assert np.all(each.distances >= true.distances - 1e-6)


def test_the_cells_answer_until_the_graph_is_here(sealed: Any) -> None:
    backend, address = sealed(3600.0)
    with backend.open(address) as store:
        results_are_right(store)
        assert not graph_of(store).here
        assert len(graph_of(store)) == COUNT
        assert graph_of(store).nbytes == 0
    backend.close()
    backend, address = sealed(0.0)
    with backend.open(address) as store:
        store.query(QUERIES, 1, EVERYTHING, ())
        arrives(store)
        results_are_right(store)
        assert len(graph_of(store)) == COUNT
    backend.close()


def test_nothing_goes_on_after_closing(sealed: Any) -> None:
    backend, address = sealed(3600.0)
    with backend.open(address) as store:
        store.query(QUERIES, 1, EVERYTHING, ())
        assert "chroma-verify" in [thread.name for thread in threading.enumerate()]
    backend.close()
    deadline = time.monotonic() + 10
    while "chroma-verify" in [thread.name for thread in threading.enumerate()]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_writes_and_a_build_meanwhile(sealed: Any, records: Any) -> None:
    backend, address = sealed(3600.0)
    with backend.open(address) as store:
        store.query(QUERIES, 1, EVERYTHING, ())
        store.write("add", records(["new"], vectors=QUERIES[:1], metadatas=[{"k": 1, "number": 0}]))
        assert store.query(QUERIES[:1], 1, EVERYTHING, ())[0].ids == ["new"]
        store.delete(Selection(filter=parse_filter({"k": {"$lt": 5}})))
        results_are_right(store)
        store.build(threading.Event())
        results_are_right(store)
        assert store.check() == []
    backend.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_process_verifies_the_graph_itself(sealed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, address = sealed(3600.0)
    with backend.open(address) as store:
        store.query(QUERIES, 1, EVERYTHING, ())
        monkeypatch.setattr(late, "PAUSE", 0.0)
        pid = os.fork()
        if pid == 0:
            try:
                arrives(store)
                results_are_right(store)
                os._exit(0)
            except BaseException:
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
        assert not graph_of(store).here
    backend.close()

"""A process that is forked off while a backend is in use."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chromadb._model.operations import Selection
from chromadb._model.where import parse_filter

if not hasattr(os, "fork"):
    pytest.skip("this system has no fork", allow_module_level=True)

# Python warns of forks beside threads: they are what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

EVERYTHING = Selection()
ORIGIN = np.zeros((1, 2), dtype=np.float32)


def in_child(task: Callable[[], None]) -> int:
    """Run `task` in a forked process; return its exit code, negative for a signal: SIGALRM if it hangs."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        try:
            task()
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("in_memory", [True, False])
def test_parent_and_child_both_go_on(open_backend: Any, create: Any, records: Any, in_memory: bool) -> None:
    backend = open_backend(None) if in_memory else open_backend()
    address = create(backend)
    with backend.open(address) as store:
        store.write("add", records(["a", "b"], metadatas=[{"k": 1}, {"k": 2}]))
        store.query(ORIGIN, 1, Selection(filter=parse_filter({"k": 1})), ())

    def child() -> None:
        with backend.open(address) as store:
            assert store.get(EVERYTHING, None, 0, ()).ids == ["a", "b"]
            store.write("add", records(["child"], metadatas=[{"k": 1}]))
            assert store.query(ORIGIN, 9, Selection(filter=parse_filter({"k": 1})), ())[0].ids == ["a", "child"]
            assert store.delete(Selection(filter=parse_filter({"k": 2}))) == 1
        create(backend, "of-the-child")
        assert backend.check() == []
        backend.close()

    assert in_child(child) == 0
    expected = ["a", "b"] if in_memory else ["a", "child"]
    with backend.open(address) as store:
        assert store.query(ORIGIN, 9, EVERYTHING, ())[0].ids == expected
        store.write("add", records(["parent"]))
        assert store.get(EVERYTHING, None, 0, ()).ids == [*expected, "parent"]
    assert backend.count_collections("default_tenant", "default_database") == (1 if in_memory else 2)
    assert backend.check() == []


def test_a_child_forked_while_other_threads_work_does_not_hang(open_backend: Any, create: Any, records: Any) -> None:
    backend = open_backend()
    address = create(backend)
    with backend.open(address) as store:
        store.write("add", records(["a"], metadatas=[{"k": 1}]))
    stop = threading.Event()
    errors: list[BaseException] = []

    def work(worker: int) -> None:
        number = 0
        try:
            while not stop.is_set():
                number += 1
                with backend.open(address) as store:
                    store.write("upsert", records([f"{worker}-{number % 50}"], metadatas=[{"k": 2}]))
                    store.query(ORIGIN, 3, Selection(filter=parse_filter({"k": 2})), ("documents",))
                    store.delete(Selection(filter=parse_filter({"k": 3})))
                time.sleep(0.002)  # leave the child a gap
        except BaseException as error:
            errors.append(error)

    def child() -> None:
        with backend.open(address) as store:
            store.write("upsert", records(["child"], metadatas=[{"k": 1}]))
            store.delete(Selection(filter=parse_filter({"k": 3})))
            found = store.query(ORIGIN, 1000, Selection(filter=parse_filter({"k": 1})), ())[0].ids
            assert sorted(found) == ["a", "child"]

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(3)]
    for thread in threads:
        thread.start()
    try:
        codes = []
        while len(codes) < 8 and not any(codes):
            codes.append(in_child(child))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert (codes, errors) == ([0] * 8, [])
    assert backend.check() == []


def test_a_child_does_not_wait_for_a_lock_of_a_thread_that_it_does_not_have(
    open_backend: Any, create: Any, records: Any
) -> None:
    backend = open_backend()
    address = create(backend)
    held, go_on = threading.Event(), threading.Event()
    with backend.open(address) as store:
        store.write("add", records(["a", "b"], metadatas=[{"k": 1}, {"k": 2}]))

        def hold() -> None:
            locks = [lock for lock in vars(store).values() if hasattr(lock, "acquire")]
            for lock in locks:
                lock.acquire()
            held.set()
            go_on.wait()
            for lock in locks:
                lock.release()

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        by_filter = Selection(filter=parse_filter({"k": 1}))

        def delete() -> None:
            with backend.open(address) as store:
                store.delete(by_filter)

        def query() -> None:
            with backend.open(address) as store:
                store.query(ORIGIN, 1, by_filter, ())

        codes = [in_child(query), in_child(delete)]
        go_on.set()
        thread.join()
    assert codes == [0, 0]
    with backend.open(address) as store:
        assert store.get(EVERYTHING, None, 0, ()).ids == ["b"]

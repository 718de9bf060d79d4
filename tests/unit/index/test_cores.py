"""Two halves of one piece of work, on two cores where one is idle."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from chromadb._index import cores
from chromadb._index.cores import both

DEADLINE = 20


@pytest.fixture
def available(monkeypatch: pytest.MonkeyPatch) -> Iterator[cores._Cores]:
    """Two cores, whatever this machine has."""
    monkeypatch.setattr(cores, "_available", lambda: 2)
    two = cores._Cores()
    monkeypatch.setattr(cores, "_cores", two)
    yield two
    two.pool.shutdown()
    assert two.idle == 2


@pytest.mark.usefixtures("available")
def test_both_run_side_by_side_and_give_their_results_in_order() -> None:
    meeting = threading.Barrier(2)

    def meet(name: str) -> tuple[str, threading.Thread]:
        meeting.wait(DEADLINE)
        return name, threading.current_thread()

    (first, here), (second, there) = both(lambda: meet("first"), lambda: meet("second"))
    assert (first, second) == ("first", "second")
    assert here is threading.current_thread() is not there


def test_where_other_searches_need_the_cores_each_keeps_to_its_own(available: cores._Cores) -> None:
    threads = []

    def inner() -> threading.Thread:
        return threading.current_thread()

    def outer() -> None:
        threads.extend(both(inner, inner))

    # This one has two cores, so those within it find none idle.
    both(outer, lambda: None)
    assert threads == [threading.current_thread()] * 2
    available.take(1)
    assert both(inner, inner) == [threading.current_thread()] * 2
    available.take(-1)


@pytest.mark.usefixtures("available")
@pytest.mark.parametrize("number", [0, 1])
def test_an_error_of_either_reaches_the_caller_and_frees_the_cores(number: int) -> None:
    def fail() -> int:
        raise ValueError("as it should")

    works = [lambda: 1, lambda: 2]
    works[number] = fail
    for _ in range(5):
        with pytest.raises(ValueError, match="as it should"):
            both(*works)


def test_where_no_thread_can_begin_any_more_the_caller_does_both(available: cores._Cores) -> None:
    available.pool.shutdown()
    assert both(lambda: 1, lambda: 2) == [1, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.usefixtures("available")
def test_a_forked_child_has_threads_of_its_own() -> None:
    assert both(lambda: 1, lambda: 2) == [1, 2]
    child = os.fork()
    if not child:
        os._exit(0 if both(lambda: 1, lambda: 2) == [1, 2] else 1)
    assert os.waitpid(child, 0)[1] == 0

"""A second core for one long search, while it is idle.

Locks: `_Cores.lock` guards the number of busy cores, and is held for an addition.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def _available() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


class _Cores:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.idle = _available()
        # Threads begin with the first that is asked of them.
        self.pool = ThreadPoolExecutor(max(1, self.idle - 1), "chroma-search")

    def take(self, count: int) -> None:
        with self.lock:
            self.idle -= count

    def take_if_idle(self) -> bool:
        with self.lock:
            idle = self.idle > 0
            self.idle -= idle
        return idle


_cores = _Cores()


def both(first: Callable[[], T], second: Callable[[], T]) -> list[T]:
    """Return what two functions return, which run side by side if no other search needs the core.

    To ask another thread takes 0.03 ms. Both have to let go of the interpreter for most of their time.
    """
    cores = _cores
    cores.take(1)
    try:
        future = _begin(cores, second)
        results = [first()]
        results.append(second() if future is None else future.result())
        return results
    finally:
        cores.take(-1)


def _begin(cores: _Cores, work: Callable[[], T]) -> Future[T] | None:
    if not cores.take_if_idle():
        return None
    try:
        future = cores.pool.submit(work)
    except RuntimeError:
        # The interpreter ends.
        cores.take(-1)
        return None
    future.add_done_callback(lambda _: cores.take(-1))
    return future


def _renew() -> None:
    global _cores
    _cores = _Cores()


if hasattr(os, "register_at_fork"):
    # In the child no other thread exists.
    os.register_at_fork(after_in_child=_renew)

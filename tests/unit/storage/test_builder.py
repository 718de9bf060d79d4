"""The background builder: when it builds, in which order, and how it ends."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chromadb._storage.local.derived import builder as builder_module
from chromadb._storage.local.derived.builder import Builder
from chromadb.errors import ClosedClientError

SECONDS = 10.0
"""How long a test waits for what must come."""


class Recorder:
    """Something to build that notes when it was built."""

    def __init__(self, log: list[Any] | None = None, name: str = "", again: int = 0) -> None:
        self.log = [] if log is None else log
        self.name = name
        self.again = again
        self.error: Exception | None = None
        self.built = threading.Semaphore(0)

    def build(self, stop: threading.Event) -> bool:
        self.log.append((self.name, time.monotonic()))
        self.built.release()
        if self.error is not None:
            raise self.error
        self.again -= 1
        return self.again >= 0


class Endless(Recorder):
    """Builds until it is told to stop."""

    def build(self, stop: threading.Event) -> bool:
        super().build(stop)
        assert stop.wait(SECONDS)
        return True


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Builder]:
    monkeypatch.setattr(builder_module, "QUIET", 0.0)
    made = Builder()
    yield made
    made.stop()


def test_nothing_runs_before_the_first_collection_is_due() -> None:
    before = threading.active_count()
    made = Builder()
    assert threading.active_count() == before
    made.stop()
    made.stop()


def test_a_collection_is_built_once_for_each_time_it_is_scheduled(builder: Builder) -> None:
    one = Recorder()
    for _ in range(3):
        builder.schedule(one)
        assert one.built.acquire(timeout=SECONDS)
    assert not one.built.acquire(timeout=0.05)


def test_a_build_waits_for_quiet(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder_module, "QUIET", 0.3)
    one = Recorder()
    for _ in range(10):
        last = time.monotonic()
        builder.schedule(one)
        time.sleep(0.02)
    assert one.built.acquire(timeout=SECONDS)
    assert one.log[0][1] - last >= 0.3
    assert not one.built.acquire(timeout=0.4)


def test_a_collection_that_is_never_quiet_is_built_all_the_same(
    builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder_module, "QUIET", 3600.0)
    monkeypatch.setattr(builder_module, "PATIENCE", 0.1)
    one = Recorder()
    deadline = time.monotonic() + SECONDS
    while not one.log:
        assert time.monotonic() < deadline
        builder.schedule(one)
        time.sleep(0.005)


def test_collections_are_served_in_the_order_in_which_they_became_due(
    builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder_module, "QUIET", 0.05)
    log: list[Any] = []
    collections = [Recorder(log, str(number)) for number in range(8)]
    for collection in collections:
        builder.schedule(collection)
        time.sleep(0.002)
    for collection in collections:
        assert collection.built.acquire(timeout=SECONDS)
    assert [name for name, _ in log] == [str(number) for number in range(8)]


def test_one_with_much_to_do_lets_others_in_between(builder: Builder) -> None:
    log: list[Any] = []
    busy, other = Recorder(log, "busy", again=10**9), Recorder(log, "other")
    builder.schedule(busy)
    assert busy.built.acquire(timeout=SECONDS)
    builder.schedule(other)
    assert other.built.acquire(timeout=SECONDS)
    count = len(log)
    assert busy.built.acquire(timeout=SECONDS)
    builder.stop()
    assert len(log) >= count


def test_what_has_more_to_do_is_built_again(builder: Builder) -> None:
    one = Recorder(again=4)
    builder.schedule(one)
    for _ in range(5):
        assert one.built.acquire(timeout=SECONDS)
    assert not one.built.acquire(timeout=0.05)


@pytest.mark.parametrize(
    ("error", "level"), [(ClosedClientError("closed"), logging.INFO), (RuntimeError("broken"), logging.ERROR)]
)
def test_an_error_is_logged_and_the_next_collection_is_built(
    builder: Builder, caplog: pytest.LogCaptureFixture, error: Exception, level: int
) -> None:
    caplog.set_level(logging.INFO, logger="chromadb.storage")
    bad, good = Recorder(), Recorder()
    bad.error = error
    builder.schedule(bad)
    assert bad.built.acquire(timeout=SECONDS)
    builder.schedule(good)
    assert good.built.acquire(timeout=SECONDS)
    builder.stop()
    assert [record.levelno for record in caplog.records if record.name == "chromadb.storage"] == [level]
    assert str(error) in caplog.text


def test_stop_ends_a_build_and_nothing_is_built_afterwards(builder: Builder) -> None:
    endless, waiting = Endless(), Recorder()
    builder.schedule(endless)
    assert endless.built.acquire(timeout=SECONDS)
    builder.schedule(waiting)
    builder.stop()
    builder.schedule(waiting)
    builder.schedule(endless)
    assert not waiting.built.acquire(timeout=0.05)
    assert len(endless.log) == 1
    assert not [thread for thread in threading.enumerate() if thread is builder._thread]


def test_stop_from_many_threads_and_from_the_build_itself(builder: Builder) -> None:
    class Stopping(Recorder):
        def build(self, stop: threading.Event) -> bool:
            builder.stop()
            return super().build(stop)

    one = Stopping()
    builder.schedule(one)
    assert one.built.acquire(timeout=SECONDS)
    threads = [threading.Thread(target=builder.stop) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
        assert not thread.is_alive()


def test_a_collection_that_is_let_go_is_not_kept_for_its_build(
    builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder_module, "QUIET", 0.2)
    one, other = Recorder(), Recorder()
    builder.schedule(one)
    builder.schedule(other)
    gone, log = weakref.ref(one), one.log
    del one
    assert other.built.acquire(timeout=SECONDS)
    gc.collect()
    assert gone() is None or log
    builder.stop()
    gc.collect()
    assert gone() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_parent_and_child_of_a_fork_in_the_midst_of_a_build_both_go_on(builder: Builder) -> None:
    class Pausing(Recorder):
        def build(self, stop: threading.Event) -> bool:
            super().build(stop)
            go_on.wait(SECONDS)
            return False

    go_on, one = threading.Event(), Pausing()
    builder.schedule(one)
    assert one.built.acquire(timeout=SECONDS)

    def child() -> None:
        other = Recorder()
        builder.schedule(other)
        assert other.built.acquire(timeout=SECONDS)
        builder.stop()

    assert in_child(child) == 0
    go_on.set()
    builder.schedule(one)
    assert one.built.acquire(timeout=SECONDS)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_of_a_stopped_builder_does_not_build(builder: Builder) -> None:
    builder.stop()

    def child() -> None:
        one = Recorder()
        builder.schedule(one)
        assert not one.built.acquire(timeout=0.1)

    assert in_child(child) == 0


def in_child(task: Callable[[], None]) -> int:
    """Run `task` in a forked process; return its exit code, negative for a signal: SIGALRM if it hangs."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        try:
            task()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

"""Observers: what is recorded in this process, for one set of options.

Loads OpenTelemetry: import ``observe`` from ``chromadb._observability`` instead.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from time import monotonic

from chromadb import _tracing
from chromadb._model.entities import Usage
from chromadb._model.operations import AsyncRunner, Runner
from chromadb._observability.instruments import Instruments, Reading
from chromadb._observability.options import Options
from chromadb._observability.provider import Providers
from chromadb._observability.runner import CLIENT, ENGINE, AsyncObservedRunner, ObservedRunner
from chromadb._observability.spans import SpanRecorder

PATIENCE = 3.0
"""Seconds that the end of a process waits for a collector that takes nothing."""

MINUTE = 60.0
"""Seconds that the size of a directory counts as known."""

SCOPE = "chromadb"
"""The instrumentation scope of spans and metrics."""


class Observer:
    """Records spans and metrics. Shared by all that want the same of one process.

    Args:
        options: what is recorded, and where it goes.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self._pid = os.getpid()
        self.users = 0
        """Servers, which leave, and clients, which stay: programs make one for every question."""
        self.providers = Providers(options)
        tracers, meters = self.providers.tracers, self.providers.meters
        self.recorder = None if tracers is None else SpanRecorder(tracers.get_tracer(SCOPE), options.level)
        self.instruments = None if meters is None else Instruments(meters.get_meter(SCOPE))
        _tracing.turn_on()

    def here(self) -> Observer:
        """Return the observer of this process: a child that was forked has connections and threads of its own."""
        return self if self._pid == os.getpid() else observer_of(self.options)

    def engine(self, runner: Runner, usage: Callable[[], Usage], size: Callable[[], int]) -> ObservedRunner:
        """Return an engine whose operations are recorded.

        Args:
            runner: the engine.
            usage: what its open collections take.
            size: what all of it takes on the disk; asked at most once a minute.
        """
        instruments = self.instruments
        forget = [] if instruments is None else _watch_storage(instruments, usage, size)
        return ObservedRunner(runner, self, ENGINE, forget)

    def client(self, runner: Runner) -> ObservedRunner:
        """Return the runner of a client whose operations are recorded."""
        return ObservedRunner(runner, self, CLIENT)

    def async_client(self, runner: AsyncRunner) -> AsyncObservedRunner:
        """Return the runner of an asynchronous client whose operations are recorded."""
        return AsyncObservedRunner(runner, self)

    def leave(self, seconds: float) -> None:
        """Send what waits, for so many seconds at most; the last user ends it."""
        self.users -= 1
        if self.users > 0:
            self.providers.flush(seconds)
        else:
            self.close(seconds)

    def close(self, seconds: float = PATIENCE) -> None:
        """Send what waits, for so many seconds at most, and end."""
        with _lock:
            if _observers.get(self.options) is self:
                del _observers[self.options]
        self.providers.close(seconds)


def observer_of(options: Options) -> Observer:
    """Return the observer of this process for some options; made if there is none yet."""
    with _lock:
        observer = _observers.get(options)
        if observer is None:
            observer = _observers[options] = Observer(options)
        return observer


_lock = threading.Lock()
_observers: dict[Options, Observer] = {}
_inherited: list[Observer] = []


@atexit.register
def _close_all() -> None:
    for observer in list(_observers.values()):
        with suppress(Exception):
            observer.close()


def _begin_anew() -> None:
    global _lock
    _lock = threading.Lock()
    # Neither used nor closed in a child: the connections are those of its parent.
    _inherited.extend(_observers.values())
    _observers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


def _watch_storage(
    instruments: Instruments, usage: Callable[[], Usage], size: Callable[[], int]
) -> list[Callable[[], None]]:
    def reading(field: str) -> Callable[[], Iterable[Reading]]:
        return lambda: [(getattr(usage(), field), {})]

    fields = {
        "chroma.collections.open": "collections",
        "chroma.collections.memory": "nbytes",
        "chroma.index.loose": "loose",
        "chroma.index.backlog": "unbuilt",
        "chroma.index.due": "due",
    }
    measured = (-MINUTE, 0)

    def measure() -> Iterable[Reading]:
        nonlocal measured
        if monotonic() - measured[0] >= MINUTE:
            measured = (monotonic(), size())
        return [(measured[1], {})]

    forget = [instruments.watch(name, reading(field)) for name, field in fields.items()]
    return [*forget, instruments.watch("chroma.storage.size", measure)]

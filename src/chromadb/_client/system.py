"""What the clients of one backend share: the runner behind them, and their settings."""

from __future__ import annotations

import _thread
import atexit
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar
from weakref import WeakSet, finalize

from chromadb._client.segment import SegmentAPI
from chromadb._model.names import DEFAULT_TENANT
from chromadb._model.operations import AsyncRunner, GetTenant, Operation, R, Runner
from chromadb._settings import Settings
from chromadb.errors import ChromaError, ClosedClientError, InvalidArgumentError, StorageReplacedError

SystemT = TypeVar("SystemT", bound="_Shared")


class _Shared:
    """Counts the clients that use a runner.

    Args:
        settings: that the runner was made from.
        where: the backend, for messages and ``repr``.
    """

    def __init__(self, settings: Settings, where: str) -> None:
        self.settings = settings
        self.where = where
        self.clients = 0
        self.by_identity = False
        """Whether the credentials of a client say which tenant and database it uses."""

    def share(self: SystemT) -> SystemT:
        """Count one client more."""
        with _lock:
            self.clients += 1
        return self

    def leave(self, runner: object = None) -> bool:
        """Count one client less, which used `runner`; return whether it was the last, who has to close it."""
        if isinstance(runner, ClientRunner):
            runner.keep()
        with _lock:
            self.clients -= 1
            if self.clients == 0 and _systems.get(self.where) is self:
                del _systems[self.where]
            return self.clients == 0


class System(_Shared):
    """The shared part of clients that block.

    Args:
        runner: executes their operations.
        settings: that it was made from.
        where: the backend.
        server: what clients hold as ``_server``; None for that of an embedded client.
        on_disk: whether the backend outlives the runner, so that it can be closed behind clients that were forgotten.
    """

    def __init__(
        self, runner: Runner, settings: Settings, where: str, *, server: Any = None, on_disk: bool = False
    ) -> None:
        super().__init__(settings, where)
        self.runner = runner
        self.server = SegmentAPI(runner) if server is None else server
        self.on_disk = on_disk
        _all.add(self)

    def begin(self) -> Runner:
        """Return a runner for one client and its collections; once none of them is left, the client counts as closed.

        What is in memory stays until a client is closed: others of the process may come and look for it.
        """
        return ClientRunner(self) if self.on_disk else self.runner

    def is_lost(self) -> bool:
        """Return whether the files of the backend were removed or replaced behind the runner."""
        if not self.on_disk:
            return False
        try:
            self.runner.run(GetTenant(DEFAULT_TENANT))
        except StorageReplacedError:
            return True
        except ChromaError:
            # Whoever uses it will hear of it.
            return False
        return False

    def stop(self) -> None:
        """Close the runner at once, whoever uses it; clients made later get a new one."""
        with _lock:
            if _systems.get(self.where) is self:
                del _systems[self.where]
        self.runner.close()


class AsyncSystem(_Shared):
    """The shared part of asynchronous clients."""

    def __init__(self, runner: AsyncRunner, settings: Settings, where: str, server: Any = None) -> None:
        super().__init__(settings, where)
        self.runner = runner
        self.server = runner if server is None else server

    def begin(self) -> AsyncRunner:
        """Return a runner for one client and its collections."""
        return self.runner

    async def stop(self) -> None:
        """Close the runner at once, whoever uses it."""
        await self.runner.close()


class ClientRunner:
    """The runner of a backend as one client and its collections hold it: when it is collected, they are all gone.

    Args:
        system: counts the client.
    """

    def __init__(self, system: System) -> None:
        self.run = system.runner.run
        self.close = system.runner.close
        self._forgotten = finalize(self, _forget, system)
        # At the end of the process everything is closed.
        self._forgotten.atexit = False

    def keep(self) -> None:
        """Do nothing when it is collected: the client was closed."""
        self._forgotten.detach()


class ClosedRunner:
    """Stands in for the runner of a client that was closed."""

    def run(self, operation: Operation[R]) -> Any:
        """Refuse the operation."""
        raise ClosedClientError("The client is closed. Make a new one.")

    def close(self) -> Any:
        """Do nothing."""


CLOSED: Any = ClosedRunner()


# --- the systems of this process --------------------------------------------------------------------

# Guards `_systems` and the counts of clients. Held while a backend is opened, so that no backend is opened twice.
_lock = threading.Lock()
_systems: dict[str, System] = {}
_all: WeakSet[System] = WeakSet()


def shared_system(
    where: str, settings: Settings, make_runner: Callable[[], Runner], *, on_disk: bool = False
) -> System:
    """Return the system of a backend with one client more counted; made if this process has none of it, or lost it.

    Raises:
        InvalidArgumentError: there is one, with other settings.
    """
    with _lock:
        system = _systems.get(where)
        if system is None or system.is_lost():
            # A copy: settings can be assigned to afterwards, which must not reach a client that exists.
            system = _systems[where] = System(make_runner(), settings.model_copy(), where, on_disk=on_disk)
        differences = _differences(system.settings, settings)
        if not differences:
            # Counted before anybody else can close it.
            system.clients += 1
            return system
    raise InvalidArgumentError(
        f"A client of {where} exists in this process with other settings: {', '.join(differences)}. "
        "Use the same settings, or close that client first."
    )


# --- clients that nobody closed ---------------------------------------------------------------------

LINGER = 10.0
"""Seconds until a client that was forgotten counts as closed: programs that make one for every question find the
backend open."""

# A finalizer runs wherever a collection of garbage happens to begin, whatever locks are held there. All it may do is
# this; `SimpleQueue.put` is made for it.
_forgotten: SimpleQueue[tuple[float, System]] = SimpleQueue()
_closing = False


def _forget(system: System) -> None:
    global _closing
    _forgotten.put((time.monotonic() + LINGER, system))
    if not _closing:
        _closing = True
        with suppress(RuntimeError):  # the process ends
            _thread.start_new_thread(_close_forgotten, ())


def _close_forgotten() -> None:
    while True:
        due, system = _forgotten.get()
        time.sleep(max(0.0, due - time.monotonic()))
        with suppress(Exception):
            if system.leave():
                system.runner.close()
        del system


def clear_system_cache() -> None:
    """Forget which backends have clients: new clients start anew, those that exist go on as they are."""
    with _lock:
        _systems.clear()


def _differences(one: Settings, other: Settings) -> list[str]:
    first, second = one.model_dump(), other.model_dump()
    # One directory has many spellings; that it is the same is known already.
    return [name for name in first if first[name] != second[name] and name != "persist_directory"]


@atexit.register
def _close_all() -> None:
    for system in list(_all):
        with suppress(Exception):
            system.runner.close()


def _begin_anew() -> None:
    global _lock, _closing, _forgotten
    _lock, _closing, _forgotten = threading.Lock(), False, SimpleQueue()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)

"""What the clients of one place share: the runner behind them, and their settings."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar
from weakref import WeakSet

from chromadb._client.segment import SegmentAPI
from chromadb._model.operations import AsyncRunner, Operation, R, Runner
from chromadb._settings import Settings
from chromadb.errors import ClosedClientError, InvalidArgumentError

SystemT = TypeVar("SystemT", bound="_Shared")


class _Shared:
    """Counts the clients that use a runner.

    Args:
        settings: that the runner was made from.
        where: the place, for messages and ``repr``.
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

    def leave(self) -> bool:
        """Count one client less; return whether it was the last, who has to close the runner."""
        with _lock:
            self.clients -= 1
            if self.clients == 0 and _systems.get(self.where) is self:
                del _systems[self.where]
            return self.clients == 0


class System(_Shared):
    """The shared part of clients that block."""

    def __init__(self, runner: Runner, settings: Settings, where: str, server: Any = None) -> None:
        super().__init__(settings, where)
        self.runner = runner
        self.server = SegmentAPI(runner) if server is None else server
        _all.add(self)

    def stop(self) -> None:
        """Close the runner at once, whoever uses it; clients made later get a new one."""
        with _lock:
            if _systems.get(self.where) is self:
                del _systems[self.where]
        self.runner.close()


class AsyncSystem(_Shared):
    """The shared part of asynchronous clients."""

    def __init__(self, runner: AsyncRunner, settings: Settings, where: str) -> None:
        super().__init__(settings, where)
        self.runner = runner
        self.server: Any = runner

    async def stop(self) -> None:
        """Close the runner at once, whoever uses it."""
        await self.runner.close()


class ClosedRunner:
    """Stands in for the runner of a client that was closed."""

    def run(self, operation: Operation[R]) -> Any:
        """Refuse the operation."""
        raise ClosedClientError("The client is closed. Make a new one.")

    def close(self) -> Any:
        """Do nothing."""


CLOSED: Any = ClosedRunner()


# --- the systems of this process --------------------------------------------------------------------

# Guards `_systems` and the counts of clients. Held while a place is opened, so that no place is opened twice.
_lock = threading.Lock()
_systems: dict[str, System] = {}
_all: WeakSet[System] = WeakSet()


def shared_system(where: str, settings: Settings, make_runner: Callable[[], Runner]) -> System:
    """Return the system of a place, made if this process has none of it yet, with one client more counted.

    Raises:
        InvalidArgumentError: there is one, with other settings.
    """
    with _lock:
        system = _systems.get(where)
        if system is None:
            # A copy: settings can be assigned to afterwards, which must not reach a client that exists.
            system = _systems[where] = System(make_runner(), settings.model_copy(), where)
        differences = _differences(system.settings, settings)
        if not differences:
            # Counted before anybody else can close it.
            system.clients += 1
            return system
    raise InvalidArgumentError(
        f"A client of {where} exists in this process with other settings: {', '.join(differences)}. "
        "Use the same settings, or close that client first."
    )


def clear_system_cache() -> None:
    """Forget which places have clients: new clients start anew, those that exist go on as they are."""
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


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)

"""What the clients of one place share: the runner behind them, and their settings."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from typing import Any, TypeVar

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
        forget: called once, when the last client has left.
    """

    def __init__(self, settings: Settings, where: str, forget: Callable[[], None]) -> None:
        self.settings = settings
        self.where = where
        self._forget = forget
        self._clients = 0
        self._lock = threading.Lock()

    def share(self: SystemT) -> SystemT:
        """Count one client more."""
        with self._lock:
            self._clients += 1
        return self

    def leave(self) -> bool:
        """Count one client less; return whether it was the last, who has to close the runner."""
        with self._lock:
            self._clients -= 1
            last = self._clients == 0
        if last:
            self._forget()
        return last


class System(_Shared):
    """The shared part of clients that block."""

    def __init__(self, runner: Runner, settings: Settings, where: str, forget: Callable[[], None]) -> None:
        super().__init__(settings, where, forget)
        self.runner = runner
        self.server = SegmentAPI(runner)

    def stop(self) -> None:
        """Close the runner at once, whoever uses it; clients made later get a new one."""
        self._forget()
        self.runner.close()


class AsyncSystem(_Shared):
    """The shared part of asynchronous clients."""

    def __init__(self, runner: AsyncRunner, settings: Settings, where: str, forget: Callable[[], None]) -> None:
        super().__init__(settings, where, forget)
        self.runner = runner
        self.server: Any = runner

    async def stop(self) -> None:
        """Close the runner at once, whoever uses it."""
        self._forget()
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

_systems: dict[str, System] = {}
_lock = threading.Lock()


def shared_system(where: str, settings: Settings, make_runner: Callable[[], Runner]) -> System:
    """Return the system of a place, made if this process has none of it yet.

    `_lock` is held while it is made, so that two threads do not open one place twice.

    Raises:
        InvalidArgumentError: there is one, with other settings.
    """
    with _lock:
        system = _systems.get(where)
        if system is None:
            system = _systems[where] = System(make_runner(), settings, where, lambda: _forget(where))
    if system.settings != settings:
        raise InvalidArgumentError(
            f"A client of {where} exists in this process with other settings: "
            f"{_differences(system.settings, settings)}. Use the same settings, or close that client first."
        )
    return system


def clear_system_cache() -> None:
    """Forget which places have clients: new clients start anew, those that exist go on as they are."""
    with _lock:
        _systems.clear()


def _forget(where: str) -> None:
    with _lock:
        _systems.pop(where, None)


def _differences(one: Settings, other: Settings) -> str:
    first, second = one.model_dump(), other.model_dump()
    return ", ".join(name for name in first if first[name] != second[name])


@atexit.register
def _close_all() -> None:
    for system in list(_systems.values()):
        system.runner.close()

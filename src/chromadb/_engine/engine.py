"""The engine: the runner that executes operations in this process.

Every operation passes through `Engine.run`, which is the one place to trace, limit or authorise it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, cast

from chromadb._engine import catalog, read, write
from chromadb._model import operations as op
from chromadb._model.entities import Backup, Finding, UserIdentity, Vacuumed
from chromadb._model.names import DEFAULT_DATABASE, DEFAULT_TENANT
from chromadb._model.operations import Operation, R
from chromadb._storage.base import Backend
from chromadb.errors import (
    ChromaError,
    ClosedClientError,
    InternalError,
    NotFoundError,
    ResetDisabledError,
    StorageChangedError,
)

logger = logging.getLogger("chromadb.engine")

API_VERSION = "1.5.9"
"""The version of the published package whose API this is."""

MAX_BATCH_SIZE = 100_000
"""Records per call that callers are advised to keep to. More are accepted: one call is one transaction, of any size."""


CHANGES = 3
"""How often a read is begun anew because somebody wrote to a file that nobody had open for writing."""


class Engine:
    """Runs operations on `backend`.

    Args:
        backend: where everything is kept; closed with the engine.
        allow_reset: whether the operation Reset is allowed.
        max_batch_size: how many records callers are told to write at once.
    """

    def __init__(self, backend: Backend, *, allow_reset: bool = False, max_batch_size: int = MAX_BATCH_SIZE) -> None:
        self.backend = backend
        self.allow_reset = allow_reset
        self.max_batch_size = max_batch_size
        self._closed = False

    def run(self, operation: Operation[R]) -> R:
        """Execute one operation.

        Raises:
            ChromaError: of the class that fits; nothing was changed.
            ClosedClientError: the engine is closed.
        """
        if self._closed:
            raise ClosedClientError("The client is closed. Make a new one.")
        handler = _HANDLERS.get(type(operation))
        if handler is None:
            raise InternalError(f"The engine cannot run {type(operation).__name__}.")
        for _ in range(CHANGES):
            try:
                return cast(R, handler(self, operation))
            except StorageChangedError:
                # Only a client that is read-only meets it, so doing it again does no harm.
                continue
        return cast(R, handler(self, operation))

    def is_ready(self, operation: op.Count | op.Get | op.Query) -> bool:
        """Return whether a read has nothing to open or load first; it answers at once."""
        collection = operation.address.collection
        return not self._closed and self.backend.is_loaded(collection, vectors=isinstance(operation, op.Query))

    def close(self) -> None:
        """Close the backend. Calling it again does nothing."""
        if not self._closed:
            self._closed = True
            self.backend.close()


def _heartbeat(engine: Engine, operation: op.Heartbeat) -> int:
    return time.time_ns()


def _version(engine: Engine, operation: op.GetVersion) -> str:
    return API_VERSION


def _max_batch_size(engine: Engine, operation: op.GetMaxBatchSize) -> int:
    return engine.max_batch_size


def _user_identity(engine: Engine, operation: op.GetUserIdentity) -> UserIdentity:
    return UserIdentity(user_id="", tenant="default_tenant", databases=["default_database"])


def _check_health(engine: Engine, operation: op.CheckHealth) -> bool:
    try:
        engine.backend.get_database(DEFAULT_DATABASE, DEFAULT_TENANT)
    except NotFoundError:
        # The default database can have been deleted; that was read as well.
        pass
    except ChromaError as error:
        logger.error("health: the catalog cannot be read: %s", error.message())
        return False
    return True


def _check(engine: Engine, operation: op.Check) -> list[Finding]:
    return engine.backend.check()


def _vacuum(engine: Engine, operation: op.Vacuum) -> list[Vacuumed]:
    return engine.backend.vacuum(operation.timeout, operation.progress)


def _make_backup(engine: Engine, operation: op.MakeBackup) -> Backup:
    return engine.backend.backup(operation.target, operation.dated, operation.keep, operation.progress, API_VERSION)


def _reset(engine: Engine, operation: op.Reset) -> bool:
    if not engine.allow_reset:
        raise ResetDisabledError(
            "reset() deletes everything and is not allowed. Allow it with Settings(allow_reset=True) or "
            "ALLOW_RESET=TRUE in the environment."
        )
    engine.backend.reset()
    return True


def _on_backend(function: Callable[[Backend, Any], Any]) -> Callable[[Engine, Any], Any]:
    return lambda engine, operation: function(engine.backend, operation)


_HANDLERS: dict[type[Operation[Any]], Callable[[Engine, Any], Any]] = {
    op.Heartbeat: _heartbeat,
    op.GetVersion: _version,
    op.GetMaxBatchSize: _max_batch_size,
    op.CheckHealth: _check_health,
    op.GetUserIdentity: _user_identity,
    op.Check: _check,
    op.Vacuum: _vacuum,
    op.MakeBackup: _make_backup,
    op.Reset: _reset,
    **{
        kind: _on_backend(function)
        for handlers in (catalog.HANDLERS, read.HANDLERS, write.HANDLERS)
        for kind, function in handlers.items()
    },
}

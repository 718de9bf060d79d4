"""An engine on the local backend, as settings describe it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chromadb._engine.engine import MAX_BATCH_SIZE, Engine
from chromadb._limits.chosen import limited
from chromadb._model.operations import Runner
from chromadb._settings import Settings
from chromadb._storage.local.directory import LocalBackend
from chromadb.errors import ChromaError, InvalidArgumentError

if TYPE_CHECKING:
    from chromadb._observability.observer import Observer


def open_engine(path: str | None, settings: Settings, *, max_batch_size: int = MAX_BATCH_SIZE) -> Engine:
    """Open the directory `path`, or for None a database in memory.

    Args:
        path: the directory.
        settings: of the storage.
        max_batch_size: how many records callers are told to write at once.

    Raises:
        ChromaError: it cannot be opened; the message says why.
    """
    if settings.chroma_read_only and path is None:
        raise InvalidArgumentError(
            "Expected chroma_read_only with data in a directory, got data in memory, which would stay empty. Use a "
            "PersistentClient, or leave the setting out."
        )
    backend = LocalBackend(
        path,
        synchronous=settings.chroma_synchronous,
        busy_timeout=settings.chroma_busy_timeout_seconds,
        memory_limit=settings.chroma_memory_limit_bytes,
        max_open_collections=settings.chroma_max_open_collections,
        read_only=settings.chroma_read_only,
    )
    return Engine(backend, allow_reset=settings.allow_reset, max_batch_size=max_batch_size)


def wrapped(engine: Engine, settings: Settings, observer: Observer | None) -> Runner:
    """Return an engine behind the limits that settings ask for, and under the eyes of an observer, if there is one.

    Raises:
        ChromaError: the limits cannot be kept; the engine is closed.
    """
    try:
        runner = limited(engine, settings, engine.backend.tenant_usage)
    except ChromaError:
        engine.close()
        raise
    return runner if observer is None else observer.engine(runner, engine.backend.usage, engine.backend.size)

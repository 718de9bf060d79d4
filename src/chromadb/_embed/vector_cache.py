"""Vectors by key in a file of limited size, shared by processes."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from chromadb.errors import InvalidArgumentError

Result = TypeVar("Result")

logger = logging.getLogger(__name__)

_LEAST_BYTES = 100_000
# Seconds: a vector's last use is noted this exactly, so that finding it is seldom a write.
_USED_GRAIN = 3600
_BUSY_SECONDS = 5.0
# SQLite takes at most 999 parameters in old versions.
_KEYS_OF_A_QUERY = 500
# Of the vectors, how many go at once when the file is full.
_EVICTED_SHARE = 0.2

_SCHEMA = """
CREATE TABLE IF NOT EXISTS vectors (key BLOB NOT NULL UNIQUE, vector BLOB NOT NULL, used INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS vectors_by_use ON vectors (used);
"""
_APPLICATION = 0x43485643  # "CHVC": that the file is a cache of this format


class VectorCache:
    """Vectors by key. Safe to use from several threads and processes.

    A failure of the file (locked, full disk, damaged) loses nothing but time: it is logged, and the vector counts as
    missing.

    Args:
        path: the file; its folder is made.
        max_bytes: of the file, at least 100,000.

    Raises:
        InvalidArgumentError: it cannot be opened, is something else, or `max_bytes` is too small.
    """

    def __init__(self, path: str | os.PathLike[str], max_bytes: int) -> None:
        if max_bytes < _LEAST_BYTES:
            raise InvalidArgumentError(f"Expected max_bytes to be {_LEAST_BYTES:,} or more, got {max_bytes:,}.")
        self.path = Path(path).absolute()
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._opened()
        except (OSError, sqlite3.Error) as error:
            raise InvalidArgumentError(
                f"Expected {self.path} to be a file for cached vectors, or none yet; it cannot be opened as one "
                f"({error}). Name another file, or remove it."
            ) from error
        _caches.add(self)

    def get(self, keys: Iterable[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """Return the vectors that are there, by key."""
        return self._attempt(lambda connection: self._find(connection, list(keys)), {})

    def put(self, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keep vectors."""
        self._attempt(lambda connection: self._keep(connection, vectors), None)

    def clear(self) -> None:
        """Forget all vectors, and give the disk back."""

        def remove(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM vectors")
            connection.execute("VACUUM")

        self._attempt(remove, None)

    def __len__(self) -> int:
        count: int = self._attempt(
            lambda connection: connection.execute("SELECT count(*) FROM vectors").fetchone()[0], 0
        )
        return count

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __del__(self) -> None:
        # Without the lock: a finalizer may run while this thread holds any.
        with suppress(Exception):
            self._close()

    def __reduce__(self) -> tuple[Any, ...]:
        return VectorCache, (self.path, self._max_bytes)

    # --- within the lock --------------------------------------------------------------------------

    def _attempt(self, operation: Callable[[sqlite3.Connection], Result], otherwise: Result) -> Result:
        with self._lock:
            try:
                return operation(self._opened())
            except (sqlite3.Error, OSError) as error:
                logger.warning("The cache of vectors in %s is not usable at present: %s.", self.path, error)
                return otherwise

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                _prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _find(self, connection: sqlite3.Connection, keys: list[bytes]) -> dict[bytes, NDArray[np.float32]]:
        found: dict[bytes, NDArray[np.float32]] = {}
        now = int(time.time())
        stale: list[bytes] = []
        for part in _parts(keys, _KEYS_OF_A_QUERY):
            places = ",".join("?" * len(part))
            for key, vector, used in connection.execute(
                f"SELECT key, vector, used FROM vectors WHERE key IN ({places})", part
            ):
                found[key] = np.frombuffer(vector, dtype="<f4").astype(np.float32)
                if now - used > _USED_GRAIN:
                    stale.append(key)
        if stale:
            try:
                with _Transaction(connection):
                    connection.executemany("UPDATE vectors SET used = ? WHERE key = ?", [(now, key) for key in stale])
            except sqlite3.Error as error:  # what was found is found
                logger.warning("The cache of vectors in %s is not writable at present: %s.", self.path, error)
        return found

    def _keep(self, connection: sqlite3.Connection, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        now = int(time.time())
        rows = [(key, np.ascontiguousarray(vector, dtype="<f4").tobytes(), now) for key, vector in vectors.items()]
        # Portions, so that other processes get their turn, and room is made before the file has grown far.
        for part in _parts(rows, 1000):
            with _Transaction(connection):
                connection.executemany("INSERT OR REPLACE INTO vectors (key, vector, used) VALUES (?, ?, ?)", part)
                self._make_room(connection)

    def _make_room(self, connection: sqlite3.Connection) -> None:
        while _used_bytes(connection) > self._max_bytes:
            count = connection.execute("SELECT count(*) FROM vectors").fetchone()[0]
            if not count:
                return
            connection.execute(
                "DELETE FROM vectors WHERE rowid IN (SELECT rowid FROM vectors ORDER BY used, rowid LIMIT ?)",
                (max(1, int(count * _EVICTED_SHARE)),),
            )


class _Transaction:
    """A write transaction: it waits for its turn at the beginning, where waiting is safe."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._connection.execute("COMMIT")
        elif self._connection.in_transaction:  # a full disk ends it by itself
            self._connection.execute("ROLLBACK")


def _prepare(connection: sqlite3.Connection) -> None:
    # In this order: another process may be making the tables at this moment.
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != _APPLICATION:
        if tables:
            raise sqlite3.DatabaseError("it is a database of something else")
        connection.execute("PRAGMA page_size = 8192")
    _switch_to_log(connection)
    # A crash of the system may lose the last vectors, which costs computing them anew.
    connection.execute("PRAGMA synchronous = NORMAL")
    if application != _APPLICATION:
        with _Transaction(connection):
            for statement in filter(str.strip, _SCHEMA.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")


def _switch_to_log(connection: sqlite3.Connection) -> None:
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:  # another process switches: SQLite does not always wait for that
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    used: int = (pages - free) * size
    return used


def _parts(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


# --- forks ----------------------------------------------------------------------------------------

# Of an open file SQLite keeps locks in memory, which a child must not have a copy of: all are closed for a fork.
_caches: weakref.WeakSet[VectorCache] = weakref.WeakSet()
_held: list[VectorCache] = []


def _before_fork() -> None:
    for cache in list(_caches):
        cache._lock.acquire()
        _held.append(cache)
        with suppress(sqlite3.Error):
            cache._close()


def _after_fork() -> None:
    while _held:
        _held.pop()._lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)

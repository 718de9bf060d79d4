"""One SQLite file: its connections, transactions and migrations.

Locks: `_writer` makes the writers of this process queue up instead of polling SQLite's own lock, which stands between
processes. Readers of a file take no lock: in WAL mode they work on a snapshot beside the writer. In memory there is no
such mode, and `_in_memory` keeps readers and writers apart.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from typing import Any, Literal

import apsw

from chromadb._storage.local.connections import ConnectionPool
from chromadb._storage.local.failures import explained
from chromadb._storage.local.forking import ForkAware
from chromadb._storage.local.shared_lock import SharedLock
from chromadb._tracing import span
from chromadb.errors import StorageFormatError, StorageLockedError, StorageReplacedError

APPLICATION_ID = 0x43484442
"""Marks our SQLite files ("CHDB")."""

PAGE_SIZE = 16384
"""Bytes. Ten vectors of 384 dimensions to a page: measured 2.5 times the insert rate of 4096."""

MAX_INTEGER = 2**63 - 1
"""The largest integer of SQLite."""

CACHE_KIB = 8192
CHECKPOINT_PAGES = 4096
"""The log is written back once it has so many pages, 64 MB; by the builder before, when there is a quiet moment."""


class SqliteDatabase(ForkAware):
    """A SQLite database with a numbered schema.

    Args:
        path: of the file, or None for a database in memory that lives until ``close()``.
        schema: the folder of migrations, ``schema/<name>/0001_*.sql`` and so on.
        synchronous: "full": a commit survives a power loss; "normal": the end of the process.
        busy_timeout: seconds to wait for a writer of another process.
    """

    def __init__(
        self,
        path: str | None,
        schema: str,
        synchronous: Literal["full", "normal"] = "full",
        busy_timeout: float = 30.0,
    ) -> None:
        super().__init__()
        self.path = path
        self.name = path or f"memory:{schema}"
        self._schema = schema
        self._synchronous = synchronous
        self.busy_timeout = busy_timeout
        self._uri = f"file:/chromadb-{os.getpid()}-{id(self)}-{time.monotonic_ns()}?vfs=memdb" if path is None else ""
        self._writer = threading.Lock()
        self._in_memory = SharedLock(busy_timeout)
        self._pool = ConnectionPool(self._connect, keep_at_fork=path is None)
        # In memory the database lives as long as a connection does.
        self._anchor = self._connect() if path is None else None
        self._file: tuple[int, int] | None = None
        try:
            with explained(self.name), self._pool.lend() as connection:
                self._migrate(connection)
                self._file = self._identity()
        except BaseException:
            self.close()
            raise

    # --- transactions -----------------------------------------------------------------------------

    @contextmanager
    def read(self) -> Iterator[apsw.Connection]:
        """Give a connection inside a transaction that sees one state of the database, that of its first SELECT."""
        with explained(self.name), self._reading(), self._pool.lend() as connection:
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[apsw.Connection]:
        """Give a connection inside the only writing transaction; it is committed at the end, or rolled back."""
        with explained(self.name), self._writing(), self._pool.lend() as connection:
            try:
                with span("storage.lock"):
                    connection.execute("BEGIN IMMEDIATE")
                yield connection
                with span("storage.commit"):
                    connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def checkpoint(self) -> None:
        """Write back what is in the log, as far as nobody reads it; nobody waits for it."""
        if self.path is not None:
            with explained(self.name), self._pool.lend() as connection:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    @property
    def nbytes(self) -> int:
        """Bytes of the pages that connections keep."""
        return self._pool.nbytes

    def release(self) -> None:
        """Let go of the pages that connections keep."""
        self._pool.release()

    @contextmanager
    def outside_transactions(self, timeout: float | None) -> Iterator[apsw.Connection]:
        """Give a connection for maintenance, which waits `timeout` seconds for other processes; this process does not
        write meanwhile."""
        with explained(self.name), self._writing(timeout), self._pool.lend() as connection:
            if timeout is not None:
                connection.set_busy_timeout(int(timeout * 1000))
            try:
                yield connection
            finally:
                connection.set_busy_timeout(int(self.busy_timeout * 1000))

    def close(self) -> None:
        """Close every connection that is not in use, and those in use when they are given back."""
        self._pool.close()
        if self._anchor is not None:
            self._anchor.close()
            self._anchor = None

    def after_fork(self, *, child: bool) -> None:
        """Begin with new locks in a child."""
        if child:
            self._writer = threading.Lock()
            self._in_memory = SharedLock(self.busy_timeout)

    # --- connections ------------------------------------------------------------------------------

    def _identity(self) -> tuple[int, int] | None:
        """Return what tells the file from another of the same name, None in memory."""
        if self.path is None:
            return None
        status = os.stat(self.path)
        return status.st_dev, status.st_ino

    def _check_file(self) -> None:
        """Raise if the file was removed or replaced: what is written to it would be lost."""
        try:
            same = self._identity() == self._file
        except FileNotFoundError:
            same = False
        if not same:
            raise StorageReplacedError(
                f"{self.name} was removed or replaced while it was open. Make a new client, which begins with what is "
                "at this path now, and close this one. Nothing was changed."
            )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        if self.path is not None:
            self._check_file()
            yield
            return
        with self._in_memory.shared():
            yield

    @contextmanager
    def _writing(self, timeout: float | None = None) -> Iterator[None]:
        if self.path is None:
            with self._in_memory.exclusive():
                yield
            return
        self._check_file()
        patience = self.busy_timeout if timeout is None else timeout
        if not self._writer.acquire(timeout=patience):
            advice = "Write smaller batches, or raise chroma_busy_timeout_seconds." if timeout is None else "Try later."
            raise StorageLockedError(
                f"Another thread of this process has been writing to {self.name} for {patience:g} seconds. {advice}"
            )
        try:
            yield
        finally:
            self._writer.release()

    def _connect(self) -> apsw.Connection:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        if self.path is None:
            connection = apsw.Connection(self._uri, flags=flags | apsw.SQLITE_OPEN_URI)
        else:
            connection = apsw.Connection(self.path, flags=flags)
        connection.set_busy_timeout(int(self.busy_timeout * 1000))
        connection.execute(
            f"PRAGMA page_size={PAGE_SIZE}; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; "
            f"PRAGMA cache_size=-{CACHE_KIB}; PRAGMA synchronous={self._synchronous}; "
            f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}; "
            # On macOS a sync reaches the disk only so.
            f"PRAGMA fullfsync={'ON' if self._synchronous == 'full' else 'OFF'}; "
            # Overwrites what is deleted: text that a user deleted must not stay readable in the file.
            "PRAGMA secure_delete=FAST; PRAGMA journal_size_limit=67108864"
        )
        return connection

    # --- schema -----------------------------------------------------------------------------------

    def _migrate(self, connection: apsw.Connection) -> None:
        migrations = _migrations(self._schema)
        if self._version(connection) == len(migrations):
            return
        if self.path is not None:
            self._enter_wal_mode(connection)
        connection.execute("BEGIN IMMEDIATE")
        try:
            for number in range(self._version(connection), len(migrations)):
                connection.execute(migrations[number])
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={len(migrations)}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _enter_wal_mode(self, connection: apsw.Connection) -> None:
        """Switch the file to a write-ahead log, which SQLite does not wait for a lock to do."""
        deadline = time.monotonic() + self.busy_timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                return
            except apsw.BusyError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _version(self, connection: apsw.Connection) -> int:
        """Return the number of migrations done; 0 for an empty file."""
        # As one query, so that all three are of one moment: another process may be making the tables.
        rows: list[Any] = connection.execute(
            "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema) "
            "FROM pragma_user_version, pragma_application_id"
        ).fetchall()
        version, mark, tables = rows[0]
        if tables and mark != APPLICATION_ID:
            raise StorageFormatError(
                f"{self.name} is a SQLite database of another program. Choose an empty directory. Nothing was changed."
            )
        known = len(_migrations(self._schema))
        if version > known:
            raise StorageFormatError(
                f"{self.name} has format {version}, written by a newer version of chromadb; this one reads formats up "
                f"to {known}. Upgrade chromadb. Nothing was changed."
            )
        return int(version)


@cache
def _migrations(schema: str) -> list[str]:
    folder = resources.files("chromadb._storage.local") / "schema" / schema
    scripts = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return [script.read_text(encoding="utf-8") for script in scripts]

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
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal

import apsw

from chromadb._storage.local.platform.failures import explained
from chromadb._storage.local.platform.forking import ForkAware
from chromadb._storage.local.sqlite.connections import ConnectionPool
from chromadb._storage.local.sqlite.former import KEPT, keep_former, remove_former
from chromadb._storage.local.sqlite.reading import UnlockedConnection, connect
from chromadb._storage.local.sqlite.schema import APPLICATION_ID, migrations_of, version_of
from chromadb._storage.local.sqlite.shared_lock import SharedLock
from chromadb._tracing import span
from chromadb.errors import (
    ReadOnlyError,
    StorageChangedError,
    StorageError,
    StorageFormatError,
    StorageLockedError,
    StorageReplacedError,
)

PAGE_SIZE = 16384
"""Bytes. Ten vectors of 384 dimensions to a page: measured 2.5 times the insert rate of 4096."""

MAX_INTEGER = 2**63 - 1
"""The largest integer of SQLite."""

CACHE_KIB = 8192
CHECKPOINT_PAGES = {"records": 4096, "catalog": 64}
"""The log is written back once it has so many pages, 64 MB and 1 MB; by the builder before, in a quiet moment."""

LONG_LOG = 2**20
"""Bytes of a log that is worth being cut to nothing in a quiet moment, if it is also longer than a quarter of the file:
to write it anew costs time, and to keep it space."""


def keep_plans(connection: apsw.Connection) -> None:
    """Have statements planned once, whatever is bound to them.

    Otherwise SQLite compares values with its statistics, of which there are none, and compiles many statements anew at
    every call: the look into the catalog took 10 us instead of 4.
    """
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)


class UnmadeError(StorageFormatError):
    """A file that is to be read only has no tables yet."""


class SqliteDatabase(ForkAware):
    """A SQLite database with a numbered schema.

    Args:
        path: of the file, or None for a database in memory that lives until ``close()``.
        schema: the folder of migrations, ``schema/<name>/0001_*.sql`` and so on.
        synchronous: "full": a commit survives a power loss; "normal": the end of the process.
        busy_timeout: seconds to wait for a writer of another process.
        read_only: whether nothing is written, and no file is made.
    """

    def __init__(
        self,
        path: str | None,
        schema: str,
        synchronous: Literal["full", "normal"] = "full",
        busy_timeout: float = 30.0,
        read_only: bool = False,
    ) -> None:
        super().__init__()
        self.path = path
        self.name = path or f"memory:{schema}"
        self.read_only = read_only and path is not None
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
        self._in_doubt = False
        """Whether the log may hold a transaction that failed: see `_settle`."""
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
        with explained(self.name), self._lend_to_read() as connection:
            if self._in_doubt:
                self._settle(connection)
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def fetch_row(self, statement: str, bindings: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Return the first row of a SELECT, which is a transaction of its own; None if it finds nothing."""
        with explained(self.name), self._lend_to_read() as connection:
            if self._in_doubt:
                self._settle(connection)
            # To its end, for until then it is a transaction that is open.
            rows: list[Any] = connection.execute(statement, bindings).fetchall()
        return rows[0] if rows else None

    @contextmanager
    def write(self) -> Iterator[apsw.Connection]:
        """Give a connection inside the only writing transaction; it is committed at the end, or rolled back."""
        with explained(self.name), self._writing(), self._pool.lend() as connection:
            try:
                with span("storage.lock"):
                    connection.execute("BEGIN IMMEDIATE")
                yield connection
                with span("storage.commit"):
                    self._commit(connection)
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _commit(self, connection: apsw.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except apsw.IOError as error:
            if self.path is None:
                raise
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._in_doubt = True
            if not self._settle(connection):
                raise StorageError(
                    f"{self.name} could not be written to the disk ({error}). Look at the disk. Whether the call is "
                    "there, as a whole or not at all, is settled by the next one that finds the disk working."
                ) from error
            raise
        self._in_doubt = False

    def _settle(self, connection: apsw.Connection) -> bool:
        """Take back for good what a commit has written that the disk did not confirm; return whether that is done.

        SQLite forgets of it, but the log still holds it, whole, and whoever opens the file after a crash takes it for
        committed. The next transaction is written to the same place, whatever it is about.
        """
        try:
            connection.execute(f"BEGIN IMMEDIATE; PRAGMA user_version={len(migrations_of(self._schema))}; COMMIT")
        except apsw.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            return False
        self._in_doubt = False
        return True

    def checkpoint(self) -> bool:
        """Write back what is in the log, as far as nobody reads it; nobody waits for it. Return whether that is all."""
        if self.path is None or self.read_only:
            return self.path is None
        with explained(self.name), self._pool.lend() as connection:
            rows: list[Any] = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        busy, pages, written = rows[0]
        return not busy and pages == written

    def has_long_log(self) -> bool:
        """Return whether the log takes much space."""
        if self.path is None or self.read_only:
            return False
        try:
            size = os.stat(f"{self.path}-wal").st_size
            return size >= LONG_LOG and 4 * size >= os.stat(self.path).st_size
        except OSError:
            return False

    def cut_log(self) -> None:
        """Write back what is in the log, and cut it to nothing unless somebody uses it; others wait for moments."""
        if self.checkpoint() and self.has_long_log():
            with explained(self.name), self._pool.lend() as connection:
                connection.set_busy_timeout(0)
                try:
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                except apsw.BusyError:
                    # Another time.
                    pass
                finally:
                    connection.set_busy_timeout(int(self.busy_timeout * 1000))

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._pool.closed

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

    def check_writable(self) -> None:
        """Raise if the file is only read.

        Raises:
            ReadOnlyError: it is.
        """
        if self.read_only:
            raise ReadOnlyError(
                f"{self.name} was opened for reading only, by the setting chroma_read_only. Write with a client "
                "without it. Nothing was changed."
            )

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

    def _lend_to_read(self) -> AbstractContextManager[apsw.Connection]:
        """Give a connection to read with."""
        if self.path is None:
            return self._lend_shared()
        self._check_file()
        return self._lend_reader() if self.read_only else self._pool.lend()

    @contextmanager
    def _lend_shared(self) -> Iterator[apsw.Connection]:
        """Give a connection while nobody writes."""
        with self._in_memory.shared(), self._pool.lend() as connection:
            yield connection

    @contextmanager
    def _lend_reader(self) -> Iterator[apsw.Connection]:
        """Give a connection that never writes; where it takes no locks, it is verified that nobody wrote meanwhile.

        Raises:
            StorageChangedError: somebody did; what was read may be of two states.
        """
        while True:
            with self._pool.lend() as connection:
                if not isinstance(connection, UnlockedConnection):
                    yield connection
                    return
                if connection.is_current():
                    try:
                        yield connection
                    finally:
                        if not connection.is_current():
                            raise StorageChangedError(f"{self.name} was written to while it was being read. Try again.")
                    return
            # The others are of the same state.
            former, self._pool = self._pool, ConnectionPool(self._connect, keep_at_fork=False)
            former.close()

    @contextmanager
    def _writing(self, timeout: float | None = None) -> Iterator[None]:
        self.check_writable()
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
        if self.read_only and self.path is not None:
            return self._connect_to_read(self.path)
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        if self.path is None:
            connection = apsw.Connection(self._uri, flags=flags | apsw.SQLITE_OPEN_URI)
        else:
            connection = apsw.Connection(self.path, flags=flags)
        connection.set_busy_timeout(int(self.busy_timeout * 1000))
        keep_plans(connection)
        connection.execute(
            f"PRAGMA page_size={PAGE_SIZE}; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; "
            # A damaged page is told from a whole one when it is read, not by what comes of it.
            "PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF; "
            f"PRAGMA cache_size=-{CACHE_KIB}; PRAGMA synchronous={self._synchronous}; "
            f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES[self._schema]}; "
            # On macOS a sync reaches the disk only so.
            f"PRAGMA fullfsync={'ON' if self._synchronous == 'full' else 'OFF'}; "
            # Overwrites what is deleted: text that a user deleted must not stay readable in the file.
            "PRAGMA secure_delete=FAST; PRAGMA journal_size_limit=67108864"
        )
        return connection

    def _connect_to_read(self, path: str) -> apsw.Connection:
        connection = connect(path, self.busy_timeout)
        keep_plans(connection)
        connection.execute(f"PRAGMA temp_store=MEMORY; PRAGMA cache_size=-{CACHE_KIB}")
        return connection

    # --- schema -----------------------------------------------------------------------------------

    def _migrate(self, connection: apsw.Connection) -> None:
        migrations = migrations_of(self._schema)
        version = version_of(connection, self.name, self._schema)
        if version == len(migrations):
            if self.path is not None and not self.read_only:
                remove_former(self.path, KEPT)
            return
        if self.read_only and not version:
            raise UnmadeError(
                f"{self.name} is being made at this moment, or a process ended while it made it. Try again, or open it "
                "once without chroma_read_only. Nothing was changed."
            )
        if self.read_only:
            raise StorageFormatError(
                f"{self.name} has format {version}, of an older version of chromadb, and is to be read only; this one "
                f"reads format {len(migrations)}. Open it once without chroma_read_only. Nothing was changed."
            )
        if self.path is not None:
            self._enter_wal_mode(connection)
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = version_of(connection, self.name, self._schema)
            if self.path is not None and 0 < version < len(migrations):
                keep_former(self.path, version)
            for number in range(version, len(migrations)):
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

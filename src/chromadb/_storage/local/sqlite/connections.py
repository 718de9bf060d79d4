"""A pool of SQLite connections to one database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType

import apsw

from chromadb._storage.local.platform.forking import ForkAware
from chromadb.errors import ClosedClientError

IDLE_CONNECTIONS, MOST_IDLE, IDLE_SECONDS = 2, 8, 1.0
"""Each holds a file handle, and there is a pool for every open collection; so more than two are kept only where they
were needed at once a second ago: to make one takes as long as a query."""


class ConnectionPool(ForkAware):
    """Lends connections, one user each, and keeps a few idle ones.

    `_lock` guards the count of users and the idle connections; it is held for a few instructions only.

    Args:
        connect: makes a connection.
        keep_at_fork: whether connections stay good in a forked child: those to memory do, the child has a copy.
    """

    def __init__(self, connect: Callable[[], apsw.Connection], *, keep_at_fork: bool) -> None:
        super().__init__()
        self._connect = connect
        self._keep_at_fork = keep_at_fork
        # The one used last at the end, each with the time when it was given back.
        self._idle: list[tuple[float, apsw.Connection]] = []
        self._users = 0
        self._forking = False
        self._closed = False
        self._begin_unlocked()

    def _begin_unlocked(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        """Told when a fork is over, and during one when a connection is given back."""

    def lend(self) -> AbstractContextManager[apsw.Connection]:
        """Give a connection until the context ends.

        Raises:
            ClosedClientError: the pool is closed.
        """
        return _Loan(self)

    def take(self) -> apsw.Connection:
        """Take a connection, which has to be given back."""
        with self._lock:
            if self._forking:
                self._changed.wait_for(lambda: not self._forking)
            if self._closed:
                raise ClosedClientError("The client is closed. Make a new one.")
            self._users += 1
            if self._idle:
                return self._idle.pop()[1]
        try:
            return self._connect()
        except BaseException:
            self._leave()
            raise

    def give_back(self, connection: apsw.Connection) -> None:
        """Give back what was taken."""
        now = time.monotonic()
        with self._lock:
            dropped = self._keep(connection, now)
            if dropped is None:
                self._users -= 1
                return
        # Closing can take long, as the last connection of a file writes the log back: not under the lock.
        if dropped is not None:
            dropped.close()
        self._leave()

    def _keep(self, connection: apsw.Connection, now: float) -> apsw.Connection | None:
        """Keep a connection for the next user; return one that is to be closed, for it is one too many."""
        if self._closed or self._forking:
            return connection
        self._idle.append((now, connection))
        many = len(self._idle)
        if many > MOST_IDLE or (many > IDLE_CONNECTIONS and now - self._idle[0][0] > IDLE_SECONDS):
            return self._idle.pop(0)[1]
        return None

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether it lends nothing more."""
        return self._closed

    @property
    def nbytes(self) -> int:
        """Bytes of the pages that idle connections keep."""
        with self._lock:
            return sum(_cached(connection) for _, connection in self._idle)

    def release(self) -> None:
        """Close the idle connections; new ones are made at need."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def close(self) -> None:
        """Close every connection that is not lent, and those that are when they come back."""
        with self._lock:
            self._closed = True
        self.release()

    def before_fork(self, deadline: float) -> None:
        """Lend nothing more, wait for what is lent, close what is idle."""
        with self._lock:
            self._forking = True
            self._changed.wait_for(lambda: not self._users, max(0.0, deadline - time.monotonic()))
            if not self._keep_at_fork:
                while self._idle:
                    self._idle.pop()[1].close()

    def after_fork(self, *, child: bool) -> None:
        """Lend again."""
        if child:
            self._begin_unlocked()
            self._users = 0
        with self._lock:
            self._forking = False
            self._changed.notify_all()


class _Loan:
    # Not a generator: every transaction takes one, and those take four times as long.
    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def __enter__(self) -> apsw.Connection:
        self._connection = self._pool.take()
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.give_back(self._connection)


def _cached(connection: apsw.Connection) -> int:
    used, _ = connection.status(apsw.SQLITE_DBSTATUS_CACHE_USED)
    return used

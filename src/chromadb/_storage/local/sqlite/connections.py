"""A pool of SQLite connections to one database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import apsw

from chromadb._storage.local.platform.forking import ForkAware
from chromadb.errors import ClosedClientError

IDLE_CONNECTIONS, MOST_IDLE, IDLE_SECONDS = 2, 8, 1.0
"""Each holds a file handle, and there is a pool for every open collection; so more than two are kept only where they
were needed at once a second ago: to make one takes as long as a query."""


class ConnectionPool(ForkAware):
    """Lends connections, one user each, and keeps a few idle ones.

    `_free` guards the count of users and the idle connections; it is held for a few instructions only.

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
        self._free = threading.Condition()

    @contextmanager
    def lend(self) -> Iterator[apsw.Connection]:
        """Give a connection until the context ends.

        Raises:
            ClosedClientError: the pool is closed.
        """
        with self._free:
            self._free.wait_for(lambda: not self._forking)
            if self._closed:
                raise ClosedClientError("The client is closed. Make a new one.")
            connection = self._idle.pop()[1] if self._idle else None
            self._users += 1
        try:
            if connection is None:
                connection = self._connect()
            yield connection
        finally:
            self._take_back(connection)

    def _take_back(self, connection: apsw.Connection | None) -> None:
        # Closing can take long, as the last connection of a file writes the log back: not under the lock.
        dropped = connection
        now = time.monotonic()
        with self._free:
            if not self._closed and not self._forking and connection is not None:
                self._idle.append((now, connection))
                dropped = None
                if len(self._idle) > MOST_IDLE or (
                    len(self._idle) > IDLE_CONNECTIONS and now - self._idle[0][0] > IDLE_SECONDS
                ):
                    _, dropped = self._idle.pop(0)
        if dropped is not None:
            dropped.close()
        with self._free:
            self._users -= 1
            self._free.notify_all()

    @property
    def closed(self) -> bool:
        """Whether it lends nothing more."""
        return self._closed

    @property
    def nbytes(self) -> int:
        """Bytes of the pages that idle connections keep."""
        with self._free:
            return sum(_cached(connection) for _, connection in self._idle)

    def release(self) -> None:
        """Close the idle connections; new ones are made at need."""
        with self._free:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def close(self) -> None:
        """Close every connection that is not lent, and those that are when they come back."""
        with self._free:
            self._closed = True
        self.release()

    def before_fork(self, deadline: float) -> None:
        """Lend nothing more, wait for what is lent, close what is idle."""
        with self._free:
            self._forking = True
            self._free.wait_for(lambda: not self._users, max(0.0, deadline - time.monotonic()))
            if not self._keep_at_fork:
                while self._idle:
                    self._idle.pop()[1].close()

    def after_fork(self, *, child: bool) -> None:
        """Lend again."""
        if child:
            self._free = threading.Condition()
            self._users = 0
        with self._free:
            self._forking = False
            self._free.notify_all()


def _cached(connection: apsw.Connection) -> int:
    used, _ = connection.status(apsw.SQLITE_DBSTATUS_CACHE_USED)
    return used

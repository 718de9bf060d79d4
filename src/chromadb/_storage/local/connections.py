"""A pool of SQLite connections to one database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import apsw

from chromadb._storage.local.forking import ForkAware
from chromadb.errors import ClosedClientError

IDLE_CONNECTIONS = 2
"""Each holds a file handle, and there is a pool for every open collection."""


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
        self._idle: list[apsw.Connection] = []
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
            connection = self._idle.pop() if self._idle else None
            self._users += 1
        try:
            if connection is None:
                connection = self._connect()
            yield connection
        finally:
            self._take_back(connection)

    def _take_back(self, connection: apsw.Connection | None) -> None:
        # Closing can take long, as the last connection of a file writes the log back: not under the lock.
        with self._free:
            keep = not self._closed and not self._forking and len(self._idle) < IDLE_CONNECTIONS
            if keep and connection is not None:
                self._idle.append(connection)
        if not keep and connection is not None:
            connection.close()
        with self._free:
            self._users -= 1
            self._free.notify_all()

    def close(self) -> None:
        """Close every connection that is not lent, and those that are when they come back."""
        with self._free:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def before_fork(self, deadline: float) -> None:
        """Lend nothing more, wait for what is lent, close what is idle."""
        with self._free:
            self._forking = True
            self._free.wait_for(lambda: not self._users, max(0.0, deadline - time.monotonic()))
            if not self._keep_at_fork:
                while self._idle:
                    self._idle.pop().close()

    def after_fork(self, *, child: bool) -> None:
        """Lend again."""
        if child:
            self._free = threading.Condition()
            self._users = 0
        with self._free:
            self._forking = False
            self._free.notify_all()

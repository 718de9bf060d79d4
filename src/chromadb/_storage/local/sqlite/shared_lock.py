"""A lock that many readers share or one writer has alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chromadb.errors import StorageLockedError


class SharedLock:
    """Stands before a database in memory, where SQLite has no write-ahead log: readers and writers exclude each other.

    A writer that waits goes before readers that come later, so neither starves. Not reentrant.

    Args:
        timeout: seconds to wait before giving up.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._condition = threading.Condition()
        self._readers = 0
        self._writing = False
        self._waiting = 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the lock beside other readers.

        Raises:
            StorageLockedError: a writer kept it for too long.
        """
        with self._condition:
            self._wait(lambda: not self._writing and not self._waiting)
            self._readers += 1
        try:
            yield
        finally:
            with self._condition:
                self._readers -= 1
                self._condition.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the lock alone.

        Raises:
            StorageLockedError: others kept it for too long.
        """
        with self._condition:
            self._waiting += 1
            try:
                self._wait(lambda: not self._writing and not self._readers)
            finally:
                self._waiting -= 1
                self._condition.notify_all()
            self._writing = True
        try:
            yield
        finally:
            with self._condition:
                self._writing = False
                self._condition.notify_all()

    def _wait(self, free: Callable[[], bool]) -> None:
        if not self._condition.wait_for(free, self._timeout):
            raise StorageLockedError(
                f"Other threads of this process have been using the database in memory for {self._timeout:g} seconds. "
                "Make smaller batches, or raise chroma_busy_timeout_seconds."
            )

"""Connections that only read, and leave nothing behind: also where nothing can be written.

SQLite reads a file with a write-ahead log together with a file that processes share, which it would make where it is
missing. Where there is no log nobody has the file open for writing, and it is read as one that does not change
(``immutable``), without locks, so nothing has to be made. That it did not change is verified before and after each
transaction; if it did, because somebody began to write, the next one goes the usual way.
"""

from __future__ import annotations

import os
from typing import NamedTuple
from urllib.parse import quote

import apsw

from chromadb.errors import StorageReadOnlyError

FLAGS = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI


class Mark(NamedTuple):
    """What tells whether a file, or its log, was written to."""

    inode: int
    size: int
    modified: int
    log: int
    """Bytes; -1 if there is none."""


def mark_of(path: str) -> Mark:
    """Return how a file is now.

    Raises:
        FileNotFoundError: there is none.
    """
    status = os.stat(path)
    try:
        log = os.stat(f"{path}-wal").st_size
    except FileNotFoundError:
        log = -1
    return Mark(status.st_ino, status.st_size, status.st_mtime_ns, log)


class UnlockedConnection(apsw.Connection):
    """A connection that takes no locks, to a file that is taken for one that does not change.

    Args:
        path: of the file.
        mark: how it is.
    """

    def __init__(self, path: str, mark: Mark) -> None:
        super().__init__(f"file:{quote(path)}?immutable=1", flags=FLAGS)
        self._path = path
        self._mark = mark

    def is_current(self) -> bool:
        """Return whether the file is as it was."""
        return mark_of(self._path) == self._mark


def connect(path: str, busy_timeout: float) -> apsw.Connection:
    """Return a connection that reads a file; without locks where there is no log.

    Args:
        path: of the file.
        busy_timeout: seconds to wait for who begins, or ends, to write.

    Raises:
        StorageReadOnlyError: what is in the log can be read only where something can be written.
        apsw.Error: it cannot be opened.
        FileNotFoundError: there is none.
    """
    mark = mark_of(path)
    while mark.log >= 0:
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(int(busy_timeout * 1000))
        try:
            # The first look is what opens the log.
            connection.execute("PRAGMA schema_version").fetchall()
            return connection
        except apsw.CantOpenError:
            connection.close()
            former, mark = mark, mark_of(path)
            if mark != former:
                # The last one who wrote has ended, and taken the log along.
                continue
            if mark.log > 0:
                raise StorageReadOnlyError(
                    f"{path} cannot be read here: its last changes are in {path}-wal, and the file {path}-shm, which "
                    "is needed to read that, is missing and cannot be made. Open the directory once where it can be "
                    "written, without chroma_read_only, and close it again; or make a backup and use that."
                ) from None
            break
        except BaseException:
            connection.close()
            raise
    return UnlockedConnection(path, mark)

"""Being alone with a directory, and who is in the way: whoever has a file of it open."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from chromadb._storage.local.platform.failures import explained
from chromadb._storage.local.platform.forking import living
from chromadb._storage.local.platform.holders import users_of
from chromadb._storage.local.sqlite.database import SqliteDatabase
from chromadb.errors import StorageLockedError

REPAIRING = "repairing"
"""The file that stands in a directory while it is repaired, locked by who does it."""

PATIENCE = 0.2
"""Seconds for those who look whether a directory is being repaired, which takes them no time."""

SHARED_BYTES = 0x40000002, 510
"""The bytes of a database, beyond its data, that every connection locks: the first of them, and how many."""


def is_open_elsewhere(path: Path) -> bool:
    """Return whether another process has a database open, by the lock that it holds on it.

    This process must not have it open: its own locks would end.
    """
    try:
        import fcntl
    except ImportError:
        return _is_open_for_sqlite(path)
    first, count = SHARED_BYTES
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, count, first)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _is_open_for_sqlite(path: Path) -> bool:
    """Return the same by asking SQLite, which also knows the locks of Windows, but may write the log back."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        # Asked before the first read, SQLite wants the file for itself alone.
        connection.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
        connection.execute("BEGIN IMMEDIATE; ROLLBACK")
    except apsw.BusyError:
        return True
    except apsw.Error:
        # Damaged, perhaps; that is why it is to be replaced, or repaired.
        return False
    finally:
        connection.close()
    return False


def is_open_here(directory: Path) -> bool:
    """Return whether this process has a database below a directory open."""
    real = os.path.join(os.path.realpath(directory), "")
    return any(
        isinstance(each, SqliteDatabase)
        and each.path is not None
        and not each.closed
        and os.path.realpath(each.path).startswith(real)
        for each in living()
    )


@contextmanager
def alone_with(directory: Path) -> Iterator[None]:
    """Have a directory that nobody uses for oneself: meanwhile it cannot be opened.

    Raises:
        StorageLockedError: somebody uses it, and who, as far as that is known.
        StorageError: nothing can be written there.
    """
    marker = directory / REPAIRING
    with explained(str(marker)):
        descriptor = os.open(marker, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _lock_name(descriptor, marker):
            whom = users_of(os.path.realpath(marker).__eq__)
            raise StorageLockedError(f"{directory} is being repaired already{whom}. Wait until that is done.")
        with _removed_at_the_end(marker):
            check_unused(directory)
            yield
    finally:
        os.close(descriptor)


@contextmanager
def _removed_at_the_end(marker: Path) -> Iterator[None]:
    try:
        yield
    finally:
        with suppress(OSError):
            marker.unlink()


def check_unused(directory: Path) -> None:
    """Raise if anybody has a file of a directory open, this process included.

    Raises:
        StorageLockedError: so it is; it says who, as far as that is known.
    """
    if is_open_here(directory):
        raise StorageLockedError(f"{directory} is in use by this process. Close its clients first.")
    real = os.path.join(os.path.realpath(directory), "")
    # Who looks whether it is being repaired has the marker open for a moment.
    whom = users_of(lambda path: path.startswith(real) and path != real + REPAIRING)
    # Not by rglob, which stumbles over folders that others remove meanwhile.
    files = (Path(place, name) for place, _, names in os.walk(directory) for name in names if name.endswith(".sqlite3"))
    if whom or any(map(is_open_elsewhere, files)):
        raise StorageLockedError(f"{directory} is in use{whom}. Stop what uses it and try again. Nothing was changed.")


def check_not_repaired(directory: Path) -> None:
    """Raise if somebody repairs a directory at this moment.

    Raises:
        StorageLockedError: so it is.
    """
    try:
        descriptor = os.open(directory / REPAIRING, os.O_RDWR)
    except OSError:
        return
    try:
        # Beside others who look at the same moment.
        if not _lock(descriptor, shared=True):
            raise StorageLockedError(f"{directory} is being repaired. Wait until that is done.")
    finally:
        os.close(descriptor)


def _lock_name(descriptor: int, path: Path) -> bool:
    """Return whether a file could be locked that still has its name, however many look at it meanwhile."""
    deadline = time.monotonic() + PATIENCE
    while not _lock(descriptor):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        # Whoever had it before has removed it.
        return False


def _lock(descriptor: int, shared: bool = False) -> bool:
    """Return whether a file could be locked, as long as it is open; on Windows it counts as locked by oneself."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

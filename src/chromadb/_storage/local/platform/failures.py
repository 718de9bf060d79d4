"""From the errors of SQLite and the file system to ours, which say what to do."""

from __future__ import annotations

import errno
import os
from contextlib import AbstractContextManager
from types import TracebackType

import apsw
import msgspec

from chromadb._storage.local.platform.holders import holder_of, last_written
from chromadb.errors import (
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StorageLockedError,
    StorageReadOnlyError,
)

PATH_LIMIT = 500
"""Bytes in the path of a database, of the 512 of SQLite's VFS on unix; the names of its journals are longer."""


def explained(name: str) -> AbstractContextManager[None]:
    """Translate errors of SQLite and of the file system about the file `name`."""
    return _Explained(name)


class _Explained:
    # Not a generator: every transaction passes here, and those take four times as long.
    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        explanation = None if error is None else _explain(self._name, error)
        if explanation is not None:
            try:
                raise explanation from error
            finally:
                # Or it would hold itself by its traceback, and with it the file that could not be opened.
                del explanation


def _explain(name: str, error: BaseException) -> StorageError | None:
    if isinstance(error, apsw.Error):
        return _explain_sqlite(name, error)
    if isinstance(error, UnicodeDecodeError):
        return damaged(name, "a text in it is not UTF-8")
    if isinstance(error, msgspec.DecodeError):
        return damaged(name, f"{error}")
    if isinstance(error, OSError):
        return explain_os(name, error)
    return None


def damaged(file: str, what: str) -> StorageCorruptError:
    """Return the error that says that a file is damaged, and what to do."""
    others = "Other collections are" if file.endswith("records.sqlite3") else "The records are"
    return StorageCorruptError(
        f"{file} is damaged: {what}. Save what can be read with 'chroma utils check --repair', or restore the file "
        f"from a backup. {others} not affected."
    )


def explain_os(name: str, error: OSError) -> StorageError:
    """Return our error for one of the file system."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFullError(f"No space left on the disk of {name}. Free some and try again. Nothing was written.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageReadOnlyError(
            f"{name} cannot be written: {error.strerror}. Give this user write permission, or choose another path."
        )
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return StorageError(
            f"Too many open files, so {name} cannot be opened. Raise the limit (ulimit -n) or lower "
            "chroma_max_open_collections."
        )
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return StorageError(f"{name} cannot be made: a file stands where a directory is needed. Choose another path.")
    return StorageError(f"{name} cannot be used: {error.strerror or error}.")


def _no_handles_left() -> OSError | None:
    """Return the error of opening any file, None if that works."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error
    return None


def _explain_sqlite(name: str, error: apsw.Error) -> StorageError:
    # Of a file that SQLite shares between processes it does not say that the disk is full.
    shared = isinstance(error, apsw.IOError) and getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_SHMSIZE
    if isinstance(error, apsw.FullError) or shared:
        return StorageFullError(f"No space left on the disk of {name}. Free some and try again. Nothing was written.")
    if isinstance(error, (apsw.BusyError, apsw.LockedError)):
        return _locked(name)
    if isinstance(error, (apsw.ReadOnlyError, apsw.PermissionsError)):
        return StorageReadOnlyError(
            f"{name} cannot be written. Give this user write permission to the file and its directory. "
            "Nothing was written."
        )
    if isinstance(error, apsw.CantOpenError) and (exhausted := _no_handles_left()):
        return explain_os(name, exhausted)
    if isinstance(error, apsw.IOError):
        return StorageError(
            f"{name} could not be read or written ({error}). Look at the disk, its quota and the file size limit of "
            "this process. Nothing of the call was written."
        )
    if isinstance(error, apsw.CantOpenError) and (size := len(os.fsencode(name))) > PATH_LIMIT:
        return StorageError(
            f"The path {name} is too long: {size} bytes, where SQLite opens at most {PATH_LIMIT}. Choose a shorter one."
        )
    if isinstance(error, apsw.CantOpenError):
        return StorageReadOnlyError(
            f"{name} cannot be opened or made ({error}). Check that its directory exists and that this user may write "
            "there."
        )
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
        return damaged(name, str(error))
    return StorageError(f"{name}: SQLite says {error}.")


def _locked(name: str) -> StorageLockedError:
    holder, ago = holder_of(name), last_written(name)
    if holder is None:
        held = f"Another process holds the lock of {name} for too long"
    else:
        held = f"The lock of {name} is held for too long by {holder}"
    return StorageLockedError(
        f"{held}{ago and f'; its log was last written {ago}'}. Wait for it or end it, or raise "
        "chroma_busy_timeout_seconds. Nothing was written."
    )

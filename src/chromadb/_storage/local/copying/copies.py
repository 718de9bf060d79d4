"""Copies of a record store and of what is derived from it: for forks, backups and what is restored.

A copy is of one commit. It gets a lineage of its own, so that an index of the one is never taken for one of the other,
wherever files are moved by hand. Sealed files never change, so the copy shares them by hard links; text indexes, whose
header says where they belong, and record stores share blocks where the file system can do that (Btrfs, XFS), and are
copied elsewhere: a record store by SQLite, page by page, while others read and write.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import apsw

from chromadb._storage.local.derived import sealed
from chromadb._storage.local.derived.sealed import FileEntry
from chromadb._storage.local.derived.text.file import commit_of, open_newest
from chromadb._storage.local.layout import COLUMNS, RECORDS, SEGMENTS, TEXT
from chromadb._storage.local.platform.durable import sync
from chromadb._storage.local.platform.failures import explained
from chromadb._storage.local.sqlite.database import SqliteDatabase
from chromadb._storage.local.tables.records import Commit, State, read_commit, read_state

_FICLONE = 0x40049409
"""Of Linux: let a file share the blocks of another."""


class Source(Protocol):
    """An open collection, as far as forks and backups know it."""

    def copy_to(self, folder: Path, beside: Path | None = None) -> Commit:
        """Write a copy of one commit to a new folder; return its state. See `copy_collection`."""
        ...


def copy_collection(database: SqliteDatabase, source: Path | None, target: Path, beside: Path | None = None) -> Commit:
    """Write the record store of a collection, and what is derived from it, to a new folder.

    Args:
        database: the record store.
        source: its folder; None in memory.
        target: the folder, made if it is missing.
        beside: a former copy on the file system of `target`, whose sealed files are shared where those of `source`
            cannot be.

    Returns:
        The state of the copy.

    Raises:
        StorageError: it could not be written; what there is of it is to be removed.
    """
    with explained(str(target)):
        target.mkdir(parents=True, exist_ok=True)
    with explained(str(target / RECORDS)):
        _copy_records(database, target / RECORDS)
        former, state = renew_lineage(target / RECORDS)
        sync(target / RECORDS)
    if source is not None:
        with explained(str(target)):
            copy_derived(source, target, former, state, beside)
    with explained(str(target)):
        for folder, _, _ in os.walk(target):
            sync(Path(folder))
    return state


def copy_database(database: SqliteDatabase, path: Path) -> None:
    """Write a database as it is at one commit to a new file.

    Raises:
        StorageError: it could not be written.
    """
    with explained(str(path)), database.read() as sql:
        _copy_pages(sql, path)


def copy_in_memory(database: SqliteDatabase, target: SqliteDatabase) -> State:
    """Write a record store as it is at one commit to another in memory; return the state of the copy."""
    with database.read() as sql, target.outside_transactions(None) as copy, copy.backup("main", sql, "main") as pages:
        pages.step(-1)
    with target.write() as copy:
        copy.execute("UPDATE state SET lineage = lower(hex(randomblob(8)))")
        return read_state(copy)


def renew_lineage(path: Path) -> tuple[Commit, Commit]:
    """Give a record store in a file, which nobody has open, a lineage of its own; return its former commit, and this.

    It is not synced.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        # It is nothing until it is whole, and synced then.
        connection.execute("PRAGMA synchronous=OFF").fetchall()
        former = read_commit(connection)
        connection.execute("UPDATE state SET lineage = lower(hex(randomblob(8)))")
        return former, read_commit(connection)
    finally:
        # The last connection writes the log back and removes it.
        connection.close()


def copy_derived(source: Path, target: Path, former: Commit, state: Commit, beside: Path | None = None) -> None:
    """Share what is derived from a record store with a copy of it.

    Args:
        source: the folder of the collection.
        target: that of the copy.
        former: the commit of the record store that was copied.
        state: that of the copy, of another lineage.
        beside: see `copy_collection`.
    """
    for kind in (SEGMENTS, COLUMNS):
        folder = source / kind
        for name in sorted(os.listdir(folder)) if folder.is_dir() else []:
            if not name.startswith("."):
                known = None if beside is None else beside / kind / name
                sealed.adopt(
                    folder / name,
                    target / kind / name,
                    former.lineage,
                    state.lineage,
                    former.commit_no,
                    _Sharing(known),
                )
    index = open_newest(source / TEXT / former.lineage)
    if index is not None and index.header.commit_no <= former.commit_no:
        folder = target / TEXT / state.lineage
        folder.mkdir(parents=True)
        with suppress(FileNotFoundError):
            index.copy_to(folder, copy_file)


def remove_ahead(database: SqliteDatabase, folder: Path) -> None:
    """Remove what is derived from commits that a record store does not have, before it makes others in their place.

    It has lost them when an older file was put there by hand, or to a loss of power where the setting allows that.
    """
    if not any(_entries(folder / kind) for kind in (SEGMENTS, COLUMNS, TEXT)):
        return
    # Listed before the state is read: what lies ahead of that was not made of this store meanwhile.
    with database.read() as sql:
        lineage = read_state(sql).lineage
    commits = {
        entry: sealed.commit_of(entry, lineage)
        for kind in (SEGMENTS, COLUMNS)
        for entry in _entries(folder / kind)
        if not entry.name.startswith(".")
    }
    commits |= {entry: commit_of(entry.name) for entry in _entries(folder / TEXT / lineage)}
    with database.read() as sql:
        last = read_state(sql).commit_no
    for entry, commit_no in commits.items():
        if commit_no is not None and commit_no > last:
            shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)


def _entries(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in os.listdir(folder)]
    except OSError:
        return []


class _Sharing:
    """Shares sealed files with a copy: with their source, or with a former copy of them, else copies them."""

    def __init__(self, known: Path | None) -> None:
        self._known = known
        self._files = {} if known is None else sealed.files_of(known)

    def __call__(self, source: Path, target: Path, entry: FileEntry) -> None:
        if _link(source, target):
            return
        if self._known is not None and self._files.get(source.name) == entry:
            with suppress(FileNotFoundError):
                if (self._known / source.name).stat().st_size == entry.size and _link(
                    self._known / source.name, target
                ):
                    return
        copy_file(source, target)
        sync(target)


def _link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        # Another file system, or one without hard links, or too many of them.
        return False
    return True


def copy_file(source: Path, target: Path) -> None:
    """Copy a file that nobody changes meanwhile; blocks are shared where the file system can."""
    if not clone(source, target):
        shutil.copyfile(source, target)


def clone(source: Path, target: Path) -> bool:
    """Make a file that shares its blocks with another until one of them is changed; False where that does not work."""
    if sys.platform != "linux":
        return False
    import fcntl

    with source.open("rb") as reader:
        try:
            with target.open("xb") as writer:
                fcntl.ioctl(writer.fileno(), _FICLONE, reader.fileno())
        except FileExistsError:
            raise
        except OSError:
            target.unlink(missing_ok=True)
            return False
    return True


def _copy_records(database: SqliteDatabase, path: Path) -> None:
    """Write a record store as it is at one commit to a new file."""
    if database.path is not None and not database.read_only and clone(Path(database.path), path):
        # That was to see whether it works: of one commit it is when nobody writes to the file, nor to its log.
        path.unlink()
        _clone_records(database, Path(database.path), path)
        return
    with database.read() as sql:
        _copy_pages(sql, path)


def _clone_records(database: SqliteDatabase, source: Path, path: Path) -> None:
    """Share the blocks of a record store and of its log, which SQLite reads as after the end of a process."""
    # Before the lock, so that others wait for little.
    database.checkpoint()
    with database.write():
        whole = database.checkpoint()
        copy_file(source, path)
        # Where somebody still reads an older state, part of this one is in the log alone.
        with suppress(FileNotFoundError):
            if not whole:
                copy_file(Path(f"{source}-wal"), Path(f"{path}-wal"))


def _copy_pages(sql: apsw.Connection, path: Path) -> None:
    """Write the pages that a transaction sees to a new file."""
    copy = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
    try:
        # It is nothing until it is whole, and synced then.
        copy.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF").fetchall()
        with copy.backup("main", sql, "main") as pages:
            pages.step(-1)
    except apsw.FullError:
        # Said of the disk that is written to, not of the one that is read.
        with explained(str(path)):
            raise
    finally:
        copy.close()

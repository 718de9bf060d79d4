"""Vacuuming: files are written anew without what was deleted, so that it is gone and its space is free.

SQLite leaves the pages of deleted rows in the file until something else needs them, and in the log until it is begun
anew. Segments, text indexes and columns keep what they knew of a record until they are rebuilt. After a vacuum none of
this is left in any file of the place: it takes the turn of whoever builds them (``turns``), so that nothing is built
meanwhile from what was read before. Where there are no turns, as on Windows, what another process is building at that
very moment may know it still.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import apsw
import numpy as np

from chromadb._index.segment import Segment
from chromadb._model.entities import Vacuumed
from chromadb._model.operations import Progress
from chromadb._storage.local.derived.follow import stale_labels
from chromadb._storage.local.layout import REPAIRING
from chromadb._storage.local.platform.holders import users_of
from chromadb._storage.local.sqlite.database import SqliteDatabase
from chromadb._storage.local.sqlite.former import remove_former
from chromadb._storage.local.tables.labels import NO_LABELS
from chromadb._storage.local.tables.records import State, list_labels
from chromadb.errors import InvalidCollectionException, StorageError, StorageLockedError


@dataclass(frozen=True)
class Part:
    """What is vacuumed by itself: a collection, or the catalog."""

    where: str
    """In the directory."""
    name: str
    files: Callable[[], dict[str, int]]
    """Its files, as `files_of` returns them."""
    vacuum: Callable[[], None]


def vacuum_parts(parts: Sequence[Part], progress: Progress | None = None) -> list[Vacuumed]:
    """Vacuum one part after the other, whatever becomes of the others; return what became of each.

    Args:
        parts: a collection that is deleted meanwhile is left out.
        progress: called before each part with its name, its number from 0 on, and how many there are.
    """
    done = []
    for number, part in enumerate(parts):
        if progress is not None:
            progress(part.name, number, len(parts))
        before, error = part.files(), None
        try:
            part.vacuum()
        except InvalidCollectionException:
            continue
        except StorageError as failure:
            error = failure.message()
        done.append(_vacuumed(part, before, part.files(), error))
    return done


def _vacuumed(part: Part, before: dict[str, int], after: dict[str, int], error: str | None) -> Vacuumed:
    def size(files: dict[str, int]) -> int:
        # What processes share goes with the last of them.
        return sum(size for path, size in files.items() if not path.endswith("-shm"))

    # SQLite's own files beside a database come and go.
    removed = [path for path in before if path not in after and not path.endswith(("-wal", "-shm"))]
    return Vacuumed(part.where, part.name, size(before), size(after), removed, error)


def vacuum_database(
    database: SqliteDatabase,
    timeout: float | None = None,
    prepare: Callable[[apsw.Connection], None] | None = None,
) -> None:
    """Write the file of a database anew, and cut its log to nothing.

    Args:
        database: one in memory is left as it is.
        timeout: seconds to wait for whoever reads or writes; None for what the database waits at writing.
        prepare: removes what is to go with it, in a transaction of its own.

    Raises:
        StorageLockedError: somebody was in the way all that time; nothing was lost, and something may be left.
        StorageFullError: there is no room for a second copy. Nothing was changed.
    """
    path = database.path
    if path is None:
        return
    with database.outside_transactions(timeout) as sql:
        deadline = time.monotonic() + (database.busy_timeout if timeout is None else timeout)
        while not _vacuum(sql, prepare):
            # SQLite waits for readers and writers, but not for another checkpoint.
            if time.monotonic() > deadline:
                raise in_use(path)
            time.sleep(0.02)
    remove_former(path)
    for suffix in ("", "-wal", "-shm", "-journal"):
        # Of a repair that ended before its time: none is at work where the file can be opened.
        with suppress(OSError):
            os.unlink(f"{path}{REPAIRING}{suffix}")


def _vacuum(sql: apsw.Connection, prepare: Callable[[apsw.Connection], None] | None) -> bool:
    """Return whether nobody was in the way."""
    try:
        if prepare is not None:
            with sql:
                prepare(sql)
        # Not in memory, where it would not fit.
        sql.execute("PRAGMA temp_store=FILE")
        sql.execute("VACUUM")
        blocked, _, _ = sql.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() or (0, 0, 0)
    except (apsw.BusyError, apsw.LockedError):
        return False
    finally:
        sql.execute("PRAGMA temp_store=MEMORY")
    return not blocked


def outdated_segments(sql: apsw.Connection, state: State, segments: list[Segment]) -> list[str]:
    """Return the names of segments with codes of vectors that were changed or deleted since."""
    names = []
    every = list_labels(sql) if segments else NO_LABELS
    for segment in segments:
        stale = stale_labels(sql, segment, state)
        if stale is None or len(np.intersect1d(stale, segment.labels)) or len(np.setdiff1d(segment.labels, every)):
            names.append(segment.name)
    return names


def files_of(folder: Path) -> dict[str, int]:
    """Return the files below a folder by their path in it, each with its size in bytes."""
    sizes = {}
    # Not by rglob, which stumbles over folders that others finish or remove meanwhile.
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(place, name)
            with suppress(FileNotFoundError):
                sizes[path.relative_to(folder).as_posix()] = path.stat().st_size
    return sizes


def in_use(path: str, building: bool = False) -> StorageLockedError:
    """Return the error that says that a file is in use, or that an index of it is being built, and by whom."""
    what = f"An index of {path} is being built" if building else f"{path} is in use"
    whom = users_of(os.path.realpath(path).__eq__)
    return StorageLockedError(f"{what}{whom}. Stop what uses it, or give more time, and vacuum it again.")

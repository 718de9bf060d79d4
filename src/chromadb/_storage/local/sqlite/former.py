"""Copies of files in their former format, kept when a newer version brings them up to date.

``<file>.format-<number>`` is the file as it was, whole, with what its log had, written before anything is changed. It
goes with the next vacuum, with its collection, and by itself once it is `KEPT` old.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

import apsw

from chromadb._storage.local.platform.durable import replacing

KEPT = 30 * 24 * 3600.0
"""Seconds."""

FORMER = ".format-"


def keep_former(path: str, version: int) -> None:
    """Write a copy of a database, to which nobody else can write at the moment.

    Raises:
        OSError: it could not be written; nothing is left behind.
    """
    finished, unfinished = Path(f"{path}{FORMER}{version}"), Path(f"{path}{FORMER}{version}.unfinished")
    unfinished.unlink(missing_ok=True)
    with replacing(finished, unfinished):
        source, copy = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE), apsw.Connection(str(unfinished))
        try:
            # It is nothing until it is whole, and synced then.
            copy.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF").fetchall()
            with copy.backup("main", source, "main") as pages:
                pages.step(-1)
        finally:
            copy.close()
            source.close()


def remove_former(path: str, older_than: float = 0.0) -> None:
    """Remove the copies of a database that are older than so many seconds."""
    folder, name = os.path.split(path)
    try:
        copies = os.listdir(folder or ".")
    except FileNotFoundError:
        # Another process has deleted the collection; who opens its file is told so.
        return
    for copy in copies:
        if copy.startswith(name + FORMER):
            with suppress(OSError):
                place = os.path.join(folder, copy)
                if time.time() - os.stat(place).st_mtime >= older_than:
                    os.unlink(place)

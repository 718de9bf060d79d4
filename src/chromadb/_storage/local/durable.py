"""What it takes for files to be there after a loss of power: names are as much a part of it as bytes."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def sync(path: Path) -> None:
    """Put the bytes of a file, or the names in a directory, on the disk.

    Raises:
        OSError: the disk did not take them.
    """
    if os.name == "nt":
        if path.is_dir():
            return
        descriptor = os.open(path, os.O_RDWR)
    else:
        descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a directory with its parents, unless they are there, so that it stays after a loss of power.

    SQLite sees to the names of its own files in it. Without this, some file systems may lose the directory, and with it
    every transaction that was committed there.

    Raises:
        OSError: it could not be made.
    """
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        if folder == folder.parent:
            break
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        # Where one may write into a directory without reading it, its names cannot be synced by us.
        with suppress(PermissionError):
            sync(each.parent)

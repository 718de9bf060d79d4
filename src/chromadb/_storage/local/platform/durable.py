"""What it takes for files to be there after a loss of power: names are as much a part of it as bytes."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray


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


@contextmanager
def replacing(path: Path, unfinished: Path) -> Iterator[None]:
    """Let what is written meanwhile under another name be called `path` at the end, synced: all of it, or nothing.

    Args:
        path: of the file, or of the folder.
        unfinished: the other name, in the same folder. The files of a folder are synced by who writes them.

    Raises:
        OSError: it could not be written. What there was of it is removed, as after any other exception.
    """
    try:
        yield
        sync(unfinished)
        os.replace(unfinished, path)
        sync(path.parent)
    except BaseException:
        if unfinished.is_dir():
            shutil.rmtree(unfinished, ignore_errors=True)
        with suppress(OSError):
            unfinished.unlink()
        raise


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array to a file of its own, as ``numpy.save`` does; see ``write_array``."""
    with path.open("wb") as file:
        write_array(file, array)


def write_array(file: BinaryIO, array: NDArray[Any]) -> None:
    """Write an array to a file, as ``numpy.save`` does.

    By our own writes: those of numpy fail without a word when what was buffered does not fit the disk any more.

    Raises:
        OSError: it could not be written as a whole.
    """
    contiguous = np.ascontiguousarray(array)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(contiguous))
    file.write(header.getvalue())
    file.write(contiguous.data)


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

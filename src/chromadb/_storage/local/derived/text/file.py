"""The file of a text index: sealed, verified, never changed.

It is written under another name, synced and renamed. Header and directory are verified when it is opened, each list
when it is first read. Lists are read, not mapped: a file that is cut off while in use gives an error that can be
handled, where a map would end the process.

    header | lists | labels: int64 | codes: uint32 | counts: uint32 | kinds: uint8 | sizes: uint32 | checksums: uint32
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from hashlib import blake2b
from pathlib import Path
from time import time
from typing import NamedTuple
from uuid import uuid4

import numpy as np

from chromadb._storage.local.derived.text.postings import Integers, Lists, Runs, Stopped, write_all
from chromadb._storage.local.platform.durable import replacing, sync
from chromadb._storage.local.platform.failures import explain_os

FORMAT_VERSION = 1
PREFIX, SUFFIX, UNFINISHED = "text-", ".index", ".building"

_COMMIT = len(PREFIX) + 16
"""Characters of a file's name that order it by commit."""

ABANDONED = 3600.0
"""Seconds after which an unfinished file is taken for that of a process that died."""

_MAGIC = b"CHDBTEXT"
_HEADER = struct.Struct("<8sI16sqqQQQI")
_HEADER_SIZE = _HEADER.size + 4
_COLUMNS = ("<u4", "<u4", "u1", "<u4", "<u4")
_BYTES_PER_LIST = sum(np.dtype(column).itemsize for column in _COLUMNS)


class Header(NamedTuple):
    """The beginning of the file; `place` tells the folder, `checksum` is that of the directory at `directory`."""

    magic: bytes
    version: int
    place: bytes
    commit_no: int
    next_label: int
    documents: int
    lists: int
    directory: int
    checksum: int

    def seal(self) -> bytes:
        """Return the header as it stands in the file, with its own checksum."""
        packed = _HEADER.pack(*self)
        return packed + zlib.crc32(packed).to_bytes(4, "little")


class TextFile:
    """An index file, open for reading by any number of threads as long as somebody refers to it.

    Reading moves no file position and takes no lock where the system has ``pread``, so a fork has nothing to take
    care of.

    Raises:
        OSError: it cannot be read, or is damaged, foreign, or of another format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seeking = threading.Lock()
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        packed = self._read(0, _HEADER_SIZE)
        self.header = header = Header(*_HEADER.unpack_from(packed))
        if header.seal() != packed or header[:3] != (_MAGIC, FORMAT_VERSION, _place(path.parent)):
            raise OSError(f"{path} is no text index of this folder and format.")
        size = header.documents * 8 + header.lists * _BYTES_PER_LIST
        self.size = header.directory + size
        if os.fstat(self._descriptor).st_size != self.size:
            raise OSError(f"{path} is not as long as it says.")
        directory = self._read(header.directory, size)
        _verify(directory, header.checksum)
        self.labels: Integers = np.frombuffer(directory, dtype="<i8", count=header.documents)
        columns: list[Integers] = []
        start = self.labels.nbytes
        for dtype in _COLUMNS:
            columns.append(np.frombuffer(directory, dtype=dtype, count=header.lists, offset=start))
            start += columns[-1].nbytes
        self.codes, self.counts, self.kinds, self._sizes, self._checksums = columns
        self._offsets = _HEADER_SIZE + np.cumsum(self._sizes, dtype=np.int64) - self._sizes
        self._verified = np.zeros(header.lists, dtype=np.bool_)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the directory takes."""
        columns = (self.codes, self.counts, self.kinds, self._sizes, self._checksums, self._offsets, self._verified)
        return self.labels.nbytes + sum(column.nbytes for column in columns)

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    def copy_to(self, folder: Path, transfer: Callable[[Path, Path], None]) -> None:
        """Make a copy that belongs to another folder.

        Raises:
            OSError: it could not be written.
        """
        target = folder / self.path.name
        transfer(self.path, target)
        with target.open("r+b") as file:
            file.write(self.header._replace(place=_place(folder)).seal())
            file.flush()
            os.fsync(file.fileno())
        sync(folder)

    def read_list(self, place: int) -> bytes:
        """Return the coded list at a place of the directory.

        Raises:
            OSError: it cannot be read or is damaged.
        """
        data = self._read(int(self._offsets[place]), int(self._sizes[place]))
        if not self._verified[place]:
            _verify(data, self._checksums[place])
            self._verified[place] = True
        return data

    def _read(self, offset: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            data = os.pread(self._descriptor, size, offset)
        else:
            with self._seeking:
                os.lseek(self._descriptor, offset, os.SEEK_SET)
                data = os.read(self._descriptor, size)
        if len(data) != size:
            raise OSError(f"{self.path} is cut off.")
        return data


def commit_of(name: str) -> int | None:
    """Return the commit of an index by the name of its file, None if that is of something else."""
    number = name[len(PREFIX) : _COMMIT]
    try:
        return int(number, 16) if name.startswith(PREFIX) and name.endswith(SUFFIX) else None
    except ValueError:
        return None


def open_newest(folder: Path) -> TextFile | None:
    """Return the index of the latest commit in `folder` that is intact, or None."""
    try:
        names = sorted(os.listdir(folder), reverse=True)
    except OSError:
        return None
    for name in names:
        if name.startswith(PREFIX) and name.endswith(SUFFIX):
            with suppress(OSError):
                return TextFile(folder / name)
    return None


def write(
    folder: Path, commit_no: int, next_label: int, documents: Iterable[tuple[int, str]], stop: Callable[[], bool]
) -> TextFile | None:
    """Write an index of `documents`, (label, document) by ascending label; None if `stop` returned true.

    Indexes of earlier commits in `folder` are removed when it is done. If it fails or stops, nothing is left behind.

    Raises:
        StorageError: the file cannot be written.
    """
    name = f"{PREFIX}{commit_no:016x}-{uuid4().hex[:8]}"
    unfinished, path = folder / (name + UNFINISHED), folder / (name + SUFFIX)
    try:
        with replacing(path, unfinished):
            _write(unfinished, commit_no, next_label, documents, stop)
        file = TextFile(path)
        remove_others(folder, path)
    except Stopped:
        return None
    except OSError as error:
        raise explain_os(str(path), error) from error
    return file


def _write(
    path: Path, commit_no: int, next_label: int, documents: Iterable[tuple[int, str]], stop: Callable[[], bool]
) -> None:
    labels = array("q")

    def texts() -> Iterator[str]:
        for label, document in documents:
            labels.append(label)
            yield document

    parts: list[Lists] = []
    with closing(Runs(path.parent, stop)) as runs, open(path, "xb", buffering=0) as file:
        runs.add(texts())
        file.seek(_HEADER_SIZE)
        for lists in runs.merge():
            write_all(file, lists.data)
            parts.append(lists._replace(data=memoryview(b"")))
        end = file.tell()
        columns = [np.array(labels, dtype="<i8").tobytes()]
        for place, dtype in enumerate(_COLUMNS):
            columns += [np.asarray(part[place]).astype(dtype).tobytes() for part in parts]
        directory = b"".join(columns)
        write_all(file, directory)
        header = Header(
            _MAGIC,
            FORMAT_VERSION,
            _place(path.parent),
            commit_no,
            next_label,
            len(labels),
            sum(len(part.codes) for part in parts),
            end,
            zlib.crc32(directory),
        )
        file.seek(0)
        write_all(file, header.seal())


def remove_others(folder: Path, path: Path | None) -> None:
    """Remove what `path` replaces, every index for None, and what dead processes left unfinished."""
    for other in folder.glob(PREFIX + "*"):
        # Windows keeps a file that is open; the next build removes it.
        with suppress(OSError):
            old = other.suffix == SUFFIX and (path is None or other.name[:_COMMIT] < path.name[:_COMMIT])
            if old or (other.suffix == UNFINISHED and other.stat().st_mtime < time() - ABANDONED):
                other.unlink()


def _place(folder: Path) -> bytes:
    """Return what tells this folder from that of another collection, wherever the directory is moved."""
    return blake2b(os.fsencode(folder.resolve().name), digest_size=16).digest()


def _verify(data: bytes, checksum: int) -> None:
    if zlib.crc32(data) != checksum:
        raise OSError("The text index is damaged.")

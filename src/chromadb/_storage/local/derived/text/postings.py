"""Which grams occur in which documents: postings by the million, built in little memory.

A *gram* is three consecutive characters, or two where both are of a script that writes words with few characters
(Chinese, Japanese, Korean; emoji too). Its *code* is a hash of 24 bits: two grams of one code make more candidates,
never fewer. Documents are numbered from 0. numpy does the work, and releases the GIL meanwhile.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

Integers = NDArray[Any]

RUN_CHARACTERS = 1 << 20
"""Characters that are sorted at a time: some 20 ms of work."""

RUN_DOCUMENTS = 1 << 16
"""A document of a run has a number of 16 bits."""

MERGE_POSTINGS = 1 << 19
"""Postings that are merged at a time; twice as many take longer each, and need memory that the caches lack."""

PATIENCE = 256
"""Documents that are read before `stop` is asked again."""

BYTES, WORDS, BITMAP = 0, 1, 2
"""How a list is coded: gaps in bytes, gaps in words of two bytes, or a bit for every document."""

_FIRST_WIDE = 0x2E80
_BUCKETS = 1 << 12
"""Parts of the range of codes by which runs are merged; the hash makes them alike."""


class Stopped(Exception):
    """The builder was asked to stop."""


class Lists(NamedTuple):
    """Coded lists of ascending `codes`, one behind the other in `data`."""

    codes: Integers
    counts: Integers
    kinds: Integers
    sizes: Integers
    checksums: Integers
    data: memoryview


# --- grams ----------------------------------------------------------------------------------------


def gram_codes(text: str) -> Integers:
    """Return the distinct codes of the grams of `text`, ascending; none if it is too short for one."""
    codes, whole = _grams(text, np.array([len(text)]))
    return distinct(codes[whole])


def _grams(text: str, lengths: Integers) -> tuple[Integers, NDArray[np.bool_]]:
    """Return for each character of texts that follow each other the code of the gram that it begins.

    The second array tells which of them end within their text.
    """
    padded: Integers = np.zeros(len(text) + 2, dtype=np.uint32)
    padded[:-2] = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    # Upper and lower case are one, so that patterns that ignore case can be looked up too.
    padded += (padded - np.uint32(ord("A")) < 26) * np.uint32(32)
    ends = np.cumsum(lengths)
    whole = np.ones(len(text), dtype=np.bool_)
    whole[ends[lengths > 1] - 2] = False
    whole[ends[lengths > 0] - 1] = False
    if text.isascii():
        return _hash(padded[:-2], padded[1:-1], padded[2:]), whole
    padded[padded == 0x212A] = ord("k")
    padded[padded == 0x017F] = ord("s")
    wide = padded >= _FIRST_WIDE
    pair = wide[:-2] & wide[1:-1]
    last = ends[lengths > 1] - 2
    whole[last] = pair[last]
    return _hash(padded[:-2], padded[1:-1], np.where(pair, np.uint32(0), padded[2:])), whole


def _hash(first: NDArray[np.uint32], second: NDArray[np.uint32], third: NDArray[np.uint32]) -> Integers:
    mixed: NDArray[np.uint32] = (
        first * np.uint32(0x9E3779B1) + second * np.uint32(0x85EBCA77) + third * np.uint32(0xC2B2AE3D)
    )
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x2C1B3C6D)
    hashed: Integers = mixed >> np.uint32(8)
    return hashed


# --- runs: sorted postings of as many documents as fit in memory ----------------------------------


class _Run(NamedTuple):
    """Postings in the file of runs, from `start` on; at each of `buckets` one begins, and the last one ends."""

    first_document: int
    start: int
    buckets: Integers


class Runs:
    """Postings of documents, sorted in parts, in a file that has no name and goes with the process.

    Args:
        folder: where that file may lie; it takes 4 bytes for each different gram of each document.
        stop: asked every 50 ms or oftener whether to give up, which raises `Stopped`.
    """

    def __init__(self, folder: Path, stop: Callable[[], bool]) -> None:
        self._stop = stop
        # Without a buffer, which a forked child would write out once more.
        self._file = TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        self._runs: list[_Run] = []
        self._written = 0
        self._pieces: list[str] = []
        self._owners: list[int] = []
        self._characters = 0
        self._first = 0
        self.count = 0

    def close(self) -> None:
        """Free the disk."""
        self._file.close()

    def add(self, documents: Iterable[str]) -> None:
        """Number the documents, and write their postings."""
        for document in documents:
            if self.count % PATIENCE == 0:
                self.check()
            if self.count - self._first == RUN_DOCUMENTS:
                self._write_run()
            # The pieces of a long document overlap, so that each gram is whole in one of them.
            for start in range(0, len(document), RUN_CHARACTERS):
                self._pieces.append(document[start : start + RUN_CHARACTERS + 2])
                self._owners.append(self.count - self._first)
                self._characters += len(self._pieces[-1])
                if self._characters >= RUN_CHARACTERS:
                    self._write_run()
            self.count += 1
        self._write_run()

    def check(self) -> None:
        """Raise `Stopped` if it is time to give up."""
        if self._stop():
            raise Stopped

    def merge(self) -> Iterator[Lists]:
        """Yield the lists of all documents in order of their codes, some at a time."""
        ends = np.cumsum(sum((np.diff(run.buckets) for run in self._runs), np.zeros(_BUCKETS, dtype=np.int64)))
        low = 0
        while low < _BUCKETS:
            self.check()
            done = int(ends[low - 1]) if low else 0
            high = max(low + 1, int(np.searchsorted(ends, done + MERGE_POSTINGS, side="right")))
            if ends[high - 1] > done:
                yield encode(self._read_buckets(low, high), self.count)
            low = high

    def _write_run(self) -> None:
        self.check()
        lengths = np.fromiter(map(len, self._pieces), dtype=np.int64, count=len(self._pieces))
        codes, whole = _grams("".join(self._pieces), lengths)
        keys = codes.astype(np.uint64)
        keys <<= np.uint64(16)
        keys |= np.repeat(np.array(self._owners, dtype=np.uint64), lengths)
        keys = distinct(keys[whole])
        buckets = np.searchsorted(keys, np.arange(_BUCKETS + 1, dtype=np.uint64) << np.uint64(28))
        write_all(self._file, (keys.astype(np.uint32) & np.uint32(0xFFFFFFF)).data)
        self._runs.append(_Run(self._first, self._written, buckets.astype(np.uint32)))
        self._written += len(keys)
        self._pieces, self._owners, self._characters, self._first = [], [], 0, self.count

    def _read_buckets(self, low: int, high: int) -> Integers:
        """Return the postings of some buckets, as code << 32 | document, ascending."""
        sizes = np.stack([np.diff(run.buckets[low : high + 1]) for run in self._runs]).astype(np.int64)
        packed = np.empty(sizes.sum(), dtype=np.uint32)
        start = 0
        for run, size in zip(self._runs, sizes.sum(axis=1).tolist(), strict=True):
            self._file.seek(4 * (run.start + int(run.buckets[low])))
            if self._file.readinto(packed[start : start + size].data) != 4 * size:
                raise OSError("The file of runs was cut off.")
            start += size
        codes = np.repeat(np.tile(np.arange(low, high, dtype=np.uint64) << np.uint64(12), len(sizes)), sizes.ravel())
        codes |= packed >> np.uint32(16)
        codes <<= np.uint64(32)
        codes |= np.repeat(np.array([run.first_document for run in self._runs], dtype=np.uint64), sizes.sum(axis=1)) + (
            packed & np.uint32(0xFFFF)
        )
        return distinct(codes)


def write_all(file: BinaryIO, data: Buffer) -> None:
    """Write `data` to a file without a buffer, which may take it in parts."""
    view = memoryview(data).cast("B")
    while len(view):
        view = view[file.write(view) :]


def distinct(keys: Integers) -> Integers:
    """Sort `keys` in place, and return the different ones."""
    keys.sort()
    new = np.ones(len(keys), dtype=np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=new[1:])
    return keys[new]


# --- coded lists ----------------------------------------------------------------------------------


def encode(postings: Integers, documents: int) -> Lists:
    """Return the lists of ascending `postings`, code << 32 | document, each in the shortest of three codings.

    A gap is the number of documents between one and the next; 255 (65,535) means as many, and goes on.
    """
    codes = (postings >> np.uint64(32)).astype(np.uint32)
    numbers = (postings & np.uint64(0xFFFFFFFF)).astype(np.int64)
    starts = np.flatnonzero(np.concatenate(([True], codes[1:] != codes[:-1])))
    counts = np.diff(starts, append=len(postings))
    gaps = np.diff(numbers, prepend=0) - 1
    gaps[starts] = numbers[starts]
    in_bytes, in_words = gaps // 0xFF + 1, 2 * (gaps // 0xFFFF + 1)
    bitmap = (documents + 7) // 8
    sizes = np.stack(
        [np.add.reduceat(in_bytes, starts), np.add.reduceat(in_words, starts), np.full(len(starts), bitmap)]
    )
    kinds = sizes.argmin(axis=0)
    list_sizes = sizes.min(axis=0)
    kind = np.repeat(kinds, counts)
    # A bitmap takes its room at its first posting.
    room = np.where(kind == BYTES, in_bytes, np.where(kind == WORDS, in_words, 0))
    room[starts[kinds == BITMAP]] = bitmap
    ends = np.cumsum(room)
    data = np.full(int(ends[-1]), 0xFF, dtype=np.uint8)
    data[ends[kind == BYTES] - 1] = gaps[kind == BYTES] % 0xFF
    rest = gaps[kind == WORDS] % 0xFFFF
    data[ends[kind == WORDS] - 2] = rest & 0xFF
    data[ends[kind == WORDS] - 1] = rest >> 8
    bounds = np.concatenate(([0], np.cumsum(list_sizes)))
    for each in np.flatnonzero(kinds == BITMAP).tolist():
        bits = np.zeros(documents, dtype=np.uint8)
        bits[numbers[starts[each] : starts[each] + counts[each]]] = 1
        data[bounds[each] : bounds[each + 1]] = np.packbits(bits)
    view = data.data
    cuts = bounds.tolist()
    checksums = np.fromiter((zlib.crc32(view[a:b]) for a, b in pairwise(cuts)), dtype=np.uint32, count=len(starts))
    return Lists(codes[starts], counts, kinds, list_sizes, checksums, view)


def decode(kind: int, data: bytes) -> Integers:
    """Return the documents of a coded list, ascending, as int64."""
    if kind == BITMAP:
        return np.flatnonzero(np.unpackbits(np.frombuffer(data, dtype=np.uint8)))
    gaps: Integers = np.frombuffer(data, dtype=np.uint8 if kind == BYTES else "<u2")
    last = gaps != np.iinfo(gaps.dtype).max
    numbers: Integers = np.cumsum(gaps, dtype=np.int64)[last]
    numbers += np.arange(len(numbers))
    return numbers

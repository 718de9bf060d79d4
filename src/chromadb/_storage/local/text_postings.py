"""Which grams occur in which documents: postings by the million, built in little memory.

A *gram* is three consecutive characters, or two where both are of a script that writes words with few characters
(Chinese, Japanese, Korean; emoji too). Its *code* is a hash of 24 bits: two grams of one code make more candidates,
never fewer. Documents are numbered from 0. numpy does the work, and releases the GIL meanwhile.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[Any]

RUN_CHARACTERS = 1 << 20
"""Characters that are sorted at a time: some 50 ms of work and 50 MB of memory."""

RUN_DOCUMENTS = 1 << 16
MERGE_POSTINGS = 1 << 20
PATIENCE = 256
"""Documents that are read before `stop` is asked again."""

BYTES, WORDS, BITMAP = 0, 1, 2
"""How a list is coded: gaps in bytes, gaps in words of two bytes, or a bit for every document."""

_FIRST_WIDE = 0x2E80
_BUCKETS = 1 << 12
"""Parts of the range of codes by which runs are merged; the hash makes them alike."""


class Stopped(Exception):  # noqa: N818
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
    return np.unique(codes[whole])


def _grams(text: str, lengths: Integers) -> tuple[Integers, NDArray[np.bool_]]:
    """Return for each character of texts that follow each other the code of the gram that it begins.

    The second array tells which of them end within their text.
    """
    padded: Integers = np.zeros(len(text) + 2, dtype=np.uint32)
    padded[:-2] = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
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


def _hash(first: Integers, second: Integers, third: Integers) -> Integers:
    mixed = first * np.uint32(0x9E3779B1) + second * np.uint32(0x85EBCA77) + third * np.uint32(0xC2B2AE3D)
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x2C1B3C6D)
    return mixed >> np.uint32(8)


# --- runs: sorted postings of as many documents as fit in memory --------------------------------------


class _Run(NamedTuple):
    """Where a run lies in the file of runs, in postings: `buckets` are the places at which they begin, and the end."""

    first_document: int
    buckets: Integers


class Runs:
    """Postings of documents, sorted in parts, in a file that has no name and goes with the process.

    Args:
        folder: where the file may lie: 4 bytes for each different gram of each document.
        stop: asked every 50 ms or oftener whether to give up, which raises `Stopped`.
    """

    def __init__(self, folder: Path, stop: Callable[[], bool]) -> None:
        self._stop = stop
        self._file: BinaryIO = TemporaryFile(dir=folder)  # noqa: SIM115
        self._runs: list[_Run] = []
        self._written = 0
        self.count = 0

    def close(self) -> None:
        """Free the disk."""
        self._file.close()

    def add(self, documents: Iterable[str]) -> None:
        """Number the documents and write their postings."""
        pieces: list[str] = []
        owners: list[int] = []
        characters = 0
        first = self.count
        for document in documents:
            if self.count % PATIENCE == 0:
                self.check()
            if self.count - first == RUN_DOCUMENTS:
                self._write(first, pieces, owners)
                pieces, owners, characters, first = [], [], 0, self.count
            # Of a long document the pieces overlap, so that every gram is whole in one of them.
            for start in range(0, len(document), RUN_CHARACTERS):
                pieces.append(document[start : start + RUN_CHARACTERS + 2])
                owners.append(self.count - first)
                characters += len(pieces[-1])
                if characters >= RUN_CHARACTERS:
                    self._write(first, pieces, owners)
                    pieces, owners, characters, first = [], [], 0, self.count
            self.count += 1
        self._write(first, pieces, owners)

    def check(self) -> None:
        """Raise `Stopped` if it is time to give up."""
        if self._stop():
            raise Stopped

    def _write(self, first: int, pieces: list[str], owners: list[int]) -> None:
        self.check()
        lengths = np.fromiter(map(len, pieces), dtype=np.int64, count=len(pieces))
        codes, whole = _grams("".join(pieces), lengths)
        keys = codes.astype(np.uint64)
        keys <<= np.uint64(16)
        keys |= np.repeat(np.array(owners, dtype=np.uint64), lengths)
        keys = _distinct(keys[whole])
        buckets = np.searchsorted(keys, np.arange(_BUCKETS + 1, dtype=np.uint64) << np.uint64(28))
        self._file.write((keys.astype(np.uint32) & np.uint32(0xFFFFFFF)).data)
        self._runs.append(_Run(first, buckets.astype(np.uint32)))
        self._starts.append(self._written)
        self._written += len(keys)

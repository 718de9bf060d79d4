"""A text index: which documents can contain a text.

Per gram (see `postings`) it knows the documents in which it occurs, and a document that contains a text has all
grams of the text. The index is a cache of one collection at one commit, in a file beside the records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chromadb._model.where import MatchDocument
from chromadb._storage.local.derived.text.file import TextFile, open_newest, write
from chromadb._storage.local.derived.text.postings import BITMAP, Integers, decode, distinct, gram_codes
from chromadb._storage.local.derived.text.required import AnyOf, Required, Text, required_text

MOST = 0.5
"""The share of documents from which on candidates are no help: at 100,000 records SQLite looked into half of them
by label in 42 ms, and into all in 69."""

MOST_LISTS = 24
"""So many lists are read for one text at most, the shortest first; more seldom exclude anything."""

FEW = 8
"""So few candidates are quicker verified than looked up in one more list."""


class TextIndex:
    """A text index, open for reading by any number of threads; a forked child may go on using it.

    Attributes:
        path: the file.
        commit_no: the commit whose documents it knows.
        next_label: records of this label and later are not in it.
        size_bytes: of the file.
        damaged: whether a list turned out to be damaged: remove the file and build another.
    """

    def __init__(self, file: TextFile) -> None:
        self.path = file.path
        self.commit_no = file.header.commit_no
        self.next_label = file.header.next_label
        self.size_bytes = file.size
        self.damaged = False
        self._file: TextFile | None = file

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        file = self._file
        return 0 if file is None else file.nbytes

    @staticmethod
    def build(
        folder: Path,
        commit_no: int,
        next_label: int,
        documents: Iterable[tuple[int, str]],
        stop: Callable[[], bool],
    ) -> TextIndex | None:
        """Write an index of `documents`, (label, document) by ascending label, and return it opened.

        Returns None and leaves nothing behind if `stop` returns true, which is asked every 50 ms or oftener. Indexes
        of earlier commits are removed at the end.

        Raises:
            StorageError: the file cannot be written; nothing is left behind.
        """
        file = write(folder, commit_no, next_label, documents, stop)
        return None if file is None else TextIndex(file)

    @staticmethod
    def open(folder: Path) -> TextIndex | None:
        """Return the newest index in `folder` that is intact, or None; never raises."""
        file = open_newest(folder)
        return None if file is None else TextIndex(file)

    def close(self) -> None:
        """Close the file, as soon as nobody reads it. From then on nothing is narrowed down."""
        self._file = None

    def candidates(self, filter: MatchDocument) -> NDArray[np.int64] | None:
        """Return the labels of the documents that can match, ascending, or None if scanning is as good.

        Every indexed document that matches ``$contains`` or ``$regex`` is among them; verify each.
        """
        file, required = self._file, required_text(filter)
        if file is None or required is None:
            return None
        try:
            numbers = _find(file, required)
        except OSError:
            self.damaged = True
            return None
        if numbers is None or len(numbers) > MOST * file.header.documents:
            return None
        return file.labels[numbers]


def _find(file: TextFile, required: Required) -> Integers | None:
    """Return the numbers of the documents that can hold what is required, or None if all can."""
    if isinstance(required, Text):
        return _containing(file, [required.text])
    if isinstance(required, AnyOf):
        union: Integers = np.empty(0, dtype=np.int64)
        for part in required.parts:
            numbers = _find(file, part)
            if numbers is None:
                return None
            union = distinct(np.concatenate([union, numbers]))
            if len(union) > MOST * file.header.documents:
                return None
        return union
    texts = [part.text for part in required.parts if isinstance(part, Text)]
    found = [_containing(file, texts)]
    found += [_find(file, part) for part in required.parts if not isinstance(part, Text)]
    known = [numbers for numbers in found if numbers is not None]
    if not known:
        return None
    common = known[0]
    for numbers in known[1:]:
        common = _common(common, numbers)
    return common


def _containing(file: TextFile, texts: Sequence[str]) -> Integers | None:
    """Return the numbers of the documents that have all grams of all texts, or None if these have no gram."""
    codes = distinct(np.concatenate([np.empty(0, np.uint32), *map(gram_codes, texts)]))
    if not len(codes):
        return None
    places = np.searchsorted(file.codes, codes)
    if not len(file.codes) or not np.array_equal(file.codes.take(places, mode="clip"), codes):
        return np.empty(0, dtype=np.int64)
    places = places[np.argsort(file.counts[places], kind="stable")][:MOST_LISTS]
    is_bitmap = file.kinds[places] == BITMAP
    bitmaps = places[is_bitmap].tolist()
    numbers: Integers | None = None
    for place in places[~is_bitmap].tolist():
        found = decode(int(file.kinds[place]), file.read_list(place))
        numbers = found if numbers is None else _common(numbers, found)
        if len(numbers) <= FEW:
            return numbers
    if numbers is None:
        bits = _read_bits(file, bitmaps[0])
        for place in bitmaps[1:]:
            bits = bits & _read_bits(file, place)
        return decode(BITMAP, bits.tobytes())
    for place in bitmaps:
        bits = _read_bits(file, place)
        numbers = numbers[(bits[numbers >> 3] << (numbers & 7)) & 0x80 != 0]
        if len(numbers) <= FEW:
            break
    return numbers


def _read_bits(file: TextFile, place: int) -> NDArray[np.uint8]:
    return np.frombuffer(file.read_list(place), dtype=np.uint8)


def _common(few: Integers, many: Integers) -> Integers:
    """Return what is in both, each ascending."""
    if len(few) > len(many):
        few, many = many, few
    if not len(few):
        return few
    common: Integers = few[many.take(np.searchsorted(many, few), mode="clip") == few]
    return common

"""Searching in the documents of one collection: a text index for most of them, a look at the others.

The index is built once there are `INDEX_FROM` documents, and again when much was written since. Every candidate is
verified, so that results never depend on it.

Locks: `_lock` guards the open index, and is held while it is opened.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import apsw
import numpy as np

from chromadb._model.match import document_test
from chromadb._model.where import MatchDocument
from chromadb._storage.local.derived.text.file import remove_others
from chromadb._storage.local.derived.text.index import TextIndex
from chromadb._storage.local.tables import records
from chromadb._storage.local.tables.changes import DELETED, DOCUMENT, changed_labels
from chromadb._storage.local.tables.labels import NO_LABELS, Labels, labels_of
from chromadb._storage.local.tables.records import State

INDEX_FROM = 5_000
"""Documents that are looked into one by one rather than indexed: SQLite does 5,000 of 550 characters in 3 ms."""


class Documents:
    """Finds documents by text.

    Args:
        folder: for text indexes; None for a collection in memory, whose documents are looked into one by one.
        ask: called when an index is wanted, or a newer one.
        read_only: whether files are left as they are, damaged ones too.
    """

    def __init__(self, folder: Path | None, ask: Callable[[], None], read_only: bool = False) -> None:
        self._read_only = read_only
        self._folder = folder
        self._ask = ask
        self._index: TextIndex | None = None
        self._opened = False
        self._lock = threading.Lock()

    def matching(self, sql: apsw.Connection, match: MatchDocument) -> Labels:
        """Return the labels of the documents that match ``$contains`` or ``$regex``."""
        state = records.read_state(sql)
        index = self._current(state)
        later = NO_LABELS if index is None else _later(sql, index)
        if self._folder is not None and _is_due(state, index, len(later)):
            self._ask()
        if index is None:
            return _scan(sql, match)
        candidates = index.candidates(match)
        return _scan(sql, match) if candidates is None else _verify(sql, match, np.union1d(candidates, later))

    def is_missing(self, state: State) -> bool:
        """Return whether an index is worth it and there is none."""
        return self._folder is not None and _is_due(state, self._current(state), 0)

    def build(self, sql: apsw.Connection, stop: Callable[[], bool]) -> None:
        """Build an index if it is worth it.

        Args:
            sql: a transaction, which lasts as long as the build.
            stop: asked now and then.
        """
        state = records.read_state(sql)
        if self._folder is None or not self._is_due(sql, state):
            return
        # Another process may have built it meanwhile.
        with self._lock:
            self._opened = False
        if not self._is_due(sql, state):
            return
        folder = self._folder / state.lineage
        # The folder of the collection is not made here: if it is gone, the collection was deleted.
        for made in (self._folder, folder):
            made.mkdir(exist_ok=True)
        documents = records.scan_column(sql, "document")
        index = TextIndex.build(folder, state.commit_no, state.next_label, documents, stop)
        if index is not None:
            with self._lock:
                self._index, self._opened = index, True
        for other in self._folder.iterdir():
            if other.name != state.lineage:
                shutil.rmtree(other, ignore_errors=True)

    @property
    def nbytes(self) -> int:
        """Bytes of memory of the open index."""
        index = self._index
        return 0 if index is None else index.nbytes

    def remove_outdated(self, sql: apsw.Connection) -> None:
        """Remove indexes of documents that were changed or deleted since, and those that nobody can use."""
        if self._folder is None or not self._folder.is_dir():
            return
        state = records.read_state(sql)
        index = self._current(state)
        if index is not None and (
            index.commit_no < state.deletions_from or len(changed_labels(sql, index.commit_no, DOCUMENT | DELETED))
        ):
            with self._lock:
                self._index, index = None, None
        for folder in self._folder.iterdir():
            if folder.name == state.lineage:
                remove_others(folder, None if index is None else index.path)
            else:
                shutil.rmtree(folder, ignore_errors=True)

    def _is_due(self, sql: apsw.Connection, state: State) -> bool:
        index = self._current(state)
        return _is_due(state, index, 0 if index is None else len(_later(sql, index)))

    def close(self) -> None:
        """Close the index."""
        with self._lock:
            self._index, self._opened = None, False

    def after_fork(self) -> None:
        """Begin with a new lock in a forked child."""
        self._lock = threading.Lock()

    def _current(self, state: State) -> TextIndex | None:
        """Return the index, if it can be brought up to this state."""
        with self._lock:
            if not self._opened and self._folder is not None:
                self._index, self._opened = TextIndex.open(self._folder / state.lineage), True
            index = self._index
            if index is not None and index.damaged:
                if not self._read_only:
                    index.path.unlink(missing_ok=True)
                self._index = index = None
        if index is None or not state.changes_from <= index.commit_no <= state.commit_no:
            return None
        return index


def _later(sql: apsw.Connection, index: TextIndex) -> Labels:
    """Return the labels whose documents an index does not know as they are now, or that are gone."""
    changed = changed_labels(sql, index.commit_no, DOCUMENT | DELETED)
    return np.union1d(records.list_labels(sql, index.next_label), changed)


def _is_due(state: State, index: TextIndex | None, later: int) -> bool:
    if index is None or index.commit_no < state.deletions_from:
        # How much is gone is not known.
        later = state.live
    return later >= max(INDEX_FROM, state.live // 10)


def _scan(sql: apsw.Connection, match: MatchDocument) -> Labels:
    if match.operator == "$contains":
        return records.labels_containing(sql, match.operand)
    test = document_test(match)
    return labels_of(label for label, document in records.scan_column(sql, "document") if test(document))


def _verify(sql: apsw.Connection, match: MatchDocument, candidates: Labels) -> Labels:
    if match.operator == "$contains":
        return records.labels_containing(sql, match.operand, candidates)
    test = document_test(match)
    statement = "SELECT label, document FROM records WHERE label IN carray(?) AND document IS NOT NULL"
    return labels_of(label for label, document in records.each(sql, statement, candidates) if test(document))

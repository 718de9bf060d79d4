"""The log of what commits changed, for indexes that follow.

A row is a commit, what it did, and to which labels. New records need no entry: their labels tell. Now and then the log
is compacted: of every record that is alive the last change of each kind stays, whatever its age, so an index can
follow however far it is behind; of deletions the newest stay, for a list of labels tells the others.

What one call costs: writing a row 7 us, and 0.03 us and 8 bytes a label; reading a million entries 0.3 s; compacting
four million 0.7 s and 256 MB, once every few hundred thousand changes at most where there are a million records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import apsw
import numpy as np
from numpy.typing import NDArray

from chromadb._storage.local.platform.failures import damaged
from chromadb._storage.local.tables.labels import NO_LABELS, Labels, labels_of

VECTOR, DOCUMENT, METADATA, DELETED = 1, 2, 4, 8
"""What happened to a record. Its URI is in no index."""

KEPT = 10_000
"""Changes that are kept at least, however few records there are."""

COMPACT_FROM = 4
"""The log is compacted once it has so many entries for each record: three of them are what may stay, the last change
of each kind."""

COMMITS = 100_000
"""It is compacted after so many commits, too, for a row takes as long to read as a hundred labels."""

MERGED = 1_000
"""Labels of commits, one behind the other, that become one row when the log is compacted. A row says of what an index
that is of a commit in between knows already that it changed: that is looked at once more, and no more."""

_ENTRY = np.dtype(">i8")


class Changes(NamedTuple):
    """What happened to records after a commit: labels, each ascending and once."""

    vectors: Labels
    metadatas: Labels
    deleted: Labels


def log_changes(sql: apsw.Connection, commit_no: int, changes: Mapping[int, Iterable[int] | Labels]) -> int:
    """Write down what a commit did; return how many entries that are.

    Args:
        sql: the transaction.
        commit_no: of the commit.
        changes: kinds of changes, added up, and to which labels.
    """
    rows = [(commit_no, kinds, np.sort(labels_of(labels))) for kinds, labels in changes.items()]
    _insert(sql, rows)
    return sum(len(labels) for _, _, labels in rows)


def is_full(commits: int, entries: int, live: int) -> bool:
    """Return whether the log is to be compacted, so many commits after the last time."""
    return commits >= COMMITS or entries > COMPACT_FROM * max(KEPT, live)


def compact(sql: apsw.Connection, live: int) -> tuple[int, int]:
    """Forget what later changes say, too; return how many entries stay, and the commit up to which deletions are
    forgotten, 0 if none are."""
    commits, kinds, labels = _entries(sql)
    gone = np.flatnonzero(kinds == DELETED)
    most = max(KEPT, live) // 2
    forgotten = int(commits[gone[-most - 1]]) if len(gone) > most else 0
    last = _last(kinds, labels)
    last[np.isin(labels, labels[gone])] = 0
    last[gone[commits[gone] > forgotten]] = DELETED
    kept = np.flatnonzero(last)
    commits, kinds, labels = _merge(commits[kept]), last[kept], labels[kept]
    # Of one commit those of one kind are one row.
    keys = commits * 16 + kinds
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    # Of no entries this is one part, without any.
    parts = [np.unique(part) for part in np.split(labels[order], starts[1:])]
    firsts = order[starts]
    sql.execute("DELETE FROM changes")
    _insert(sql, zip(commits[firsts].tolist(), kinds[firsts].tolist(), parts, strict=False))
    return sum(map(len, parts)), forgotten


def changed_labels(sql: apsw.Connection, after: int, kinds: int) -> Labels:
    """Return the labels to which later commits than `after` did any of some `kinds`, added up; ascending."""
    rows = sql.execute("SELECT labels FROM changes WHERE commit_no > ? AND kinds & ?", (after, kinds))
    return _union([_labels(sql, blob) for (blob,) in rows])


def read_changes(sql: apsw.Connection, after: int) -> Changes:
    """Return what commits later than `after` did, as far as it is known.

    A record that is gone is among `deleted` alone, unless its deletion is forgotten: then it is nowhere.
    """
    found: dict[int, list[NDArray[np.int64]]] = {VECTOR: [], METADATA: [], DELETED: []}
    for kinds, blob in sql.execute("SELECT kinds, labels FROM changes WHERE commit_no > ?", (after,)):
        labels = _labels(sql, blob)
        for kind, parts in found.items():
            if kinds & kind:
                parts.append(labels)
    vectors, metadatas, deleted = (_union(parts) for parts in found.values())
    if len(deleted):
        vectors, metadatas = (np.setdiff1d(labels, deleted, assume_unique=True) for labels in (vectors, metadatas))
    return Changes(vectors, metadatas, deleted)


def _insert(sql: apsw.Connection, rows: Iterable[tuple[int, int, Labels]]) -> None:
    sql.executemany(
        "INSERT INTO changes VALUES (?, ?, ?)",
        ((commit_no, kinds, labels.astype(_ENTRY).tobytes()) for commit_no, kinds, labels in rows),
    )


def _entries(sql: apsw.Connection) -> tuple[Labels, Labels, Labels]:
    """Return commit, kinds and label of every entry, by commit."""
    rows = list(sql.execute("SELECT commit_no, kinds, labels FROM changes ORDER BY commit_no"))
    parts = [_labels(sql, blob) for _, _, blob in rows]
    sizes = list(map(len, parts))
    commits, kinds = (np.repeat(np.fromiter((row[place] for row in rows), dtype=np.int64), sizes) for place in (0, 1))
    return commits, kinds, np.concatenate([NO_LABELS, *parts]).astype(np.int64)


def _labels(sql: apsw.Connection, blob: bytes) -> NDArray[np.int64]:
    if len(blob) % _ENTRY.itemsize:
        raise damaged(sql.filename, "a row of the table 'changes' is not what was written")
    return np.frombuffer(blob, _ENTRY)


def _last(kinds: Labels, labels: Labels) -> Labels:
    """Return by entry, in the order of commits, the kinds of changes of which there is no later one of its label."""
    last = np.zeros_like(kinds)
    order = np.argsort(labels, kind="stable")
    for kind in (VECTOR, DOCUMENT, METADATA):
        entries = order[(kinds[order] & kind) != 0]
        named = labels[entries]
        last[entries[np.append(named[1:] != named[:-1], True)] if len(entries) else entries] |= kind
    return last


def _merge(commits: Labels) -> Labels:
    """Return commits, ascending, with one number, the last, for those that become one row."""
    ends = np.searchsorted(commits, commits, side="right") - 1
    rows = ends // MERGED
    return commits[np.searchsorted(rows, rows, side="right") - 1]


def _union(parts: list[NDArray[np.int64]]) -> Labels:
    if not parts:
        return NO_LABELS
    return np.unique(np.concatenate(parts).astype(np.int64))

"""The log of changes: whatever is compacted, an index of any commit learns what it has to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apsw
import numpy as np
import pytest

from chromadb._storage.local.sqlite.database import SqliteDatabase
from chromadb._storage.local.sqlite.schema import migrations_of
from chromadb._storage.local.tables import changes
from chromadb._storage.local.tables.changes import DELETED, DOCUMENT, METADATA, VECTOR
from chromadb.errors import StorageCorruptError

KINDS = (VECTOR, DOCUMENT, METADATA)


class Log:
    """A log of 40 records, and beside it everything that ever happened, by commit."""

    def __init__(self, sql: apsw.Connection, seed: int) -> None:
        self.sql = sql
        self.rng = np.random.default_rng(seed)
        self.alive = set(range(1, 41))
        self.next_label = 41
        self.events: list[tuple[int, int, int]] = []
        self.commit_no = self.deletions_from = self.kept = 0

    def commit(self) -> None:
        self.commit_no += 1
        what: dict[int, list[int]] = {}
        if self.rng.random() < 0.4:
            what[DELETED] = self.rng.choice(sorted(self.alive), 2, replace=False).tolist()
            self.alive -= set(what[DELETED])
            self.alive |= {self.next_label, self.next_label + 1}
            self.next_label += 2
        else:
            for label in self.rng.choice(sorted(self.alive), self.rng.integers(1, 9), replace=False).tolist():
                what.setdefault(int(self.rng.integers(1, 8)), []).append(label)
        self.events += [(self.commit_no, kinds, label) for kinds, labels in what.items() for label in labels]
        self.kept += changes.log_changes(self.sql, self.commit_no, what)

    def compact(self) -> None:
        self.kept, forgotten = changes.compact(self.sql, len(self.alive))
        self.deletions_from = max(self.deletions_from, forgotten)

    def happened(self, after: int, kinds: int) -> set[int]:
        return {label for commit_no, each, label in self.events if commit_no > after and each & kinds}

    def check(self, exact: bool) -> None:
        rows: list[Any] = self.sql.execute("SELECT commit_no, length(labels) / 8 FROM changes").fetchall()
        assert sum(count for _, count in rows) == self.kept
        assert max((commit_no for commit_no, _ in rows), default=0) <= self.commit_no
        for after in range(self.commit_no + 1):
            deleted = self.happened(after, DELETED)
            read = changes.read_changes(self.sql, after)
            if after >= self.deletions_from:
                assert deleted <= set(read.deleted.tolist()) <= self.happened(0, DELETED)
            for kind, labels in ((VECTOR, read.vectors), (METADATA, read.metadatas), (DOCUMENT, None)):
                found = changes.changed_labels(self.sql, after, kind)
                assert found.tolist() == sorted(set(found.tolist()))
                known = set(found.tolist()) & self.alive
                assert self.happened(after, kind) & self.alive <= known
                if exact:
                    assert known == self.happened(after, kind) & self.alive
                else:
                    assert len(known) <= len(self.happened(after, kind) & self.alive) + changes.MERGED + 8
                if labels is not None:
                    assert labels.tolist() == sorted(set(found.tolist()) - set(read.deleted.tolist()))


@pytest.fixture
def sql(tmp_path: Any) -> Iterator[apsw.Connection]:
    database = SqliteDatabase(str(tmp_path / "records.sqlite3"), "records")
    with database.write() as connection:
        yield connection
    database.close()


@pytest.mark.parametrize("merged", [1, 7, 1000])
@pytest.mark.parametrize("seed", range(4))
def test_no_change_of_a_living_record_is_ever_forgotten(
    sql: apsw.Connection, monkeypatch: pytest.MonkeyPatch, merged: int, seed: int
) -> None:
    monkeypatch.setattr(changes, "MERGED", merged)
    monkeypatch.setattr(changes, "KEPT", 6)
    log = Log(sql, seed)
    log.compact()
    assert log.kept == 0
    for round in range(12):
        for _ in range(int(log.rng.integers(1, 12))):
            log.commit()
        if round % 2:
            log.compact()
            # The last change of each kind of every record that is alive, and half as many deletions.
            assert log.kept <= 3 * len(log.alive) + len(log.alive) // 2
        log.check(exact=merged == 1)
    assert log.deletions_from > 0


def test_commits_of_few_labels_become_one_row(sql: apsw.Connection) -> None:
    for commit_no in range(1, 5001):
        changes.log_changes(sql, commit_no, {METADATA: [commit_no]})
    changes.log_changes(sql, 5001, {METADATA: range(6000, 9000)})
    assert changes.compact(sql, 10_000) == (8000, 0)
    rows: list[Any] = sql.execute("SELECT commit_no, length(labels) / 8 FROM changes").fetchall()
    assert rows == [(1000, 1000), (2000, 1000), (3000, 1000), (4000, 1000), (5000, 1000), (5001, 3000)]
    assert changes.changed_labels(sql, 4500, METADATA).tolist() == [*range(4001, 5001), *range(6000, 9000)]


def test_a_log_is_full_after_many_entries_or_commits() -> None:
    assert not changes.is_full(1, 40_000, 10)
    assert changes.is_full(1, 40_001, 10)
    assert not changes.is_full(1, 400_000, 100_000)
    assert changes.is_full(1, 400_001, 100_000)
    assert changes.is_full(100_000, 5, 10)


def test_a_log_of_the_former_format_says_the_same_in_the_new_one(tmp_path: Any) -> None:
    path = str(tmp_path / "records.sqlite3")
    old = apsw.Connection(path)
    old.execute("PRAGMA page_size=16384; PRAGMA journal_mode=WAL").fetchall()
    for script in migrations_of("records")[:3]:
        old.execute(script)
    old.execute("PRAGMA application_id=0x43484442; PRAGMA user_version=3")
    big = 2**40 + 5
    for label in (1, 2, 3, big):
        old.execute("INSERT INTO records VALUES (?, ?, NULL, NULL, NULL, NULL)", (label, f"{label}"))
        old.execute("INSERT INTO vectors VALUES (?, zeroblob(4), NULL)", (label,))
    old.execute("INSERT INTO changes VALUES (7, 1, 0), (7, 2, 1), (7, 9, 1), (8, ?, 1), (8, 2, 0), (9, 10, 1)", (big,))
    old.execute(
        "UPDATE state SET commit_no = 9, next_label = ?, live = 4, dimension = 1, changes_from = 6, changes_kept = 6",
        (big + 1,),
    )
    old.close()
    database = SqliteDatabase(path, "records")
    with database.read() as sql:
        rows: list[Any] = sql.execute("SELECT commit_no, kinds, hex(labels) FROM changes").fetchall()
        assert sql.execute("SELECT changes_from, changes_kept, deletions_from, compacted_at FROM state").fetchall() == [
            (6, 6, 6, 9)
        ]
        read = changes.read_changes(sql, 7)
    database.close()
    assert [row[:2] for row in rows] == [(7, 6), (7, 7), (7, 8), (8, 6), (8, 7), (9, 8)]
    assert rows[0][2] == f"{1:016X}"
    assert (read.vectors.tolist(), read.metadatas.tolist(), read.deleted.tolist()) == ([big], [2, big], [10])


def test_a_row_that_is_not_what_was_written_is_said_to_be_damaged(sql: apsw.Connection) -> None:
    changes.log_changes(sql, 1, {VECTOR: [1, 2]})
    sql.execute("UPDATE changes SET labels = x'0011'")
    for read in (
        lambda: changes.read_changes(sql, 0),
        lambda: changes.changed_labels(sql, 0, VECTOR),
        lambda: changes.compact(sql, 2),
    ):
        with pytest.raises(StorageCorruptError, match="a row of the table 'changes' is not what was written"):
            read()

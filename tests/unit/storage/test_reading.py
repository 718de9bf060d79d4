"""Rows of a record store: in the order asked for, part by part, verified; and statements compiled once."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

from chromadb._model.records import Records
from chromadb._storage.local.sqlite.database import SqliteDatabase
from chromadb._storage.local.tables import records as rows
from chromadb._storage.local.tables.labels import NO_LABELS
from chromadb.errors import ClosedClientError, StorageCorruptError, StorageError

COUNT = 10


@pytest.fixture
def database(tmp_path: Path, records: Callable[..., Records]) -> Iterator[SqliteDatabase]:
    """A record store whose record of label n has the vector (n - 1, 1)."""
    store = SqliteDatabase(str(tmp_path / "records.sqlite3"), "records")
    with store.write() as sql:
        rows.write(
            sql, "add", records([f"id-{n}" for n in range(COUNT)], documents=[f"text {n}" for n in range(COUNT)])
        )
    yield store
    store.close()


@pytest.mark.parametrize("joined", [rows.JOINED_BYTES, 24, 1])
def test_vectors_come_in_the_order_of_labels_in_parts_of_any_size(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch, joined: int
) -> None:
    monkeypatch.setattr(rows, "JOINED_BYTES", joined)
    for labels in ([3, 1, 10, 2, 7], [5], []):
        with database.read() as sql:
            matrix = rows.read_vectors(sql, np.array(labels, dtype=np.int64), 2)
        assert matrix.tolist() == [[label - 1.0, 1.0] for label in labels]
        assert (matrix.shape, matrix.dtype) == ((len(labels), 2), np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("DELETE FROM vectors WHERE label = 3", "records and vectors do not belong together (1 missing)"),
        ("UPDATE vectors SET vector = x'00', checksum = NULL WHERE label = 3", "a vector does not have 2 dimensions"),
        ("UPDATE vectors SET vector = zeroblob(8) WHERE label = 3", "the vector of label 3 is not what was written"),
    ],
)
def test_a_vector_that_is_missing_or_not_what_was_written_is_an_error(
    database: SqliteDatabase, change: str, message: str
) -> None:
    with database.write() as sql:
        sql.execute(change)
    with database.read() as sql, pytest.raises(StorageCorruptError) as raised:
        rows.read_vectors(sql, np.array([4, 3, 2]), 2)
    assert message in str(raised.value)


@pytest.mark.parametrize("batch", [4096, 2])
def test_columns_come_in_the_order_of_labels(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(rows, "BATCH", batch)
    labels = np.array([3, 1, 2])
    with database.read() as sql:
        assert rows.read_columns(sql, labels, ["document", "id"]) == [
            ["text 2", "text 0", "text 1"],
            ["id-2", "id-0", "id-1"],
        ]
        assert rows.read_columns(sql, labels, ["id"]) == [["id-2", "id-0", "id-1"]]
        assert rows.read_columns(sql, NO_LABELS, ["id", "metadata"]) == [[], []]
        with pytest.raises(StorageCorruptError, match="the record of label 99 is missing"):
            rows.read_columns(sql, np.array([1, 99, 2]), ["id"])


@pytest.mark.parametrize("read_only", [False, True])
def test_statements_are_not_compiled_anew_for_what_is_bound(database: SqliteDatabase, read_only: bool) -> None:
    other = SqliteDatabase(database.path, "records", read_only=read_only)
    with other.read() as sql:
        assert sql.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1) == 1
    other.close()


def test_a_row_that_is_fetched_leaves_no_transaction_open(database: SqliteDatabase) -> None:
    statement = "SELECT label FROM records WHERE label > ?"
    assert database.fetch_row(statement, (4,)) == (5,)
    assert database.fetch_row(statement, (COUNT,)) is None
    with database._pool.lend() as connection:
        assert not connection.in_transaction
    # A transaction that is still open would keep the log from being written back as a whole.
    with database.write() as sql:
        sql.execute("UPDATE state SET live = live")
    assert database.checkpoint()
    with pytest.raises(StorageError, match="no such column: missing"):
        database.fetch_row("SELECT missing FROM records", ())


def test_a_connection_that_cannot_be_made_is_not_counted_as_lent(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.release()
    make = database._pool._connect

    def fail() -> Any:
        raise apsw.CantOpenError("no")

    monkeypatch.setattr(database._pool, "_connect", fail)
    with pytest.raises(StorageError), database.read():
        pass
    assert database._pool._users == 0
    monkeypatch.setattr(database._pool, "_connect", make)
    with database.read() as sql:
        assert rows.read_state(sql).live == COUNT
    database.close()
    with pytest.raises(ClosedClientError), database.read():
        pass
    assert database._pool._users == 0


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="the system has no list of open files")
def test_a_file_that_cannot_be_opened_is_not_kept_open_by_its_error(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite3"
    path.write_bytes(b"dear reader " * 3000)
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(StorageCorruptError):
            SqliteDatabase(str(path), "records")
        opened = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
    finally:
        gc.enable()
    assert str(path.resolve()) not in opened

"""The record store of one collection, in ``records.sqlite3``: SQL and nothing else.

Every function works on a connection inside a transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import apsw
import msgspec
import numpy as np

from chromadb._model.metadata import merge_metadata
from chromadb._model.records import Records
from chromadb._model.vectors import Matrix
from chromadb._storage.base import WriteMode
from chromadb._storage.local.platform.failures import damaged
from chromadb._storage.local.sqlite.database import MAX_INTEGER
from chromadb._storage.local.tables import changes
from chromadb._storage.local.tables.changes import DELETED, DOCUMENT, METADATA, VECTOR
from chromadb._storage.local.tables.checksums import record_checksum, vector_checksum
from chromadb._storage.local.tables.labels import Labels, labels_of
from chromadb.errors import InvalidArgumentError, InvalidDimensionException, StorageCorruptError

BATCH = 4096
"""Rows fetched at a time."""

PURGED_AT_ONCE = 1_000
"""Records of which a deletion removes the vectors, too; of more they are removed in the background. A tenth of 100,000
records lie on two thirds of the pages: without the vectors the deletion takes 100 ms instead of 280."""

_VECTORS = "SELECT label, vector, checksum FROM vectors"

_JOINED = """
    SELECT json_group_array(checksum), min(length(vector)), CAST(group_concat(vector, '') AS BLOB)
    FROM carray(?) CROSS JOIN vectors ON label = value
"""
"""Vectors one behind the other, in one row: at every row SQLite lets go of the interpreter, and a thread that waits for
it gets in. With four threads 11 % more queries, with one as many."""

JOINED_BYTES = 2**28
"""Of the vectors in one row at most; SQLite allows a billion."""

_RECORD = ("id", "document", "uri", "metadata")
"""The columns of a record, in the order of its checksum."""

_VERIFIED = (*_RECORD, "label", "checksum")

encode_json = msgspec.json.Encoder().encode
decode_json = msgspec.json.Decoder(dict[str, Any]).decode
_decode_integers = msgspec.json.Decoder(list[int | None]).decode


class State(NamedTuple):
    """The row of the table ``state``."""

    lineage: str
    commit_no: int
    next_label: int
    live: int
    dimension: int | None
    changes_from: int
    """What happened to records after this commit is known, but for their deletion; rises with repairs only."""
    changes_kept: int
    deletions_from: int
    """Which records were deleted after this commit is known; of others only that they are not there."""
    compacted_at: int
    """The commit at which the log of changes was compacted."""


class Commit(NamedTuple):
    """What every format says of a record store, also one of before."""

    lineage: str
    commit_no: int
    live: int
    dimension: int | None


def read_commit(sql: apsw.Connection) -> Commit:
    """Return the commit at this transaction, of a record store of any format."""
    return Commit(*_read_row(sql, Commit._fields))


def read_state(sql: apsw.Connection) -> State:
    """Return the state at this transaction."""
    return State(*_read_row(sql, State._fields))


def _read_row(sql: apsw.Connection, columns: Sequence[str]) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = sql.execute(f"SELECT {', '.join(columns)} FROM state").fetchone()
    if row is None:
        raise damaged(sql.filename, "the table 'state' is empty")
    return row


def check_dimension(vectors: Matrix | None, dimension: int | None) -> None:
    """Raise if vectors do not fit a collection of this dimension.

    Raises:
        InvalidDimensionException: both numbers.
    """
    if vectors is not None and dimension is not None and vectors.shape[1] != dimension:
        raise InvalidDimensionException(
            f"Expected vectors of dimension {dimension}, which the first vectors of this collection fixed; got "
            f"{vectors.shape[1]}. Was another embedding function used?"
        )


# --- writing --------------------------------------------------------------------------------------


def write(sql: apsw.Connection, mode: WriteMode, records: Records) -> list[str]:
    """Write records; return the ids that were ignored."""
    state = read_state(sql)
    check_dimension(records.vectors, state.dimension)
    existing = find_labels(sql, records.ids)
    new = [row for row, id in enumerate(records.ids) if id not in existing]
    ignored: list[str] = []
    changed = 0
    if mode == "update":
        ignored = [records.ids[row] for row in new]
        new = []
    elif new:
        _check_vectors(records, new)
        _insert(sql, records, new, state.next_label)
    if mode == "add":
        ignored = list(existing)
    elif existing:
        _log_changes(sql, state, _update(sql, records, existing))
        changed = len(existing)
    if new or changed:
        dimension = state.dimension
        if dimension is None and records.vectors is not None:
            dimension = records.vectors.shape[1]
        _advance(sql, state, inserted=len(new), live=len(new), dimension=dimension)
    return ignored


def _check_vectors(records: Records, new: list[int]) -> None:
    """Raise if a new record has no vector.

    Raises:
        InvalidArgumentError: its id.
    """
    missing = set(new).difference(records.vector_rows)
    if missing:
        raise InvalidArgumentError(
            f"Expected a vector for every new record, got none for {records.ids[min(missing)]!r}."
        )


def delete(sql: apsw.Connection, labels: Labels) -> int:
    """Delete the records of these labels; return how many."""
    if len(labels) == 0:
        return 0
    state = read_state(sql)
    bound = (apsw.carray(labels),)
    sql.execute("DELETE FROM records WHERE label IN carray(?)", bound)
    deleted = sql.changes()
    if len(labels) <= PURGED_AT_ONCE:
        sql.execute("DELETE FROM vectors WHERE label IN carray(?)", bound)
    else:
        sql.execute("INSERT INTO unpurged SELECT value FROM carray(?)", bound)
    _log_changes(sql, state, {DELETED: labels})
    _advance(sql, state, live=-deleted, dimension=state.dimension)
    return deleted


def has_unpurged(sql: apsw.Connection) -> bool:
    """Return whether vectors of deleted records are still there."""
    return bool(sql.execute("SELECT EXISTS (SELECT 1 FROM unpurged)").get)


def purge(sql: apsw.Connection, most: int | None = None) -> None:
    """Remove vectors of deleted records, `most` of them, by ascending label: so pages are shared."""
    limit = MAX_INTEGER if most is None else most
    labels = labels_of(label for (label,) in sql.execute("SELECT label FROM unpurged ORDER BY label LIMIT ?", (limit,)))
    if len(labels):
        bound = (apsw.carray(labels),)
        sql.execute("DELETE FROM vectors WHERE label IN carray(?)", bound)
        sql.execute("DELETE FROM unpurged WHERE label IN carray(?)", bound)


def _insert(sql: apsw.Connection, records: Records, rows: list[int], label: int) -> None:
    documents, uris, metadatas = records.documents, records.uris, records.metadatas

    def columns() -> Iterator[tuple[Any, ...]]:
        for place, row in enumerate(rows, label):
            id = records.ids[row]
            document = documents[row] if documents else None
            uri = uris[row] if uris else None
            metadata = _encode_metadata(merge_metadata(None, metadatas[row] if metadatas else None))
            yield place, id, document, uri, metadata, record_checksum(place, id, document, uri, metadata)

    sql.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)", columns())
    _write_vectors(
        sql,
        "INSERT INTO vectors (label, vector, checksum) VALUES (?, ?, ?)",
        records,
        {row: place for place, row in enumerate(rows, label)},
    )


def _update(sql: apsw.Connection, records: Records, existing: dict[str, int]) -> dict[int, list[int]]:
    """Update records; return kinds of changes, and to which labels."""
    labels = {row: existing[id] for row, id in enumerate(records.ids) if id in existing}
    kinds = dict.fromkeys(labels.values(), 0)
    if records.vectors is not None:
        _write_vectors(sql, "UPDATE vectors SET vector = ?2, checksum = ?3 WHERE label = ?1", records, labels)
        for row in records.vector_rows:
            if row in labels:
                kinds[labels[row]] = VECTOR
    if records.documents or records.uris or records.metadatas or records.modality is not None:
        found = np.sort(labels_of(labels.values()))
        stored = dict(zip(found.tolist(), zip(*read_columns(sql, found, _RECORD), strict=True), strict=True))

        def columns() -> Iterator[tuple[Any, ...]]:
            for row, label in labels.items():
                before = stored[label]
                after = _changed(records, row, before)
                if after != before:
                    kinds[label] |= DOCUMENT * (after[1] != before[1]) | METADATA * (after[3] != before[3])
                    yield label, *after, record_checksum(label, *after)

        sql.executemany(
            "UPDATE records SET document = ?3, uri = ?4, metadata = ?5, checksum = ?6 WHERE label = ?1", columns()
        )
    of_kinds: dict[int, list[int]] = {}
    for label, each in kinds.items():
        if each:
            of_kinds.setdefault(each, []).append(label)
    return of_kinds


def _changed(records: Records, row: int, stored: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return id, document, URI and metadata of a record as the update of this row leaves them."""
    id, document, uri, metadata = stored
    if records.modality is not None and row in records.vector_rows:
        # A record of another modality than before loses what the former one was made from.
        if records.modality == "document":
            uri = uri if document is not None else None
        else:
            document = None
            uri = uri if records.modality == "uri" else None
    if records.documents and records.documents[row] is not None:
        document = records.documents[row]
    if records.uris and records.uris[row] is not None:
        uri = records.uris[row]
    if records.metadatas and records.metadatas[row] is not None:
        metadata = _encode_metadata(merge_metadata(decode_metadata(metadata), records.metadatas[row]))
    return id, document, uri, metadata


def _write_vectors(sql: apsw.Connection, statement: str, records: Records, labels: dict[int, int]) -> None:
    if records.vectors is None:
        return
    vectors = np.ascontiguousarray(records.vectors, dtype="<f4")
    width = vectors.shape[1] * 4
    data = memoryview(vectors.data).cast("B")
    sql.executemany(
        statement,
        (
            (labels[row], vector, vector_checksum(labels[row], vector))
            for place, row in enumerate(records.vector_rows)
            if row in labels
            for vector in (data[place * width : (place + 1) * width],)
        ),
    )


def _advance(
    sql: apsw.Connection, state: State, *, inserted: int = 0, live: int = 0, dimension: int | None = None
) -> None:
    sql.execute(
        "UPDATE state SET commit_no = ?, next_label = ?, live = ?, dimension = ?",
        (state.commit_no + 1, state.next_label + inserted, state.live + live, dimension),
    )


def _log_changes(sql: apsw.Connection, state: State, what: Mapping[int, Iterable[int] | Labels]) -> None:
    """Note what a commit does: kinds of changes, and to which labels."""
    commit_no = state.commit_no + 1
    kept = state.changes_kept + changes.log_changes(sql, commit_no, what)
    if not changes.is_full(commit_no - state.compacted_at, kept, state.live):
        sql.execute("UPDATE state SET changes_kept = ?", (kept,))
        return
    kept, forgotten = changes.compact(sql, state.live)
    sql.execute(
        "UPDATE state SET changes_kept = ?, compacted_at = ?, deletions_from = max(deletions_from, ?)",
        (kept, commit_no, forgotten),
    )


# --- reading --------------------------------------------------------------------------------------


def find_labels(sql: apsw.Connection, ids: Sequence[str]) -> dict[str, int]:
    """Return the labels of those ids that exist."""
    # carray() takes no text with NUL, so these few are looked up one by one.
    plain = tuple(id for id in ids if "\0" not in id)
    found = (
        dict(sql.execute("SELECT id, label FROM records WHERE id IN carray(?)", (apsw.carray(plain),))) if plain else {}
    )
    if len(plain) < len(ids):
        for id in ids:
            if "\0" in id:
                found.update(sql.execute("SELECT id, label FROM records WHERE id = ?", (id,)))
    return found


def list_labels(sql: apsw.Connection, first: int = 0) -> Labels:
    """Return all labels from `first` on, ascending."""
    if first:
        rows = sql.execute("SELECT label FROM records WHERE label >= ?", (first,))
    else:
        # Without an order SQLite reads the labels off the index of ids, the smallest thing that has them.
        rows = sql.execute("SELECT label FROM records")
    return np.sort(np.fromiter((label for (label,) in rows), dtype=np.int64))


def page_labels(sql: apsw.Connection, limit: int | None, offset: int) -> Labels:
    """Return `limit` labels after the first `offset`, ascending."""
    most = MAX_INTEGER if limit is None else min(limit, MAX_INTEGER)
    rows = sql.execute("SELECT label FROM records ORDER BY label LIMIT ? OFFSET ?", (most, min(offset, MAX_INTEGER)))
    return np.fromiter((label for (label,) in rows), dtype=np.int64)


def read_columns(sql: apsw.Connection, labels: Labels, columns: Sequence[str]) -> list[list[Any]]:
    """Return `columns` of the table records, each in the order of `labels`; verified if the document is among them."""
    names = _VERIFIED if "document" in columns else columns
    rows = _read_rows(sql, "records", names, labels)
    if len(rows) < len(labels):
        present = {label for (label,) in _read_rows(sql, "records", ("label",), labels)}
        missing = next(label for label in labels.tolist() if label not in present)
        raise damaged(sql.filename, f"the record of label {missing} is missing")
    if names is _VERIFIED:
        for *record, label, checksum in rows:
            if checksum is not None and checksum != record_checksum(label, *record):
                raise damaged(sql.filename, f"the record of label {label} is not what was written")
    return [[row[place] for row in rows] for place in map(names.index, columns)]


def _read_rows(sql: apsw.Connection, table: str, columns: Sequence[str], labels: Labels) -> list[tuple[Any, ...]]:
    """Return columns of the rows of those `labels` that have one, in their order."""
    # With CROSS JOIN the array is the outer loop: no table has to be made of it, and its order stays.
    statement = f"SELECT {', '.join(columns)} FROM carray(?) CROSS JOIN {table} ON label = value"
    rows: list[tuple[Any, ...]] = []
    for start in range(0, len(labels), BATCH):
        rows += sql.execute(statement, (apsw.carray(labels[start : start + BATCH]),)).fetchall()
    return rows


def scan_column(sql: apsw.Connection, column: str) -> Iterator[tuple[int, Any]]:
    """Yield label and value of one column for every record that has one, by ascending label."""
    rows: Iterable[Any] = sql.execute(f"SELECT label, {column} FROM records WHERE {column} IS NOT NULL ORDER BY label")
    yield from rows


def labels_containing(sql: apsw.Connection, text: str, among: Labels | None = None) -> Labels:
    """Return the labels of the documents in which `text` occurs, of all or `among` some."""
    if among is None:
        rows: Iterable[Any] = sql.execute("SELECT label FROM records WHERE instr(document, ?) > 0", (text,))
    else:
        statement = "SELECT label FROM records WHERE label IN carray(?) AND instr(document, ?) > 0"
        rows = each(sql, statement, among, text)
    return labels_of(label for (label,) in rows)


def read_vectors(sql: apsw.Connection, labels: Labels, dimension: int) -> Matrix:
    """Return the vectors of `labels`, in their order, shape (len(labels), dimension)."""
    if not len(labels):
        return np.empty((0, dimension), dtype=np.float32)
    width = dimension * 4
    most = max(1, min(BATCH, JOINED_BYTES // width))
    if len(labels) > most:
        matrix = np.empty((len(labels), dimension), dtype=np.float32)
        for start in range(0, len(labels), most):
            matrix[start : start + most] = read_vectors(sql, labels[start : start + most], dimension)
        return matrix
    row: Any = sql.execute(_JOINED, (apsw.carray(labels),)).get
    encoded, shortest, joined = row
    checksums = _decode_integers(encoded)
    if len(checksums) < len(labels):
        raise _missing_vectors(sql, len(labels) - len(checksums))
    if shortest != width or len(joined) != width * len(labels):
        raise _wrong_dimension(sql, dimension)
    vectors = memoryview(joined)
    for label, checksum, start in zip(labels.tolist(), checksums, range(0, len(joined), width), strict=True):
        if checksum is not None and checksum != vector_checksum(label, vectors[start : start + width]):
            raise _wrong_vector(sql, label)
    return np.frombuffer(joined, dtype="<f4").reshape(len(labels), dimension)


def read_present_vectors(sql: apsw.Connection, labels: Labels, dimension: int) -> tuple[Labels, Matrix]:
    """Return those of `labels` that still exist, ascending, and their vectors."""
    rows: list[Any] = list(
        each(sql, f"{_VECTORS} WHERE label IN carray(?) AND label NOT IN unpurged ORDER BY label", labels)
    )
    return labels_of(row[0] for row in rows), _matrix(sql, rows, dimension)


def scan_vectors(sql: apsw.Connection, labels: Labels, dimension: int) -> Iterator[Matrix]:
    """Yield the vectors of all records in order, `BATCH` at a time; `labels` are all labels, ascending."""
    cursor = sql.execute(f"{_VECTORS} WHERE label NOT IN unpurged ORDER BY label")
    for start in range(0, len(labels), BATCH):
        part = labels[start : start + BATCH]
        rows: list[Any] = list(islice(cursor, len(part)))
        if len(rows) != len(part) or not np.array_equal(part, [row[0] for row in rows]):
            raise _missing_vectors(sql, 1)
        yield _matrix(sql, rows, dimension)


def _matrix(sql: apsw.Connection, rows: Sequence[tuple[Any, ...]], dimension: int) -> Matrix:
    """Return the vectors of rows of label, vector and checksum, verified."""
    width = dimension * 4
    for label, vector, checksum in rows:
        if checksum is not None and checksum != vector_checksum(label, vector):
            raise _wrong_vector(sql, label)
        if len(vector) != width:
            raise _wrong_dimension(sql, dimension)
    joined = b"".join([row[1] for row in rows])
    return np.frombuffer(joined, dtype="<f4").reshape(len(rows), dimension)


def _wrong_vector(sql: apsw.Connection, label: int) -> StorageCorruptError:
    return damaged(sql.filename, f"the vector of label {label} is not what was written")


def _wrong_dimension(sql: apsw.Connection, dimension: int) -> StorageCorruptError:
    return damaged(sql.filename, f"a vector does not have {dimension} dimensions")


def _missing_vectors(sql: apsw.Connection, count: int) -> StorageCorruptError:
    return damaged(sql.filename, f"records and vectors do not belong together ({count} missing)")


def each(
    sql: apsw.Connection, statement: str, labels: Iterable[int] | Labels, *bindings: Any
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a statement whose first binding is a part of `labels`, part by part; none for no labels."""
    array = labels_of(labels)
    for start in range(0, len(array), BATCH):
        yield from sql.execute(statement, (apsw.carray(array[start : start + BATCH]), *bindings))


def _encode_metadata(metadata: dict[str, Any] | None) -> str | None:
    return None if metadata is None else encode_json(metadata).decode()


def decode_metadata(text: str | None) -> dict[str, Any] | None:
    return None if text is None else decode_json(text)

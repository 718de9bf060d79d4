"""Salvage: what can still be read of a damaged record store, or of a damaged catalog, page by page.

Tables are followed from their first page down. Where a page on the way is damaged, what lies behind it is found by
looking at every page of the file that is neither reached otherwise nor free; its rows tell by their form what they are.
A row that is not what was written, by its checksum, counts as lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from chromadb._model.entities import Finding
from chromadb._model.metadata import check_metadata
from chromadb._storage.local.repairing.sqlite_file import (
    INDEX_INTERIOR,
    INDEX_LEAF,
    TABLE_INTERIOR,
    TABLE_LEAF,
    Row,
    SqliteFile,
    Unreadable,
)
from chromadb._storage.local.sqlite.database import PAGE_SIZE, SqliteDatabase
from chromadb._storage.local.tables.checksums import record_checksum, vector_checksum
from chromadb._storage.local.tables.records import decode_metadata
from chromadb.errors import ChromaError

_LAST_LABEL = 2**62


@dataclass
class Record:
    """A record as it was found; a text that is damaged is None."""

    label: int
    id: str
    document: str | None
    uri: str | None
    metadata: str | None
    damaged: bool
    """Whether something of it was lost, or may be."""


@dataclass
class Found:
    """What there is in a damaged record store."""

    ids: dict[int, str] = field(default_factory=dict)
    """By label, as the index of the ids says."""
    state: Row | None = None
    """The row of the table ``state``."""
    pages: list[int] = field(default_factory=list)
    """The damaged pages, counted from 1."""


def salvage_records(
    path: Path, keep_record: Callable[[Record], None], keep_vector: Callable[[int, bytes, bool], None]
) -> Found:
    """Hand over every record and every vector that can be read, those that the tables have first.

    Args:
        path: the record store; its log is looked for beside it.
        keep_record: is given each record.
        keep_vector: is given label and vector, and whether it is not what was written.

    Raises:
        OSError: the file cannot be opened.
    """
    found, reached = Found(), {1}
    file = SqliteFile(path, PAGE_SIZE)
    try:
        roots = {**made_roots("records"), **file.roots()}
        keepers: dict[str, Callable[[int, Row], bool]] = {
            "vectors": lambda label, row: _keep_vector(label, row, keep_vector),
            "records": lambda label, row: _keep_record(label, row, keep_record),
            "state": lambda label, row: _keep_state(row, found),
        }
        for table, keep in keepers.items():
            for number in _reach(file, roots[table], TABLE_INTERIOR, TABLE_LEAF, reached, found.pages):
                kept = [keep(label, row) for label, row in _rows(file, number, found.pages)]
                if not all(kept):
                    found.pages.append(number)
                if kept and not any(kept):
                    # It belongs to another table, perhaps.
                    reached.discard(number)
        index = roots["sqlite_autoindex_records_1"]
        for number in _reach(file, index, INDEX_INTERIOR, INDEX_LEAF, reached, found.pages):
            found.ids.update({row[1]: row[0] for row in file.entries(number) if _is_entry(row)})
        if found.pages:
            for label, row in _unreached(file, reached):
                if not keepers["vectors"](label, row) and not keepers["records"](label, row) and not found.state:
                    keepers["state"](label, row)
    finally:
        file.close()
    found.pages = sorted(set(found.pages))
    return found


def survey(path: Path) -> list[Finding]:
    """Return what a repair of a record store would save, as a finding; nothing if it cannot be read at all."""
    records: set[int] = set()
    vectors: set[int] = set()

    def keep_record(record: Record) -> None:
        if not record.damaged:
            records.add(record.label)

    def keep_vector(label: int, vector: bytes, damaged: bool) -> None:
        if not damaged:
            vectors.add(label)

    try:
        found = salvage_records(path, keep_record, keep_vector)
    except OSError:
        return []
    expected = f" of {found.state[4]:,}" if found.state else ""
    saved = f"'chroma utils check --repair' would save {len(records & vectors):,}{expected} records"
    return [Finding(str(path), saved)]


def salvage_tables(path: Path, schema: str, *tables: str) -> dict[str, list[tuple[int, Row]]]:
    """Return the rows of tables that can be read, each with its number.

    Raises:
        OSError: the file cannot be opened.
    """
    file = SqliteFile(path, PAGE_SIZE)
    try:
        roots = {**made_roots(schema), **file.roots()}
        return {
            table: [
                row
                for number in _reach(file, roots[table], TABLE_INTERIOR, TABLE_LEAF, set(), [])
                for row in _rows(file, number, [])
            ]
            for table in tables
        }
    finally:
        file.close()


def made_roots(schema: str) -> dict[str, int]:
    """Return where the tables of a schema begin, which are made in the same order in every file."""
    database = SqliteDatabase(None, schema)
    try:
        with database.read() as sql:
            return dict(sql.execute("SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0"))
    finally:
        database.close()


def _reach(
    file: SqliteFile, root: int, interior: int, leaf: int, reached: set[int], damaged: list[int]
) -> Iterator[int]:
    """Yield the pages of a tree that can be read; note them, and the damaged ones."""
    for number, readable in file.leaves(root, interior, leaf):
        if readable and number not in reached:
            reached.add(number)
            yield number
        else:
            damaged.append(number)


def _rows(file: SqliteFile, number: int, damaged: list[int]) -> Iterator[tuple[int, Row]]:
    try:
        yield from file.rows(number, damaged)
    except Unreadable:
        damaged.append(number)


def _unreached(file: SqliteFile, reached: set[int]) -> Iterator[tuple[int, Row]]:
    """Yield the rows of all pages that no table has led to, and that are not free."""
    passed = reached | file.free_pages()
    for number in range(2, file.page_count + 1):
        if number not in passed:
            try:
                yield from file.rows(number)
            except Unreadable:
                continue


def _keep_vector(label: int, row: Row, keep: Callable[[int, bytes, bool], None]) -> bool:
    if len(row) not in (2, 3) or row[0] is not None or not isinstance(row[1], bytes):
        return False
    vector, checksum = row[1], row[2] if len(row) == 3 else None
    if not vector or len(vector) % 4 or not 0 < label < _LAST_LABEL or not isinstance(checksum, (int, type(None))):
        return False
    whole = checksum in (None, vector_checksum(label, vector))
    keep(label, vector, not whole or not np.isfinite(np.frombuffer(vector, dtype="<f4")).all())
    return whole


def _keep_record(label: int, row: Row, keep: Callable[[Record], None]) -> bool:
    if len(row) not in (5, 6) or row[0] is not None or not isinstance(row[1], str) or not row[1]:
        return False
    if not 0 < label < _LAST_LABEL or not all(isinstance(each, (str, bytes, type(None))) for each in row[2:5]):
        return False
    id, document, uri, metadata = row[1], *(None if isinstance(each, bytes) else each for each in row[2:5])
    checksum = row[5] if len(row) == 6 else None
    whole = not any(isinstance(each, bytes) for each in row[2:5])
    if whole and checksum is not None:
        whole = checksum == record_checksum(label, id, document, uri, metadata)
    if not _is_metadata(metadata):
        whole, metadata = False, None
    keep(Record(label, id, document, uri, metadata, not whole))
    return whole


def _is_metadata(text: str | None) -> bool:
    if text is None:
        return True
    try:
        check_metadata(decode_metadata(text), "metadata")
    except (ChromaError, ValueError, msgspec.MsgspecError):
        return False
    return True


def _keep_state(row: Row, found: Found) -> bool:
    numbers: tuple[Any, ...] = tuple(row[2:])
    # Of a file of format 3 and before it ends two columns earlier.
    if len(row) not in (8, 10) or not all(isinstance(each, int) and each >= 0 for each in numbers if each is not None):
        return False
    found.state = row
    return True


def _is_entry(row: Row) -> bool:
    return len(row) == 2 and isinstance(row[0], str) and isinstance(row[1], int)

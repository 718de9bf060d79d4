"""Making a record store, or a catalog, anew of what can be read of a damaged one."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import apsw
import msgspec
import numpy as np

from chromadb._model.configuration import Configuration, hnsw_from_dict
from chromadb._model.entities import CollectionInfo
from chromadb._model.names import DEFAULT_DATABASE, DEFAULT_TENANT
from chromadb._storage.local.platform.durable import sync
from chromadb._storage.local.repairing.salvage import Found, Record, salvage_records, salvage_tables
from chromadb._storage.local.repairing.sqlite_file import Row
from chromadb._storage.local.sqlite.database import SqliteDatabase
from chromadb._storage.local.tables.catalog import Catalog
from chromadb._storage.local.tables.checksums import record_checksum, vector_checksum
from chromadb._storage.local.tables.description import read_description
from chromadb.errors import UniqueConstraintError

BATCH = 1000
"""Rows written at a time."""


@dataclass(frozen=True)
class Rebuilt:
    """What a record store was made anew of."""

    saved: int
    lost: int
    lost_ids: list[str]


class _Writer:
    """Writes what was found into a new record store; of rows that are there twice the first stays."""

    def __init__(self, sql: apsw.Connection) -> None:
        self._sql = sql
        self._records: list[tuple[Any, ...]] = []
        self._vectors: list[tuple[Any, ...]] = []
        self.sizes: Counter[int] = Counter()
        """How many vectors have so many bytes."""
        self.refused: dict[int, Record] = {}
        """Records that are not what was written."""

    def keep_record(self, record: Record) -> None:
        if record.damaged:
            self.refused.setdefault(record.label, record)
            return
        row = record.label, record.id, record.document, record.uri, record.metadata
        self._records.append((*row, record_checksum(*row)))
        if len(self._records) >= BATCH:
            self.flush()

    def keep_vector(self, label: int, vector: bytes, damaged: bool) -> None:
        if damaged:
            return
        self.sizes[len(vector)] += 1
        self._vectors.append((label, vector, vector_checksum(label, vector)))
        if len(self._vectors) >= BATCH:
            self.flush()

    def flush(self) -> None:
        self._sql.executemany("INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?, ?, ?)", self._records)
        self._sql.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)", self._vectors)
        self._records, self._vectors = [], []


def rebuild_records(file: Path, new: Path, rest: Path, dimension: int | None) -> Rebuilt:
    """Write a new record store of what can be read of a damaged one.

    Args:
        file: the damaged one; if it is missing, an empty one is made.
        new: where the new one is to be; it is whole and on the disk at the end.
        rest: where to write, as lines of JSON, what can be read of records that cannot be saved.
        dimension: of the vectors, as the catalog knows it.
    """
    database = SqliteDatabase(str(new), "records", "normal", 1.0)
    try:
        with database.write() as sql:
            writer = _Writer(sql)
            found = Found()
            if file.exists():
                found = salvage_records(file, writer.keep_record, writer.keep_vector)
            writer.flush()
            rebuilt = _settle(sql, writer, found, rest, dimension)
        with database.outside_transactions(None) as sql:
            sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        database.close()
    sync(new)
    return rebuilt


def _settle(sql: apsw.Connection, writer: _Writer, found: Found, rest: Path, dimension: int | None) -> Rebuilt:
    """Take out what is there by half, and write down the state."""
    dimension = (found.state[5] if found.state else None) or dimension
    if writer.sizes and 4 * (dimension or 0) not in writer.sizes:
        dimension = writer.sizes.most_common(1)[0][0] // 4
    sql.execute("DELETE FROM vectors WHERE length(vector) <> ?", (4 * (dimension or 0),))
    vectors = {
        label: sql.execute("SELECT vector FROM vectors WHERE label = ?", (label,)).get for label in writer.refused
    }
    sql.executemany("DELETE FROM vectors WHERE label = ?", ((label,) for label in writer.refused))
    halves = [
        Record(label, id, document, uri, metadata, damaged=True)
        for label, id, document, uri, metadata in sql.execute(
            "SELECT label, id, document, uri, metadata FROM records WHERE label NOT IN (SELECT label FROM vectors)"
        )
    ]
    sql.execute("DELETE FROM records WHERE label NOT IN (SELECT label FROM vectors)")
    sql.execute("DELETE FROM vectors WHERE label NOT IN (SELECT label FROM records)")
    labels = {label for (label,) in sql.execute("SELECT label FROM records")}
    ids = {id for (id,) in sql.execute("SELECT id FROM records")}
    unsaved = {record.label: record for record in [*halves, *writer.refused.values()] if record.label not in labels}
    if unsaved:
        _write_rest(rest, list(unsaved.values()), vectors)
    lost = {**{label: record.id for label, record in unsaved.items()}, **found.ids}
    lost_ids = [id for label, id in sorted(lost.items()) if label not in labels and id not in ids]
    live = found.state[4] if found.state else None
    following = max([found.state[3] if found.state else 1, *(label + 1 for label in (*labels, *lost))], default=1)
    sql.execute(
        "UPDATE state SET commit_no = 1, changes_from = 1, deletions_from = 1, next_label = ?, live = ?, dimension = ?",
        (following, len(labels), dimension if labels or found.state else None),
    )
    return Rebuilt(len(labels), max(len(lost_ids), (live or 0) - len(labels)), lost_ids)


def _write_rest(path: Path, records: list[Record], vectors: dict[int, bytes | None]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            metadata = None if record.metadata is None else json.loads(record.metadata)
            vector = vectors.get(record.label)
            line = {
                "id": record.id,
                "embedding": None if vector is None else np.frombuffer(vector, dtype="<f4").tolist(),
                "document": record.document,
                "uri": record.uri,
                "metadata": metadata,
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


# --- the catalog ----------------------------------------------------------------------------------


def rebuild_catalog(path: Path, folders: list[Path], new: Path) -> tuple[int, list[str]]:
    """Write a new catalog of what can be read of the damaged one, and of what is said in the folders of collections.

    Args:
        path: the damaged one, or where it is missing.
        folders: of the collections.
        new: where the new one is to be; it is whole and on the disk at the end.

    Returns:
        How many collections it has, and what else there is to say.
    """
    tables: dict[str, list[tuple[int, Row]]] = {}
    if path.exists():
        tables = salvage_tables(path, "catalog", "tenants", "databases", "collections", "deleted")
    databases = {number: row for number, row in tables.get("databases", []) if _are_texts(row[1:4], 3)}
    notes: list[str] = []
    infos: dict[UUID, CollectionInfo] = {}
    for _, row in sorted(tables.get("collections", []), key=lambda item: item[0]):
        info = _info_of(row, databases)
        if info is not None:
            infos[info.id] = info
    gone = {row[0] for _, row in tables.get("deleted", []) if row}
    for folder in folders:
        id = UUID(folder.name)
        if id in infos or folder.name in gone:
            continue
        described = read_description(folder)
        if described is None or described.id != id:
            described = CollectionInfo(id, f"recovered-{id}", DEFAULT_TENANT, DEFAULT_DATABASE)
            notes.append(
                f"What collection {id} was called is not known, nor its configuration: it is {described.name!r} in the "
                "default database, and compares by l2."
            )
        infos[id] = described
    database = SqliteDatabase(str(new), "catalog", "normal", 1.0)
    try:
        catalog = Catalog(database)
        with database.write() as sql:
            for _, row in tables.get("tenants", []):
                if _are_texts(row, 1):
                    _add_tenant(sql, row[0])
            for row in databases.values():
                _add_database(sql, row[2], row[3], row[1])
            for info in infos.values():
                _add_database(sql, info.tenant, info.database, str(uuid4()))
            sql.executemany("INSERT OR IGNORE INTO deleted VALUES (?)", ((id,) for id in gone if isinstance(id, str)))
        for info in infos.values():
            try:
                catalog.create_collection(info, get_or_create=False)
            except UniqueConstraintError:
                renamed = replace(info, name=f"{info.name[:50]}-{str(info.id)[:8]}")
                notes.append(f"There was another collection {info.name!r}: {info.id} is called {renamed.name!r} now.")
                catalog.create_collection(renamed, get_or_create=False)
            if info.dimension is not None:
                catalog.note_dimension(info.id, info.dimension)
        with database.outside_transactions(None) as sql:
            sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        database.close()
    sync(new)
    return len(infos), notes


def _add_tenant(sql: apsw.Connection, name: str) -> None:
    sql.execute("INSERT OR IGNORE INTO tenants VALUES (?)", (name,))


def _add_database(sql: apsw.Connection, tenant: str, name: str, id: str) -> None:
    _add_tenant(sql, tenant)
    sql.execute("INSERT OR IGNORE INTO databases (id, tenant, name) VALUES (?, ?, ?)", (id, tenant, name))


def _are_texts(row: Row, count: int) -> bool:
    return len(row) == count and all(isinstance(each, str) and each for each in row)


def _info_of(row: Row, databases: dict[int, Row]) -> CollectionInfo | None:
    """Return the collection of a row of the table ``collections``, None if it cannot be told."""
    try:
        _, id, number, name, metadata, hnsw, function, dimension = row
        database = databases[number]
        return CollectionInfo(
            UUID(id),
            str(name),
            database[2],
            database[3],
            Configuration(
                hnsw_from_dict(msgspec.json.decode(hnsw)), msgspec.json.decode(function) if function else None
            ),
            msgspec.json.decode(metadata) if metadata else None,
            dimension if isinstance(dimension, int) else None,
        )
    except (ValueError, TypeError, KeyError, AttributeError, msgspec.MsgspecError):
        return None

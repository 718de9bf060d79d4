"""One collection: its record store and the snapshot that searches it.

Locks: `_advancing` is held while a transaction reads for the first time, which fixes the commit it sees, and the
snapshot is brought to that commit; so snapshots only ever go forward. Searching and fetching happen outside of it, on
a snapshot and a transaction that stay as they are. Writers never take it, except to evaluate the filter of a delete.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import apsw
import numpy as np

from chromadb._index.snapshot import Snapshot
from chromadb._model.entities import Finding
from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._model.vectors import Matrix
from chromadb._model.where import Filter
from chromadb._storage.base import Found, WriteMode
from chromadb._storage.local import records
from chromadb._storage.local.check import check_records
from chromadb._storage.local.database import SqliteDatabase
from chromadb._storage.local.follow import follow, load_columns, load_vectors
from chromadb._storage.local.forking import ForkAware
from chromadb._storage.local.records import Labels, State
from chromadb._storage.local.select import keys_of, select_ids, select_mask

FAR = 4096
"""Pages beyond this offset are cut from the labels in memory; nearer ones by SQLite, without loading anything."""

_FIELD_COLUMNS = {"documents": "document", "metadatas": "metadata", "uris": "uri"}


class LocalCollection(ForkAware):
    """The records of one collection in a SQLite file; see ``_storage.base.CollectionStore``."""

    def __init__(self, database: SqliteDatabase, space: str) -> None:
        super().__init__()
        self.database = database
        self.space = space
        self._snapshot = Snapshot()
        self._advancing = threading.Lock()

    # --- CollectionStore --------------------------------------------------------------------------

    def write(self, mode: WriteMode, batch: Records) -> list[str]:
        with self.database.write() as sql:
            return records.write(sql, mode, batch)

    def delete(self, selection: Selection, limit: int | None = None) -> int:
        with self.database.write() as sql:
            if selection.ids is not None:
                labels = select_ids(sql, selection.ids, selection.filter)
            else:
                snapshot, _ = self._advance(sql, selection.filter)
                labels = snapshot.labels.values[select_mask(sql, snapshot, selection.filter)]
            return records.delete(sql, labels[:limit])

    def get(self, selection: Selection, limit: int | None, offset: int, fields: Sequence[str]) -> Found:
        end = None if limit is None else offset + limit
        if selection.ids is not None:
            with self.database.read() as sql:
                labels = select_ids(sql, selection.ids, selection.filter)[offset:end]
                return self._fetch(sql, labels, fields)
        if selection.filter is None and offset <= FAR:
            with self.database.read() as sql:
                return self._fetch(sql, records.page_labels(sql, limit, offset), fields)
        with self._searching(selection.filter) as (sql, snapshot, _):
            labels = snapshot.labels.values[select_mask(sql, snapshot, selection.filter)][offset:end]
            return self._fetch(sql, labels, fields)

    def query(self, vectors: Matrix, n: int, selection: Selection, fields: Sequence[str]) -> list[Found]:
        with self._searching(selection.filter, vectors=True) as (sql, snapshot, state):
            records.check_dimension(vectors, state.dimension)
            if snapshot.vectors is None:
                nothing = np.empty(0, dtype=np.int64)
                return [self._fetch(sql, nothing, fields, np.empty(0, dtype=np.float32)) for _ in vectors]
            if selection.ids is not None:
                allowed = snapshot.mask_of(select_ids(sql, selection.ids, selection.filter))
            else:
                allowed = select_mask(sql, snapshot, selection.filter)
            return [
                self._fetch(sql, snapshot.labels.values[places], fields, distances)
                for places, distances in snapshot.vectors.search(self.space, vectors, n, allowed)
            ]

    def count(self) -> int:
        with self.database.read() as sql:
            return records.read_state(sql).live

    def dimension(self) -> int | None:
        with self.database.read() as sql:
            return records.read_state(sql).dimension

    def check(self) -> list[Finding]:
        with self._searching(None) as (sql, snapshot, state):
            return check_records(self.database.name, sql, snapshot, state)

    # --- lifetime ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the files and let go of the memory."""
        self.database.close()
        self._snapshot = Snapshot()

    def after_fork(self, *, child: bool) -> None:
        """Begin with a new lock in a child."""
        if child:
            self._advancing = threading.Lock()

    # --- snapshots --------------------------------------------------------------------------------

    @contextmanager
    def _searching(
        self, filter: Filter | None, vectors: bool = False
    ) -> Iterator[tuple[apsw.Connection, Snapshot, State]]:
        """Give a transaction and the snapshot of the very commit that it sees."""
        with self.database.read() as sql:
            snapshot, state = self._advance(sql, filter, vectors)
            yield sql, snapshot, state

    def _advance(self, sql: apsw.Connection, filter: Filter | None, vectors: bool = False) -> tuple[Snapshot, State]:
        """Bring the snapshot to the commit that a transaction sees, which has not read anything yet."""
        with self._advancing:
            state = records.read_state(sql)
            snapshot = follow(sql, self._snapshot, state)
            if vectors and snapshot.vectors is None and state.dimension is not None:
                snapshot = load_vectors(sql, snapshot, state.dimension)
            snapshot = load_columns(sql, snapshot, keys_of(filter))
            self._snapshot = snapshot
            return snapshot, state

    # --- fetching ---------------------------------------------------------------------------------

    def _fetch(self, sql: apsw.Connection, labels: Labels, fields: Sequence[str], distances: Any = None) -> Found:
        columns = {field: _FIELD_COLUMNS[field] for field in _FIELD_COLUMNS if field in fields}
        rows = records.read_columns(sql, labels, ["id", *columns.values()])
        values: dict[str, Any] = {field: [row[place] for row in rows] for place, field in enumerate(columns, start=1)}
        if "metadatas" in values:
            values["metadatas"] = [records.decode_metadata(text) for text in values["metadatas"]]
        if "embeddings" in fields:
            dimension = records.read_state(sql).dimension or 0
            values["vectors"] = records.read_vectors(sql, labels, dimension)
        return Found(ids=[row[0] for row in rows], distances=distances, **values)

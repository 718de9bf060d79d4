"""One collection: its record store, and the index that follows it.

Locks: `_advancing` is held while a transaction reads for the first time, which fixes the commit it sees, and the
snapshot is brought to that commit; so snapshots only ever go forward. Searching and fetching happen outside of it, on
a snapshot and a transaction that stay as they are. Writers never take it, except to evaluate the filter of a delete;
the builder takes it to put a finished segment in place, never while it builds.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import numpy as np

from chromadb._index.choice import Choice
from chromadb._index.segment import Recipe, Segment
from chromadb._index.snapshot import Snapshot
from chromadb._model.configuration import HnswConfiguration
from chromadb._model.entities import CollectionInfo, Finding, IndexingStatus
from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._model.vectors import Matrix
from chromadb._model.where import Filter
from chromadb._storage.base import Found, WriteMode
from chromadb._storage.local.copying.copies import copy_collection, copy_in_memory
from chromadb._storage.local.derived import sealing
from chromadb._storage.local.derived.builder import Builder
from chromadb._storage.local.derived.columns import MetadataColumns
from chromadb._storage.local.derived.follow import follow, load_columns, load_vectors, seal
from chromadb._storage.local.derived.segments import SegmentFolder
from chromadb._storage.local.derived.select import Selector, keys_of, select_ids
from chromadb._storage.local.derived.text.documents import Documents
from chromadb._storage.local.layout import COLUMNS, SEGMENTS, TEXT
from chromadb._storage.local.platform.forking import ForkAware
from chromadb._storage.local.platform.turns import turn
from chromadb._storage.local.sqlite.database import SqliteDatabase
from chromadb._storage.local.tables import records
from chromadb._storage.local.tables.check import check_records
from chromadb._storage.local.tables.description import describe, keep_description, sweep_descriptions
from chromadb._storage.local.tables.labels import Labels
from chromadb._storage.local.tables.records import Commit, State
from chromadb._storage.local.vacuum import in_use, outdated_segments, vacuum_database
from chromadb._tracing import span, spanned

PURGE_BATCH, PURGE_PAUSE = 256, 0.002
"""Vectors of deleted records removed in one transaction, which takes some 10 ms, and seconds in between."""

FAR = 4096
"""Pages beyond this offset are cut from the labels in memory; nearer ones by SQLite, without loading anything."""

_FIELD_COLUMNS = {"documents": "document", "metadatas": "metadata", "uris": "uri"}


class LocalCollection(ForkAware):
    """The records of one collection in a SQLite file; see ``_storage.base.CollectionStore``.

    Args:
        database: the record store.
        folder: of the collection; None keeps everything in memory.
        hnsw: the parameters of the index.
        builder: builds it.
    """

    def __init__(
        self, database: SqliteDatabase, folder: Path | None, hnsw: HnswConfiguration, builder: Builder
    ) -> None:
        super().__init__()
        self.database = database
        self._folder = folder
        self._hnsw = hnsw
        self._builder = builder
        self._segments = SegmentFolder(None if folder is None else folder / SEGMENTS)
        fixed = database.read_only
        self._documents = Documents(None if folder is None else folder / TEXT, lambda: builder.schedule(self), fixed)
        self._columns = MetadataColumns(
            None if folder is None else folder / COLUMNS, lambda: builder.schedule(self), fixed
        )
        self._snapshot = Snapshot()
        self._loaded: frozenset[str] = frozenset()
        """The names of the segments that there were when the vectors of the snapshot were loaded."""
        self._advancing = threading.Lock()
        self.building = False
        """Whether the builder is at work here."""
        self._unbuilt = 0
        """About how many records were written or deleted since the last build."""
        self._vacuums = 0
        """How often the collection was vacuumed."""
        self._described: CollectionInfo | None = None
        """What the description in the folder says."""
        self._nothing_to_seal: int | None = None
        """The commit at which a build found that nothing can be sealed."""

    @property
    def recipe(self) -> Recipe:
        """What segments are to be built with."""
        hnsw = self._hnsw
        return Recipe(hnsw.space, hnsw.max_neighbors, hnsw.ef_construction, hnsw.quantization)

    # --- CollectionStore --------------------------------------------------------------------------

    def write(self, mode: WriteMode, batch: Records) -> list[str]:
        with self.database.write() as sql, span("storage.records"):
            ignored = records.write(sql, mode, batch)
        self._changed(0 if batch.vectors is None else len(batch))
        return ignored

    def delete(self, selection: Selection, limit: int | None = None) -> int:
        with self.database.write() as sql:
            if selection.ids is not None:
                labels = select_ids(sql, selection.ids, selection.filter)
            else:
                snapshot, _ = self._advance(sql, selection.filter)
                choice = Selector(sql, snapshot, self._documents).select(selection.filter)
                labels = snapshot.labels.values[choice.places]
            deleted = records.delete(sql, labels[:limit])
        self._changed(deleted)
        if deleted > records.PURGED_AT_ONCE:
            self._builder.schedule(self)
        return deleted

    def get(self, selection: Selection, limit: int | None, offset: int, fields: Sequence[str]) -> Found:
        end = None if limit is None else offset + limit
        if selection.ids is not None:
            with self.database.read() as sql:
                labels = select_ids(sql, selection.ids, selection.filter)[offset:end]
                return self._fetch(sql, labels, fields)
        if selection.filter is None and offset <= FAR:
            with self.database.read() as sql:
                return self._fetch(sql, records.page_labels(sql, limit, offset), fields)
        with self.database.read() as sql:
            snapshot, _ = self._advance(sql, selection.filter)
            choice = Selector(sql, snapshot, self._documents).select(selection.filter)
            labels = snapshot.labels.values[choice.places[offset:end]]
            return self._fetch(sql, labels, fields)

    def query(
        self,
        vectors: Matrix,
        n: int,
        selection: Selection,
        fields: Sequence[str],
        *,
        exact: bool = False,
        ef_search: int | None = None,
    ) -> list[Found]:
        with self.database.read() as sql:
            snapshot, state = self._advance(sql, selection.filter, vectors=True)
            records.check_dimension(vectors, state.dimension)
            if snapshot.vectors is None or state.dimension is None or n == 0:
                nothing = np.empty(0, dtype=np.int64)
                return [self._fetch(sql, nothing, fields, np.empty(0, dtype=np.float32)) for _ in vectors]
            labels, dimension = snapshot.labels.values, state.dimension
            choice = self._choose(sql, snapshot, selection)
            with span("index.search"):
                hits = snapshot.vectors.search(
                    self._hnsw.space,
                    vectors,
                    n,
                    choice,
                    lambda places: records.read_vectors(sql, labels[places], dimension),
                    ef_search=ef_search or self._hnsw.ef_search,
                    exact=exact,
                )
            return [self._fetch(sql, labels[places], fields, distances) for places, distances in hits]

    def _choose(self, sql: apsw.Connection, snapshot: Snapshot, selection: Selection) -> Choice:
        if selection.ids is not None:
            return snapshot.choose(snapshot.places_of(select_ids(sql, selection.ids, selection.filter)))
        choice = snapshot.choices.get(selection.filter)
        if choice is None:
            choice = Selector(sql, snapshot, self._documents).choose(selection.filter)
            snapshot.keep_choice(selection.filter, choice)
        return choice

    def count(self) -> int:
        with self.database.read() as sql:
            return records.read_state(sql).live

    def dimension(self) -> int | None:
        with self.database.read() as sql:
            return records.read_state(sql).dimension

    def check(self) -> list[Finding]:
        with self.database.read() as sql:
            snapshot, state = self._advance(sql, None)
            return check_records(self.database.name, sql, snapshot, state)

    def vacuum(self, timeout: float | None = None) -> None:
        """Remove what is derived from records that are no more, and write the file anew; see ``vacuum``."""
        # First: from here on the builder of this process throws away what it has begun.
        self._vacuums += 1
        wait = self.database.busy_timeout if timeout is None else timeout
        with turn(self._folder, wait) as mine:
            if not mine:
                raise in_use(str(self.database.path), building=True)
            self._remove_outdated()
            if self._folder is not None and self._described is not None:
                # What was changed is still in an older one, where it could not be written, or not in time.
                describe(self._folder, self._described)
                sweep_descriptions(self._folder)
            vacuum_database(self.database, timeout, prepare=records.purge)

    def _remove_outdated(self) -> None:
        """Remove what is derived from records that are no more."""
        with self.database.read() as sql:
            state = records.read_state(sql)
            outdated = outdated_segments(sql, state, self._current_segments(state))
            self._documents.remove_outdated(sql)
            self._columns.remove_outdated(sql)
        self._segments.remove(outdated)
        self._segments.sweep()

    def indexing_status(self) -> IndexingStatus:
        with self.database.read() as sql:
            state = records.read_state(sql)
            unsealed = sealing.count_unsealed(sql, state, self._current_segments(state), self.recipe)
        waiting = sealing.is_due(unsealed) and self._nothing_to_seal != state.commit_no
        pending = unsealed if waiting else 0
        if waiting:
            # Others may have written, and what was written is only counted about.
            self._builder.schedule(self, put_off=False)
        return IndexingStatus(state.live - pending, pending, state.live)

    # --- copies -----------------------------------------------------------------------------------

    def copy_to(self, folder: Path, beside: Path | None = None) -> Commit:
        """Write a copy of the collection at one commit to a new folder; see ``copy_collection``."""
        return copy_collection(self.database, self._folder, folder, beside)

    def copy_into(self, copy: LocalCollection) -> State:
        """Copy everything at one commit into an empty collection in memory."""
        state = copy_in_memory(self.database, copy.database)
        for segment in self._current_segments(state):
            if segment.commit_no <= state.commit_no:
                copy._segments.add(segment, state.lineage)
        return state

    # --- lifetime ---------------------------------------------------------------------------------

    def configure(self, hnsw: HnswConfiguration) -> None:
        """Take on other parameters: the effort of searches at once, those of the graph by a rebuild."""
        if hnsw is self._hnsw or hnsw == self._hnsw:
            return
        with self._advancing:
            former, self._hnsw = self.recipe, hnsw
            if former.space != hnsw.space and self._snapshot.vectors is not None:
                self._snapshot = self._snapshot.without_vectors()
        if former != self.recipe:
            self._builder.schedule(self)

    def describe(self, info: CollectionInfo) -> None:
        """Keep a copy of what the catalog says of the collection with its records."""
        former, self._described = self._described, info
        if former is info or former == info or self._folder is None or self.database.read_only:
            return
        if former is None or former != replace(info, dimension=former.dimension):
            keep_description(self._folder, info)

    def close(self) -> None:
        """Close the files and let go of the memory; a transaction that runs already goes on to its end."""
        self.database.close()
        self._snapshot = Snapshot()
        self._segments.close()
        self._documents.close()
        self._columns.close()

    def after_fork(self, *, child: bool) -> None:
        """Begin with a new lock in a child, where nothing is being built."""
        if child:
            self.building = False
            self._advancing = threading.Lock()
            self._segments.after_fork()
            self._documents.after_fork()
            self._columns.after_fork()

    @property
    def is_loaded(self) -> bool:
        """Whether a search has no segment to open, which is read to its end then, and does not wait for one."""
        if self._advancing.locked() or self._snapshot.vectors is None:
            return False
        return self._segments.names() == self._loaded

    @property
    def nbytes(self) -> int:
        """Bytes of memory that it takes beside files that are mapped, about."""
        return self.database.nbytes + self._snapshot.nbytes + self._documents.nbytes + self._columns.nbytes

    @property
    def loose(self) -> int:
        """Vectors in memory that no segment holds."""
        vectors = self._snapshot.vectors
        return 0 if vectors is None else len(vectors.loose)

    @property
    def unbuilt(self) -> int:
        """About how many records were written or deleted since the last build."""
        return self._unbuilt

    def shrink(self) -> None:
        """Let go of what is quickly there again: the pages of connections, and what filters have asked for."""
        self.database.release()
        with self._advancing:
            self._snapshot = self._snapshot.shrunk()

    # --- building ---------------------------------------------------------------------------------

    def build(self, stop: threading.Event) -> bool:
        """Seal what is due; return whether there is more to do. Called by the builder."""
        self.building = True
        try:
            with turn(self._folder) as mine:
                # What another process builds is found when it is done.
                return self._build(stop) if mine else not stop.is_set()
        finally:
            self.building = False

    def _build(self, stop: threading.Event) -> bool:
        vacuums = self._vacuums

        def vacuumed() -> bool:
            return vacuums != self._vacuums

        self._purge(stop)
        # Columns and the text index first: they take a tenth of the time.
        with self.database.read() as sql:
            self._columns.build(sql, lambda: stop.is_set() or vacuumed())
        with self.database.read() as sql:
            self._documents.build(sql, lambda: stop.is_set() or vacuumed())
        self.database.cut_log()
        more = self._build_segment(stop, vacuumed)
        if vacuumed():
            # What was built may know what was deleted.
            self._remove_outdated()
        return more or (vacuumed() and not stop.is_set())

    def _purge(self, stop: threading.Event) -> None:
        """Remove vectors of deleted records, few at a time, so that writers do not wait."""
        with self.database.read() as sql:
            more = records.has_unpurged(sql)
        while more and not stop.wait(PURGE_PAUSE):
            with self.database.write() as sql:
                records.purge(sql, PURGE_BATCH)
                more = records.has_unpurged(sql)

    def _build_segment(self, stop: threading.Event, vacuumed: Callable[[], bool]) -> bool:
        recipe, counted = self.recipe, self._unbuilt
        with self.database.read() as sql:
            segments = self._current_segments(records.read_state(sql))
        with self.database.read() as sql:
            # Read after the segments were looked up: what lies ahead even so is of a store that was replaced by a copy.
            state = records.read_state(sql)
            plan = sealing.plan(sql, state, segments, recipe)
        self._segments.sweep()
        dimension = state.dimension or 0

        def read(labels: Labels) -> tuple[Labels, Matrix]:
            with self.database.read() as sql:
                return records.read_present_vectors(sql, labels, dimension)

        def changed() -> bool:
            return stop.is_set() or recipe != self.recipe or vacuumed()

        if len(plan.labels):
            segment = Segment.build(uuid.uuid4().hex, state.commit_no, recipe, plan.labels, read, changed)
            if segment is None:
                if not changed():
                    self._nothing_to_seal = state.commit_no
                return not stop.is_set() and recipe != self.recipe
            self._install(self._segments.add(segment, state.lineage), plan.replaces)
        self._segments.remove(plan.replaces)
        written = max(0, self._unbuilt - counted)
        self._unbuilt = written + (0 if len(plan.labels) else plan.unsealed)
        return False

    def _install(self, segment: Segment, replaces: Collection[str]) -> None:
        """Put a new segment into the snapshot, in place of those that it replaces."""
        with self.database.read() as sql, self._advancing:
            state = records.read_state(sql)
            self._snapshot = follow(sql, self._snapshot, state)
            if segment.recipe.space == self._hnsw.space:
                # A search may have found it already.
                self._snapshot = seal(sql, self._snapshot, state, segment)
            self._segments.retire(replaces)
            self._loaded = (self._loaded | {segment.name}) - frozenset(replaces)

    def _current_segments(self, state: State) -> list[Segment]:
        return [] if state.dimension is None else self._segments.segments(state.lineage, state.dimension)

    def _changed(self, records_changed: int) -> None:
        """Count what was written since the last build, and ask for another once it is worth it."""
        self._unbuilt += records_changed
        entries = self._segments.entries()
        worn = entries and self._unbuilt > (1 - sealing.WORN) * entries
        if sealing.is_due(self._unbuilt) or worn or self.database.has_long_log():
            self._builder.schedule(self)

    # --- snapshots --------------------------------------------------------------------------------

    @spanned("storage.follow")
    def _advance(self, sql: apsw.Connection, filter: Filter | None, vectors: bool = False) -> tuple[Snapshot, State]:
        """Bring the snapshot to the very commit that a transaction sees, which has not read anything yet."""
        with self._advancing:
            state = records.read_state(sql)
            snapshot = follow(sql, self._snapshot, state, self._columns)
            if vectors and (snapshot.vectors is None or self._segments.names() != self._loaded):
                snapshot = self._load_vectors(sql, snapshot, state)
            snapshot = load_columns(sql, snapshot, state, keys_of(filter), self._columns)
            self._snapshot = snapshot
            return snapshot, state

    def _load_vectors(self, sql: apsw.Connection, snapshot: Snapshot, state: State) -> Snapshot:
        if state.dimension is None:
            return snapshot
        self._loaded = self._segments.names(now=True)
        segments = [each for each in self._current_segments(state) if each.recipe.space == self._hnsw.space]
        snapshot = load_vectors(sql, snapshot, state, state.dimension, segments)
        bad = any(each.recipe != self.recipe or each.commit_no > state.commit_no for each in segments)
        due = snapshot.vectors is not None and sealing.is_due(len(snapshot.vectors.loose))
        if bad or due or records.has_unpurged(sql) or self._documents.is_missing(state):
            self._builder.schedule(self)
        elif self._columns.current(state) is None:
            self._columns.want(state)
        return snapshot

    # --- fetching ---------------------------------------------------------------------------------

    @spanned("storage.fetch")
    def _fetch(self, sql: apsw.Connection, labels: Labels, fields: Sequence[str], distances: Any = None) -> Found:
        wanted = {field: column for field, column in _FIELD_COLUMNS.items() if field in fields}
        ids, *columns = records.read_columns(sql, labels, ["id", *wanted.values()])
        values: dict[str, Any] = dict(zip(wanted, columns, strict=True))
        if "metadatas" in values:
            values["metadatas"] = [records.decode_metadata(text) for text in values["metadatas"]]
        if "embeddings" in fields:
            dimension = records.read_state(sql).dimension or 0
            values["vectors"] = records.read_vectors(sql, labels, dimension)
        return Found(ids=ids, distances=distances, **values)

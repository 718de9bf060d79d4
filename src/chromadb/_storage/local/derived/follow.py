"""Following the record store: from the snapshot of one commit to that of a later one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import apsw
import numpy as np

from chromadb._index.arrays import GrowingArray
from chromadb._index.columns import Column
from chromadb._index.distance import Matrix
from chromadb._index.flat import FlatIndex
from chromadb._index.sealed import Sealed
from chromadb._index.segment import Segment
from chromadb._index.snapshot import Snapshot
from chromadb._index.vectors import assemble
from chromadb._storage.local.derived.columns import MetadataColumns, labels_since
from chromadb._storage.local.tables import records
from chromadb._storage.local.tables.changes import VECTOR, changed_labels, read_changes
from chromadb._storage.local.tables.labels import Labels
from chromadb._storage.local.tables.records import State

ANEW_FROM = 10_000
"""Vectors that are read one by one, however few there are in all, rather than loaded anew with what segments hold."""


def follow(sql: apsw.Connection, snapshot: Snapshot, state: State, columns: MetadataColumns | None = None) -> Snapshot:
    """Return the snapshot of the commit that this transaction sees, with what `snapshot` has loaded.

    Costs a comparison when nothing was committed, and otherwise what was written since.

    Args:
        sql: the transaction.
        snapshot: of an earlier commit.
        state: of the commit of the transaction.
        columns: know the labels of a commit; from there it is quicker than from the beginning.
    """
    if snapshot.commit_no == state.commit_no:
        return snapshot
    if not snapshot.commit_no or snapshot.commit_no < state.changes_from:
        # What happened in between is not known: begin anew, vectors and columns at the next need.
        sealed = None if columns is None else columns.current(state)
        if sealed is None or sealed.commit_no < state.deletions_from:
            return _begin(state.commit_no, state.next_label, records.list_labels(sql))
        snapshot = _begin(sealed.commit_no, sealed.manifest.next_label, sealed.labels)
        if snapshot.commit_no == state.commit_no:
            return snapshot
    changes = read_changes(sql, snapshot.commit_no)
    if snapshot.commit_no < state.deletions_from:
        every = records.list_labels(sql)
        added = every[np.searchsorted(every, snapshot.next_label) :]
        deleted = np.setdiff1d(snapshot.labels.values, every, assume_unique=True)
    else:
        added, deleted = records.list_labels(sql, snapshot.next_label), changes.deleted
    updated = changes.metadatas[changes.metadatas < snapshot.next_label]
    moved = changes.vectors[changes.vectors < snapshot.next_label]
    if snapshot.vectors is not None and len(moved) > max(ANEW_FROM, len(snapshot) // 2):
        # Segments may hold what was written since.
        snapshot = snapshot.without_vectors()
    vectors = metadatas = None
    if snapshot.vectors is not None:
        dimension = snapshot.vectors.dimension
        vectors = [records.read_vectors(sql, labels, dimension) for labels in (added, moved)]
    if snapshot.columns:
        (texts,) = records.read_columns(sql, np.concatenate([added, updated]), ["metadata"])
        metadatas = [records.decode_metadata(text) for text in texts]
    return snapshot.advance(
        state.commit_no,
        state.next_label,
        added=added,
        updated=updated,
        moved=moved,
        deleted=deleted,
        vectors=vectors,
        metadatas=metadatas,
    )


def load_vectors(
    sql: apsw.Connection, snapshot: Snapshot, state: State, dimension: int, segments: Sequence[Segment]
) -> Snapshot:
    """Return `snapshot`, which is that of this transaction, with the vectors: sealed ones in segments, others loose.

    Args:
        sql: the transaction.
        snapshot: of its commit.
        state: of its commit.
        dimension: of the vectors.
        segments: what there is; those that cannot be brought up to date are left out.
    """
    # So that vectors can be read off the table as it is.
    snapshot = snapshot.without_vectors().compacted()
    total = len(snapshot)
    covered = np.zeros(total + 1, dtype=np.bool_)
    sealed = []
    for segment in sorted(segments, key=lambda each: each.commit_no, reverse=True):
        stale = stale_labels(sql, segment, state)
        if stale is None:
            continue
        places = snapshot.places_in(segment, stale)
        places = np.where(covered[places], -1, places)
        if (places >= 0).any():
            covered[places] = True
            covered[-1] = False
            sealed.append(Sealed(segment, places))
    loose = np.flatnonzero(~covered[:total])
    if sealed:
        labels = snapshot.labels.values[loose]
        parts: Iterator[Matrix] = (
            records.read_vectors(sql, labels[start : start + records.BATCH], dimension)
            for start in range(0, len(labels), records.BATCH)
        )
    else:
        parts = records.scan_vectors(sql, snapshot.labels.values, dimension)
    return snapshot.with_vectors(assemble(FlatIndex.build(dimension, parts), loose, total, tuple(sealed)))


def seal(sql: apsw.Connection, snapshot: Snapshot, state: State, segment: Segment) -> Snapshot:
    """Return `snapshot`, which is that of this transaction, with a new segment in place of the vectors it holds."""
    stale = stale_labels(sql, segment, state)
    if snapshot.vectors is None or stale is None:
        return snapshot
    return snapshot.with_vectors(
        snapshot.vectors.seal(segment, snapshot.places_in(segment, stale), snapshot.alive.values)
    )


def stale_labels(sql: apsw.Connection, segment: Segment, state: State) -> Labels | None:
    """Return the labels of records with another vector than when a segment was built; None if that is not known, or
    the segment lies ahead. Records that are gone since need not be among them."""
    if not state.changes_from <= segment.commit_no <= state.commit_no:
        return None
    return changed_labels(sql, segment.commit_no, VECTOR)


def load_columns(
    sql: apsw.Connection, snapshot: Snapshot, state: State, keys: Iterable[str], columns: MetadataColumns
) -> Snapshot:
    """Return `snapshot`, which is that of this transaction, with columns for metadata `keys`."""
    wanted = set(keys)
    missing = [key for key in wanted if key not in snapshot.columns]
    if not missing:
        return snapshot
    # Those that are there already go behind the others, so that they are not forgotten for the new ones.
    present = {key: snapshot.columns[key] for key in wanted if key in snapshot.columns}
    others = {key: column for key, column in snapshot.columns.items() if key not in wanted}
    loaded = _sealed_columns(sql, snapshot, state, missing, columns)
    loaded |= _decoded_columns(sql, snapshot, [key for key in missing if key not in loaded])
    return replace(snapshot, columns=others).with_columns({**present, **loaded})


def _sealed_columns(
    sql: apsw.Connection, snapshot: Snapshot, state: State, keys: Sequence[str], columns: MetadataColumns
) -> dict[str, Column]:
    """Return the columns of those `keys` that have a sealed one, with what was written since."""
    sealed = columns.current(state)
    if sealed is None:
        columns.want(state)
        return {}
    stale = labels_since(sql, sealed)
    columns.want(state, len(stale))
    places = snapshot.find(sealed.labels)
    entries = np.flatnonzero(places >= 0)
    fresh = snapshot.places_of(stale)
    (texts,) = records.read_columns(sql, snapshot.labels.values[fresh], ["metadata"])
    metadatas = [records.decode_metadata(text) or {} for text in texts]
    loaded = {}
    for key in keys:
        column = columns.column(sealed, key)
        if column is not None:
            values, sealed_codes = column
            codes = np.zeros(len(snapshot), dtype=np.int32)
            codes[places[entries]] = sealed_codes[entries]
            loaded[key] = Column.coded(values, codes).replace(fresh, [metadata.get(key) for metadata in metadatas])
    return loaded


def _decoded_columns(sql: apsw.Connection, snapshot: Snapshot, keys: Sequence[str]) -> dict[str, Column]:
    """Return columns of what the metadata of every record says."""
    if not keys:
        return {}
    values: dict[str, list[object]] = {key: [None] * len(snapshot) for key in keys}
    rows = list(records.scan_column(sql, "metadata"))
    places = np.searchsorted(snapshot.labels.values, [label for label, _ in rows])
    for place, (_, text) in zip(places.tolist(), rows, strict=True):
        metadata = records.decode_metadata(text) or {}
        for key in keys:
            values[key][place] = metadata.get(key)
    return {key: Column(column) for key, column in values.items()}


def _begin(commit_no: int, next_label: int, labels: Labels) -> Snapshot:
    alive = np.ones(len(labels), dtype=np.bool_)
    return Snapshot(commit_no, next_label, GrowingArray(labels), GrowingArray(alive))

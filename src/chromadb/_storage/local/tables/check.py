"""The audit of one collection: does everything that is stored fit together?"""

from __future__ import annotations

from collections.abc import Iterator

import apsw
import msgspec
import numpy as np

from chromadb._index.snapshot import Snapshot
from chromadb._model.entities import Finding
from chromadb._model.metadata import check_metadata
from chromadb._storage.local.tables import records
from chromadb._storage.local.tables.checksums import record_checksum, vector_checksum
from chromadb._storage.local.tables.records import State
from chromadb.errors import ChromaError

MOST = 20
"""Lines of what SQLite finds wrong with a file: a damaged page makes hundreds."""


def check_sqlite(name: str, sql: apsw.Connection) -> list[Finding]:
    """Let SQLite audit its own file: pages, indexes, constraints, references."""
    lines = [line for (text,) in sql.execute(f"PRAGMA integrity_check({MOST})") for line in text.splitlines()]
    findings = [
        Finding(name, f"SQLite: {line}") for line in lines[:MOST] if line != "ok" and not line.startswith("***")
    ]
    findings += [
        Finding(name, f"SQLite: a row of {table} refers to nothing in {parent}")
        for table, _, parent, _ in sql.execute("PRAGMA foreign_key_check")
    ]
    return findings


def check_store(name: str, sql: apsw.Connection, state: State) -> list[Finding]:
    """Audit the tables of one collection."""
    findings = check_sqlite(name, sql)
    if not findings:
        findings += [Finding(name, text) for text in _tables(sql, state)]
        findings += [Finding(name, text) for text in _values(sql, state)]
    return findings


def check_records(name: str, sql: apsw.Connection, snapshot: Snapshot, state: State) -> list[Finding]:
    """Audit the tables of one collection, and the snapshot against them."""
    findings = check_store(name, sql, state)
    if findings:
        return findings
    findings += [Finding(name, text, repairable=True) for text in _snapshot(sql, snapshot, state)]
    return findings


def _tables(sql: apsw.Connection, state: State) -> Iterator[str]:
    counts = {
        "count of records": ("SELECT count(*) FROM records", state.live),
        "count of changes": ("SELECT coalesce(sum(length(labels)), 0) / 8 FROM changes", state.changes_kept),
        "records without an id": ("SELECT count(*) FROM records WHERE id = ''", 0),
        "vectors without a record": (
            "SELECT count(*) FROM vectors WHERE label NOT IN (SELECT label FROM records) AND label NOT IN unpurged",
            0,
        ),
        "deleted records that are there": (
            "SELECT count(*) FROM unpurged WHERE label IN (SELECT label FROM records)",
            0,
        ),
        "records without a vector": ("SELECT count(*) FROM records WHERE label NOT IN (SELECT label FROM vectors)", 0),
        "labels from next_label on": (f"SELECT count(*) FROM records WHERE label >= {state.next_label}", 0),
        "changes of commits to come": (f"SELECT count(*) FROM changes WHERE commit_no > {state.commit_no}", 0),
    }
    for what, (statement, expected) in counts.items():
        counted = sql.execute(statement).get
        if counted != expected:
            yield f"{what}: {counted}, expected {expected}"


def _values(sql: apsw.Connection, state: State) -> Iterator[str]:
    for label, vector, checksum in sql.execute("SELECT label, vector, checksum FROM vectors"):
        if checksum is not None and checksum != vector_checksum(label, vector):
            yield f"vector of label {label}: not what was written"
        elif state.dimension is None or len(vector) != 4 * state.dimension:
            yield f"vector of label {label}: {len(vector)} bytes, expected {4 * (state.dimension or 0)}"
        elif checksum is None and not np.isfinite(np.frombuffer(vector, dtype="<f4")).all():
            yield f"vector of label {label}: not all numbers are finite"
    for label, id, document, uri, text, checksum in sql.execute(
        "SELECT label, id, document, uri, metadata, checksum FROM records"
    ):
        if checksum is not None and checksum != record_checksum(label, id, document, uri, text):
            yield f"record of label {label}: not what was written"
        if text is None or checksum is not None:
            # What was written was looked at before.
            continue
        try:
            check_metadata(records.decode_metadata(text), "metadata")
        except (ChromaError, msgspec.DecodeError) as error:
            yield f"metadata of label {label}: {error}"


def _snapshot(sql: apsw.Connection, snapshot: Snapshot, state: State) -> Iterator[str]:
    live = np.flatnonzero(snapshot.alive.values)
    labels = snapshot.labels.values[live]
    if not np.array_equal(labels, records.list_labels(sql)):
        yield "the snapshot in memory has other labels than the record store"
        return
    if snapshot.vectors is not None and state.dimension is not None:
        numbers_of = snapshot.vectors.loose_of.values
        numbers = numbers_of[live]
        loose = numbers >= 0
        stored = records.read_vectors(sql, labels[loose], state.dimension)
        if not np.array_equal(stored, snapshot.vectors.loose.take(numbers[loose].astype(np.intp))):
            yield "the snapshot in memory has other vectors than the record store"
        # A vector that was updated is loose, whatever a segment holds for its place.
        held = [places[numbers_of[places] < 0] for places in (each.places for each in snapshot.vectors.sealed)]
        held = [np.intersect1d(places[places >= 0], live) for places in held]
        if not np.array_equal(np.sort(np.concatenate([live[loose], *held])), live):
            yield "the vectors of some records are nowhere, or in two places"
        names = [sealed.segment.name for sealed in snapshot.vectors.sealed]
        if len(set(names)) < len(names):
            yield "a segment of the index is used twice"

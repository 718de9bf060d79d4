"""Following the record store: a snapshot is brought up to date, from wherever it stands."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._model.where import parse_filter
from chromadb._storage.local.derived import follow, select
from chromadb._storage.local.tables import changes
from chromadb._storage.local.tables import records as record_store

EVERYTHING = Selection()
ORIGIN = np.zeros((1, 2), dtype=np.float32)


def where(**conditions: Any) -> Selection:
    return Selection(filter=parse_filter(conditions))


@pytest.mark.parametrize("moved", [2, 6])
def test_a_snapshot_however_far_behind_follows(
    open_backend: Any, create: Any, records: Any, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    monkeypatch.setattr(changes, "KEPT", 5)
    monkeypatch.setattr(follow, "ANEW_FROM", 3)
    behind, ahead = open_backend(), open_backend()
    address = create(behind)
    with behind.open(address) as reader, ahead.open(address) as writer:
        ids = [f"{i}" for i in range(8)]
        reader.write("add", records(ids, metadatas=[{"k": 1}] * 8))
        assert reader.query(ORIGIN, 99, where(k=1), ())[0].ids == ids
        for round in range(10):
            writer.write("update", records(ids[:moved], [[round, 0]] * moved, metadatas=[{"k": 2}] * moved))
            writer.write("add", records([f"gone {i}" for i in range(5)]))
            writer.delete(Selection([f"gone {i}" for i in range(5)]))
        writer.delete(Selection(["0", "7"]))
        for round in range(20):
            writer.write("update", Records(ids=["6"], metadatas=[{"k": round % 2}]))
        writer.write("add", records(["new"], metadatas=[{"k": 1}]))
        with writer.database.read() as sql:
            state = record_store.read_state(sql)
        assert state.deletions_from > 1  # not all that was deleted since is known
        assert state.changes_kept <= 4 * 8
        assert reader.query(ORIGIN, 99, where(k=1), ())[0].ids == ["new", *ids[moved:7]]
        found = reader.query(ORIGIN, 99, where(k=2), ("distances",))[0]
        assert (found.ids, found.distances.tolist()) == (ids[1:moved], [81.0] * (moved - 1))
        assert reader.check() == writer.check() == []


def test_a_snapshot_of_before_a_repair_is_built_anew(open_backend: Any, create: Any, records: Any) -> None:
    behind, ahead = open_backend(), open_backend()
    address = create(behind)
    with behind.open(address) as reader, ahead.open(address) as writer:
        reader.write("add", records(["a", "b", "c"], metadatas=[{"k": 1}] * 3))
        assert reader.query(ORIGIN, 9, where(k=1), ())[0].ids == ["a", "b", "c"]
        writer.write("update", records(["a"], [[9, 9]], metadatas=[{"k": 2}]))
        with writer.database.write() as sql:
            # As of a file of the former format that had forgotten what it was.
            sql.execute("DELETE FROM changes")
            sql.execute("UPDATE state SET changes_from = commit_no, deletions_from = commit_no, changes_kept = 0")
        assert reader.query(ORIGIN, 9, where(k=1), ())[0].ids == ["b", "c"]
        assert reader.query(ORIGIN, 9, where(k=2), ("distances",))[0].distances.tolist() == [162.0]
        assert reader.check() == []


def test_the_log_of_changes_stays_bounded(
    open_backend: Any, create: Any, records: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "KEPT", 20)
    monkeypatch.setattr(changes, "COMMITS", 25)
    backend = open_backend()
    with backend.open(create(backend)) as store:
        store.write("add", records([f"{i}" for i in range(30)]))
        for round in range(80):
            store.write("update", records([f"{i}" for i in range(round % 30 + 1)]))
            if round % 3 == 0:
                assert len(store.query(ORIGIN, 99, EVERYTHING, ())[0].ids) == 30
            with store.database.read() as sql:
                state = record_store.read_state(sql)
                assert state.changes_kept <= 4 * 30
                assert state.commit_no - state.compacted_at < 25
            assert store.check() == []
        assert store.delete(EVERYTHING) == 30
        assert store.query(ORIGIN, 99, EVERYTHING, ())[0].ids == []
        assert store.check() == []


def test_what_did_not_change_is_not_written_down(open_backend: Any, create: Any, records: Any) -> None:
    backend = open_backend()
    with backend.open(create(backend)) as store:
        store.write("add", records(["a", "b"], documents=["A", "B"], metadatas=[{"k": 1}] * 2))
        same = Records(ids=["a", "b"], documents=["A", "B"], metadatas=[{"k": 1}] * 2, uris=["file:1", "file:2"])
        store.write("update", same)
        with store.database.read() as sql:
            assert record_store.read_state(sql).changes_kept == 0
        store.write("update", Records(ids=["a", "b"], documents=["A", "C"], metadatas=[{"k": 2}, {"k": 1}]))
        with store.database.read() as sql:
            assert changes.changed_labels(sql, 0, changes.DOCUMENT).tolist() == [2]
            assert changes.changed_labels(sql, 0, changes.METADATA).tolist() == [1]
            assert changes.changed_labels(sql, 0, changes.VECTOR).tolist() == []
        assert store.check() == []


def test_a_read_without_a_commit_in_between_loads_nothing(
    open_backend: Any, create: Any, records: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = open_backend()
    with backend.open(create(backend)) as store:
        store.write("add", records(["a", "b"], metadatas=[{"k": 1}, {"k": 2}]))
        store.query(ORIGIN, 1, where(k=1), ())

        def fail(*arguments: Any) -> None:
            raise AssertionError("loaded again")

        for name in ("load_vectors", "_begin"):
            monkeypatch.setattr(follow, name, fail)
        monkeypatch.setattr(record_store, "scan_column", fail)
        assert store.query(ORIGIN, 5, where(k=2), ())[0].ids == ["b"]
        store.write("upsert", records(["b", "c"], metadatas=[{"k": 1}, {"k": 2}]))
        assert store.query(ORIGIN, 5, where(k=2), ())[0].ids == ["c"]


@pytest.mark.parametrize("first", ["query", "get", "delete", "nothing"])
def test_vectors_and_columns_are_loaded_when_first_needed_whatever_came_before(
    open_backend: Any, create: Any, records: Any, first: str
) -> None:
    backend = open_backend(None)
    with backend.open(create(backend)) as store:
        ids = [f"{i}" for i in range(2500)]
        store.write("add", records(ids, metadatas=[{"k": i % 2, "gone": i < 2000} for i in range(2500)]))
        if first == "query":
            store.query(ORIGIN, 1, EVERYTHING, ())
        elif first == "get":
            store.get(where(gone=False), 5, 0, ())
        if first == "delete":
            assert store.delete(where(gone=True)) == 2000
        else:
            assert store.delete(Selection(ids[:2000])) == 2000
        store.write("update", Records(ids=["2000"], metadatas=[{"k": 7}]))
        store.write("add", records(["new"], [[-1, 0]], metadatas=[{"k": 0}]))
        found = store.query(ORIGIN, 3, where(k=0), ("distances",))[0]
        assert found.ids[0] == "new"
        assert found.ids[1:] == ["2002", "2004"]
        assert store.get(where(k=7), None, 0, ()).ids == ["2000"]
        assert store.check() == []


@pytest.mark.parametrize("few", [0, 10_000])
def test_documents_are_matched_alike_one_by_one_and_by_a_scan(
    open_backend: Any, create: Any, records: Any, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(select, "FEW_DOCUMENTS", few)
    backend = open_backend(None)
    documents = ["Alpha", "alpha", None, "", "100%", "a_b", "nul\0nul", "\0", "😀 grün", "it's", "line\nbreak", "Ä"]
    with backend.open(create(backend)) as store:
        ids = [f"{i}" for i in range(len(documents))]
        store.write("add", records(ids, documents=documents, metadatas=[{"k": i} for i in range(len(ids))]))
        for text in ("a", "A", "%", "_", "\0", "nul\0n", "l\0", "😀", "ü", "'", "\n", "ä", "missing"):
            contained = [
                id for id, document in zip(ids, documents, strict=True) if document is not None and text in document
            ]
            found = store.get(Selection(filter=parse_filter(None, {"$contains": text})), None, 0, ())
            assert found.ids == contained, text
            found = store.get(Selection(filter=parse_filter(None, {"$not_contains": text})), None, 0, ())
            assert found.ids == [id for id in ids if id not in contained], text
            found = store.get(Selection(filter=parse_filter({"k": {"$lt": 6}}, {"$contains": text})), None, 0, ())
            assert found.ids == [id for id in contained if int(id) < 6], text
        for pattern, expected in (("^a", [1, 5]), ("(?i)ALPHA", [0, 1]), (".", [0, 1, 4, 5, 6, 7, 8, 9, 10, 11])):
            found = store.get(Selection(filter=parse_filter(None, {"$regex": pattern})), None, 0, ())
            assert found.ids == [f"{i}" for i in expected], pattern
            found = store.get(Selection(filter=parse_filter(None, {"$not_regex": pattern})), None, 0, ())
            assert found.ids == [f"{i}" for i in range(len(ids)) if i not in expected], pattern

"""Snapshots: places, labels, vectors and columns stay aligned through commits and compactions."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from chromadb._index import snapshot as snapshot_module
from chromadb._index.columns import Column
from chromadb._index.flat import FlatIndex
from chromadb._index.snapshot import Snapshot
from chromadb._index.vectors import assemble
from chromadb._model.where import Compare


def labels(*values: int) -> Any:
    return np.array(values, dtype=np.int64)


def advance(snapshot: Snapshot, added: Any = (), updated: Any = (), deleted: Any = (), value: Any = "x") -> Snapshot:
    """Commit; the vector of a label is (label, number of the commit)."""
    commit_no = snapshot.commit_no + 1
    rows = [
        np.array([[label, commit_no] for label in part], dtype=np.float32).reshape(-1, 2) for part in (added, updated)
    ]
    return snapshot.advance(
        commit_no,
        max([snapshot.next_label - 1, *added]) + 1,
        added=labels(*added),
        updated=labels(*updated),
        moved=labels(*updated),
        deleted=labels(*deleted),
        vectors=rows if snapshot.vectors is not None else None,
        metadatas=[{"k": value}] * (len(added) + len(updated)) if snapshot.columns else None,
    )


def begin() -> Snapshot:
    return Snapshot().with_vectors(assemble(FlatIndex(2), np.empty(0, dtype=np.intp), 0)).with_columns({"k": Column()})


def contents(snapshot: Snapshot) -> list[tuple[int, list[float], bool]]:
    assert snapshot.vectors is not None
    assert len(snapshot) == len(snapshot.alive) == len(snapshot.vectors.loose_of) == len(snapshot.columns["k"])
    places = np.flatnonzero(snapshot.alive.values)
    matching = snapshot.columns["k"].matching([Compare("k", "$eq", "x")])[places].tolist()
    vectors = snapshot.vectors.loose.take(snapshot.vectors.loose_of.values[places].astype(np.intp)).tolist()
    return list(zip(snapshot.labels.values[places].tolist(), vectors, matching, strict=True))


def test_an_advance_leaves_the_older_snapshot_as_it_was() -> None:
    first = advance(begin(), added=[1, 2, 3])
    second = advance(first, added=[5], updated=[2], deleted=[1], value="y")
    assert contents(first) == [(1, [1, 1], True), (2, [2, 1], True), (3, [3, 1], True)]
    assert contents(second) == [(2, [2, 2], False), (3, [3, 1], True), (5, [5, 2], False)]
    assert (first.commit_no, first.next_label, second.commit_no, second.next_label) == (1, 4, 2, 6)


def test_labels_that_are_not_there_have_no_place() -> None:
    snapshot = advance(advance(begin(), added=[2, 4, 6]), deleted=[4, 5, 99])
    assert snapshot.places_of(labels(1, 2, 3, 4, 5, 6, 7)).tolist() == [0, 2]
    assert snapshot.choose(snapshot.places_of(labels(6, 2, 4))).mask.tolist() == [True, False, True]
    assert snapshot.choose(snapshot.places_of(labels())).mask.tolist() == [False] * 3
    assert Snapshot().places_of(labels(1)).tolist() == []


@pytest.mark.parametrize("compact_from", [1, 5, 10**9])
def test_snapshots_follow_a_model_through_compactions(monkeypatch: pytest.MonkeyPatch, compact_from: int) -> None:
    monkeypatch.setattr(snapshot_module, "COMPACT_FROM", compact_from)
    rng = random.Random(6)
    snapshot, model, next_label = begin(), {}, 1
    seen: list[tuple[Snapshot, Any]] = []
    for _ in range(150):
        commit_no = snapshot.commit_no + 1
        alive = list(model)
        deleted = sorted(rng.sample(alive, len(alive) // rng.choice([1, 2, 9]))) if rng.random() < 0.4 else []
        updated = sorted(
            rng.sample([label for label in alive if label not in deleted], min(2, len(alive) - len(deleted)))
        )
        added = list(range(next_label, next_label + rng.randint(0, 6)))
        next_label += len(added)
        value = rng.choice(["x", "y"])
        snapshot = advance(snapshot, added, updated, deleted, value)
        for label in deleted:
            del model[label]
        for label in added + updated:
            model[label] = ([label, commit_no], value == "x")
        expected = [(label, *model[label]) for label in sorted(model)]
        assert contents(snapshot) == expected
        seen.append((snapshot, expected))
    for older, expected in seen:
        assert contents(older) == expected
    if compact_from == 1:
        assert len(snapshot) <= max(2 * len(model), 1)


def test_what_was_not_loaded_stays_unloaded() -> None:
    snapshot = advance(advance(Snapshot(), added=[1, 2]), updated=[1], deleted=[2])
    assert snapshot.vectors is None
    assert snapshot.columns == {}
    assert snapshot.labels.values[snapshot.alive.values].tolist() == [1]

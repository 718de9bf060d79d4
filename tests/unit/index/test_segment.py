"""Sealed segments: what they take in of what they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from chromadb._index.segment import Recipe, Segment

Labels = NDArray[np.int64]


def build(
    vectors: dict[int, Any], space: str = "l2", gone: Any = (), stop: Any = lambda: False, labels: Any = None
) -> tuple[Segment | None, list[int]]:
    """Build a segment over labels, of which some are `gone`; return it, and how many labels each read asked for."""
    reads = []

    def read(labels: Labels) -> tuple[Labels, Any]:
        reads.append(len(labels))
        present = np.array([label for label in labels.tolist() if label not in gone], dtype=np.int64)
        rows = [vectors[label] for label in present.tolist()]
        return present, np.array(rows, dtype=np.float32).reshape(len(rows), 4)

    wanted = np.array(sorted(vectors) if labels is None else labels, dtype=np.int64)
    return Segment.build("name", 7, Recipe(space, 8, 40), wanted, read, stop), reads


def some(count: int, start: int = 1) -> dict[int, Any]:
    rows = np.random.default_rng(0).normal(size=(count, 4))
    return dict(zip(range(start, start + 3 * count, 3), rows, strict=True))


@pytest.mark.parametrize("space", ["l2", "ip", "cosine"])
def test_every_label_has_an_entry(space: str) -> None:
    vectors = some(5000)
    segment, reads = build(vectors, space)
    assert segment is not None
    assert sorted(segment.labels.tolist()) == sorted(vectors)
    assert len(segment.graph) == len(segment.cells) == 5000
    assert len(segment.skipped) == 0
    assert (segment.name, segment.commit_no, segment.recipe) == ("name", 7, Recipe(space, 8, 40))
    assert max(reads[1:]) <= 4096
    if space != "ip":
        for entry in (0, 4095, 4096, 4999):
            query = np.array(vectors[int(segment.labels[entry])], dtype=np.float32)
            assert segment.graph.nearest(query, 100).entries[0] == entry
            assert segment.graph.scan(query, 1, None).entries.tolist() == [entry]


def test_labels_that_went_away_meanwhile_are_left_out() -> None:
    vectors = some(5000)
    gone = set(list(vectors)[::3])
    segment, _ = build(vectors, gone=gone)
    assert segment is not None
    assert sorted(segment.labels.tolist()) == [label for label in vectors if label not in gone]
    assert len(segment.graph) == len(segment.cells) == len(segment.labels)
    assert len(segment.skipped) == 0


@pytest.mark.parametrize(("space", "kept"), [("l2", 2), ("ip", 2), ("cosine", 1)])
def test_vectors_that_cannot_be_sealed_are_named(space: str, kept: int) -> None:
    vectors = some(300)
    for place, label in enumerate(vectors):
        if place % 3 == 0:
            vectors[label] = [0.0] * 4
        elif place % 3 == 1:
            vectors[label] = [1e25] * 4
    if space == "cosine":
        kept_places = [place for place in range(300) if place % 3 == 2]
    else:
        kept_places = [place for place in range(300) if place % 3 != 1]
    segment, _ = build(vectors, space)
    assert segment is not None
    everyone = list(vectors)
    assert sorted(segment.labels.tolist()) == [everyone[place] for place in kept_places]
    assert sorted([*segment.labels.tolist(), *segment.skipped.tolist()]) == everyone
    assert len(segment.labels) == 100 * kept


@pytest.mark.parametrize("value", [0.0, 1e-30, 1e30])
def test_nothing_that_can_be_sealed_makes_no_segment(value: float) -> None:
    assert build(dict.fromkeys(range(100), [value] * 4), "cosine")[0] is None


def test_everything_gone_makes_no_segment() -> None:
    vectors = some(100)
    assert build(vectors, gone=set(vectors))[0] is None


def test_everything_gone_after_the_sample_makes_no_segment() -> None:
    vectors, gone = some(100), set[int]()

    class Vanishing(dict[int, Any]):
        def __getitem__(self, label: int) -> Any:
            if label == max(self):
                gone.update(self)
            return super().__getitem__(label)

    assert build(Vanishing(vectors), gone=gone)[0] is None


def test_a_build_that_is_stopped_makes_no_segment() -> None:
    assert build(some(2000), stop=lambda: True)[0] is None


@pytest.mark.parametrize("count", [1, 2, 31, 33])
def test_very_few_vectors(count: int) -> None:
    segment, _ = build(some(count))
    assert segment is not None
    assert len(segment.graph) == len(segment.cells) == count


def test_identical_vectors() -> None:
    segment, _ = build({label: [1.0, 2.0, 3.0, 4.0] for label in range(3000)})
    assert segment is not None
    assert len(segment.graph) == len(segment.cells) == 3000
    found = segment.graph.nearest(np.array([1, 2, 3, 4], dtype=np.float32), 30).entries
    assert len(found) == len(np.unique(found)) == 30

"""The flat index: what it holds after appending, replacing and keeping, and that older ones stay as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chromadb._index.distance import exact_distances
from chromadb._index.flat import CHUNK, FlatIndex

DIMENSION = 5


def vectors_of(count: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)


def contents(index: FlatIndex) -> Any:
    return index.take(np.arange(len(index)))


@pytest.mark.parametrize(
    "counts", [[1], [CHUNK], [CHUNK + 1], [1] * 5, [CHUNK - 1, 1, 1], [0, 3, 0], [700, 700, 3000], [5000, 1]]
)
def test_appending_keeps_the_order_across_chunks(counts: list[int]) -> None:
    parts = [vectors_of(count, seed) for seed, count in enumerate(counts)]
    index = FlatIndex.build(DIMENSION, parts)
    assert len(index) == sum(counts)
    np.testing.assert_array_equal(contents(index), np.concatenate(parts))
    some = np.random.default_rng(1).permutation(sum(counts))
    np.testing.assert_array_equal(index.take(some), np.concatenate(parts)[some])


def test_older_indexes_stay_as_they_are() -> None:
    rng = np.random.default_rng(2)
    line: list[tuple[FlatIndex, Any]] = [(FlatIndex(DIMENSION), vectors_of(0))]
    for round in range(30):
        index, expected = line[-1]
        added = vectors_of(int(rng.integers(0, 400)), round)
        index, expected = index.append(added), np.concatenate([expected, added])
        places = np.sort(rng.permutation(len(expected))[:20])
        changed = vectors_of(len(places), round + 100)
        index, expected = index.replace(places, changed), expected.copy()
        expected[places] = changed
        if round % 7 == 6:
            kept = np.flatnonzero(rng.random(len(expected)) < 0.5)
            index, expected = index.keep(kept), expected[kept]
        line.append((index, expected))
    query = vectors_of(1, 999)
    for index, expected in line:
        np.testing.assert_array_equal(contents(index), expected)
        ((places, distances),) = index.search("l2", query, 3, np.ones(len(index), dtype=np.bool_))
        every = ((expected.astype(np.float64) - query.astype(np.float64)) ** 2).sum(axis=1)
        np.testing.assert_array_equal(places, np.argsort(every, kind="stable")[:3])
        np.testing.assert_allclose(distances, every[places], rtol=1e-6)


def test_a_search_finds_only_what_is_allowed() -> None:
    index = FlatIndex.build(DIMENSION, [vectors_of(3000)])
    for share in (0.0, 0.0005, 0.05, 0.3, 0.999, 1.0):
        allowed = np.random.default_rng(3).random(3000) < share
        for n in (1, 10, 2999, 3000, 10_000):
            for places, distances in index.search("cosine", vectors_of(3, 7), n, allowed):
                assert len(places) == len(distances) == min(n, int(allowed.sum()))
                assert allowed[places].all()
                assert len(np.unique(places)) == len(places)
                assert np.all(np.diff(distances) >= 0)


@pytest.mark.parametrize("space", ["l2", "ip", "cosine"])
def test_equal_vectors_get_equal_distances_wherever_they_stand(space: str) -> None:
    one = np.random.default_rng(4).normal(size=(1, 384)).astype(np.float32)
    query = np.random.default_rng(5).normal(size=384).astype(np.float32)
    for count in (1, 3, 4, 5, 1023, 4097):
        assert len(np.unique(exact_distances(space, query, np.repeat(one, count, axis=0)))) == 1


def test_distances_by_the_definitions() -> None:
    query, vectors = np.array([3, 4], dtype=np.float32), np.array([[3, 4], [0, 0], [-6, -8], [4, -3]], dtype=np.float32)
    assert exact_distances("l2", query, vectors).tolist() == [0, 25, 225, 50]
    assert exact_distances("ip", query, vectors).tolist() == [-24, 1, 51, 1]
    assert exact_distances("cosine", query, vectors).tolist() == [0, 1, 2, 1]
    assert exact_distances("cosine", query * 0, vectors).tolist() == [1, 1, 1, 1]

"""Projections spend the bits of short codes where vectors vary."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chromadb._index.projection import MOST_GROUPS, groups_of, projection_of


def varying(dimension: int, spread: float, count: int = 5000) -> Any:
    """Return vectors that vary less from direction to direction, in directions of no axis, around a far point."""
    rng = np.random.default_rng(dimension)
    latent = rng.normal(size=(count, dimension)) / (1 + np.arange(dimension) / spread)
    turned = latent @ np.linalg.qr(rng.normal(size=(dimension, dimension)))[0]
    return (turned + 5 * rng.normal(size=dimension)).astype(np.float32)


@pytest.mark.parametrize("dimension", [1, 2, 3, 7, 16, 20, 100, 384, 1100])
def test_distances_are_kept_where_all_directions_are_kept_and_never_grow(dimension: int) -> None:
    vectors = varying(dimension, 1e9, 600)
    projected = projection_of(vectors).apply(vectors)
    assert projected.shape[1] % groups_of(dimension) == 0
    before = np.linalg.norm(vectors[:50, np.newaxis] - vectors[:50], axis=2)
    after = np.linalg.norm(projected[:50, np.newaxis] - projected[:50], axis=2)
    assert np.all(after <= before * 1.001 + 1e-3)
    if projected.shape[1] >= dimension:
        assert np.allclose(after, before, rtol=1e-3, atol=1e-3)


def test_directions_in_which_vectors_hardly_vary_are_left_out() -> None:
    assert projection_of(varying(128, 4)).d_out < projection_of(varying(128, 1e9)).d_out


def test_vectors_of_many_dimensions_keep_the_directions_in_which_they_vary() -> None:
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.normal(size=(2000, 100)))[0]
    vectors = (rng.normal(size=(3000, 100)) @ basis.T + 3).astype(np.float32)
    projected = projection_of(vectors).apply(vectors)
    before = np.linalg.norm(vectors[:50, np.newaxis] - vectors[:50], axis=2)
    after = np.linalg.norm(projected[:50, np.newaxis] - projected[:50], axis=2)
    assert np.allclose(after, before, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("scale", [1e-15, 1e14])
def test_vectors_of_any_length_give_a_projection(scale: float) -> None:
    vectors = (scale * varying(32, 8)).astype(np.float32)
    assert np.isfinite(projection_of(vectors).apply(vectors)).all()


def test_all_groups_weigh_about_the_same() -> None:
    vectors = varying(128, 16)
    projected = projection_of(vectors).apply(vectors)
    variances = projected.var(axis=0).reshape(groups_of(128), -1).prod(axis=1)
    of_axes = np.sort(projected.var(axis=0))[::-1].reshape(groups_of(128), -1).prod(axis=1)
    assert variances.max() / variances.min() < of_axes.max() / of_axes.min() / 10


def test_how_many_groups_there_are() -> None:
    dimensions = (1, 2, 16, 17, 64, 384, 1024, 1536, 4096)
    assert [groups_of(each) for each in dimensions] == [1, 2, 16, 16, 16, 96, 256, MOST_GROUPS, MOST_GROUPS]


@pytest.mark.parametrize("count", [16, 100])
def test_few_vectors_and_equal_ones_give_a_projection_too(count: int) -> None:
    equal = (np.ones((count, 32), dtype=np.float32), np.ones((count, 2000), dtype=np.float32))
    for vectors in (varying(32, 8, count), varying(2000, 8, count), *equal):
        assert np.isfinite(projection_of(vectors).apply(vectors)).all()

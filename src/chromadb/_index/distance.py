"""Distances, as the documentation defines them.

========  =====================================  ==========================
space     distance of vectors a and b            remarks
========  =====================================  ==========================
l2        sum((a - b) ** 2)                      squared, no root is taken
ip        1 - sum(a * b)                         can be negative
cosine    1 - sum(a * b) / (norm(a) * norm(b))   1 if either is zero
========  =====================================  ==========================
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
FloatT = TypeVar("FloatT", np.float32, np.float64)

LARGEST, SMALLEST = 1e30, 1e-30
"""Squared norms that leave room on either side for products in float32."""

BLOCK = 4096
"""Vectors converted to float64 at a time: bounds the memory of exact distances."""


def exact_distances(space: str, query: Matrix, vectors: Matrix) -> NDArray[np.float64]:
    """Return the distances of `query`, shape (d,), to `vectors`, shape (n, d), computed in float64.

    Equal vectors get equal distances, wherever they stand.
    """
    wide = query.astype(np.float64)
    if len(vectors) <= BLOCK:
        return _distances(space, wide, vectors.astype(np.float64))
    distances = np.empty(len(vectors), dtype=np.float64)
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK].astype(np.float64)
        distances[start : start + len(block)] = _distances(space, wide, block)
    return distances


def _distances(space: str, query: NDArray[np.float64], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    if space == "l2":
        # Into the vectors themselves, which are a copy.
        difference = np.subtract(vectors, query, out=vectors)
        return _row_sums(difference, difference)
    # Not a matrix product: its order of summation depends on where a row stands.
    products: NDArray[np.float64] = np.einsum("ij,j->i", vectors, query)
    if space == "ip":
        return 1.0 - products
    norms = np.sqrt(_row_sums(vectors, vectors)) * np.sqrt(query @ query)
    cosines: NDArray[np.float64] = np.divide(products, norms, out=np.zeros_like(products), where=norms > 0)
    return np.clip(1.0 - cosines, 0.0, 2.0)


def _row_sums(one: NDArray[FloatT], other: NDArray[FloatT]) -> NDArray[FloatT]:
    sums: NDArray[FloatT] = np.einsum("ij,ij->i", one, other)
    return sums


def well_scaled(squared: NDArray[np.float32] | NDArray[np.float64], vectors: Matrix) -> bool:
    """Return whether products with these vectors neither overflow float32 nor vanish in it.

    Args:
        squared: the squared norms of `vectors`.
        vectors: shape (n, d). Zero vectors are well scaled.
    """
    if not squared.max(initial=0.0) <= LARGEST:
        return False
    small = squared < SMALLEST
    return not vectors[small].any()


def is_well_scaled(vector: Matrix) -> bool:
    """Return whether products with a vector of shape (d,) neither overflow float32 nor vanish in it."""
    wide = vector.astype(np.float64)
    squared = float(wide.dot(wide))
    return squared <= LARGEST and (squared >= SMALLEST or not vector.any())


def squared_norms(vectors: Matrix) -> NDArray[np.float32]:
    """Return the squared Euclidean norm of each vector; infinite beyond float32."""
    with np.errstate(over="ignore"):
        return _row_sums(vectors, vectors)


def scores(space: str, queries: Matrix, vectors: Matrix, norms: NDArray[np.float32]) -> Matrix:
    """Return numbers that order `vectors` for each query like their distances do, up to rounding.

    Quick, by one matrix product in float32; the order among near neighbours is settled by `exact_distances`.

    Args:
        space: l2, ip or cosine.
        queries: shape (q, d); for cosine of unit length.
        vectors: shape (n, d).
        norms: squared norms of `vectors`.

    Returns:
        Shape (q, n): the squared distance less the query's squared norm (l2), or the negative product.
    """
    products = queries @ vectors.T
    if space == "l2":
        products *= -2.0
        products += norms
    elif space == "ip":
        np.negative(products, out=products)
    else:
        with np.errstate(divide="ignore"):
            scale = np.where(norms > 0, -1.0 / np.sqrt(norms), 0.0).astype(np.float32)
        products *= scale
    return products


def rounding(space: str, query: Matrix, norms: NDArray[np.float32]) -> float:
    """Return a bound on the rounding error of `scores` for one query, where norms are `well_scaled`."""
    epsilon = float(np.finfo(np.float32).eps) * (len(query) + 8)
    if space == "cosine":
        return epsilon
    largest = float(np.sqrt(norms.max(initial=0.0)))
    length = float(np.sqrt(query.astype(np.float64) @ query.astype(np.float64)))
    return epsilon * (length * largest if space == "ip" else 2.0 * length * largest + largest**2)

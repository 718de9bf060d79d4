"""Projections: vectors turned into the directions in which they vary most, so that short codes tell most of them.

A code spends four bits on each group of directions. Every group gets some in which vectors vary much and some in which
they vary little, so that the groups weigh about the same. Directions in which vectors hardly vary can be left out:
their bits serve the others better. (Ge et al., Optimized Product Quantization, 2013, doi.org/10.1109/CVPR.2013.379;
the parametric solution.)

Of a million clustered vectors of 384 dimensions, the ten nearest that a filter allows, far from the query, are among
the first 600 of 216,000 with a share of 0.997 by 96 groups of two directions, 0.82 by as many groups of four
coordinates as they come, and 0.95 by such groups of what separates vectors from the centre of their cell.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chromadb._index.distance import Matrix
from chromadb._index.faiss import faiss_here

MOST_GROUPS = 256
"""Groups of four bits at most: the sum of one byte of each fits two bytes."""

FEWEST_GROUPS = 16
"""Groups at least, if there are as many dimensions: of short vectors, four bits a group of four tell too little."""

PER_GROUP = (1, 2, 3, 4)
"""How many directions of a group are tried, and as many as it takes for all directions."""

LONG, LONG_LEARNT = 1536, 1024
"""Vectors of more dimensions are turned by the directions of fewer of them: to find all of 3,072 takes 7 s."""

LEARNT, TRIED, ASKED = 10_000, 4000, 100
"""From how many vectors the directions are learnt, with how many they are tried, and with how many queries of these."""

ROUNDS = 6
"""Rounds in which codes are learnt for a trial; 25 take twice the time, and decide alike."""


def groups_of(dimension: int) -> int:
    """Return how many groups of directions to divide a vector into: one of four dimensions, of 1,024 at most."""
    return min(max(dimension // 4, min(dimension, FEWEST_GROUPS)), MOST_GROUPS)


def projection_of(vectors: Matrix) -> Any:
    """Return the transform of faiss whose codes, of four bits a group, tell the distances of vectors best.

    Learnt in 1 s from vectors of 384 dimensions, 3 s of 1,024 and more.

    Args:
        vectors: shape (m, d), like those to come.
    """
    groups, tried = groups_of(vectors.shape[1]), _some(vectors, TRIED)
    mean, directions = _principal(vectors)
    sizes = {size for size in PER_GROUP if size * groups < len(directions)} | {-(-len(directions) // groups)}
    transforms = [_transform(directions, mean, groups, size) for size in sorted(sizes)]
    return min(transforms, key=lambda transform: _error(transform, groups, tried))


def _principal(vectors: Matrix) -> tuple[Matrix, Matrix]:
    """Return the mean, and orthogonal unit vectors: the directions in which vectors vary, most first."""
    long = vectors.shape[1] > LONG
    learnt = _some(vectors, LONG_LEARNT if long else LEARNT)
    mean = learnt.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = learnt - mean
    if not long:
        _, directions = np.linalg.eigh(centred.T @ centred / np.float32(len(centred)))
        return mean, directions.T[::-1]
    # The products of all vectors with each other have the same variances, and few enough numbers.
    variances, weights = np.linalg.eigh(centred @ centred.T / np.float32(len(centred)))
    directions = weights[:, variances > 1e-6 * variances[-1]].T[::-1] @ centred
    if not directions.any():
        # All vectors are equal.
        return mean, np.eye(1, len(mean), dtype=np.float32)
    return mean, directions / np.linalg.norm(directions, axis=1, keepdims=True)


def _some(vectors: Matrix, count: int) -> Matrix:
    return vectors[:: max(1, len(vectors) // count)][:count]


def _transform(directions: Matrix, mean: Matrix, groups: int, size: int) -> Any:
    """Return the transform to the first directions, `size` of them in each group, filled up with zeros."""
    faiss, dimension = faiss_here(), len(mean)
    rows = np.zeros((size, groups, dimension), dtype=np.float32)
    kept = directions[: groups * size]
    rows.reshape(-1, dimension)[: len(kept)] = kept
    # The group with the first of one row gets the last of the next.
    rows[1::2] = rows[1::2, ::-1]
    matrix = rows.transpose(1, 0, 2).reshape(-1, dimension)
    transform = faiss.LinearTransform(dimension, len(matrix), True)
    faiss.copy_array_to_vector(np.ascontiguousarray(matrix).ravel(), transform.A)
    faiss.copy_array_to_vector(-(matrix @ mean), transform.b)
    transform.is_trained = True
    return transform


def _error(transform: Any, groups: int, vectors: Matrix) -> float:
    """Return how far the distances that codes tell of the nearest tenth scatter around the true ones, as a variance."""
    faiss = faiss_here()
    projected = transform.apply(vectors)
    quantizer = faiss.ProductQuantizer(transform.d_out, groups, 4)
    quantizer.cp.niter, quantizer.cp.min_points_per_centroid = ROUNDS, 1
    quantizer.train(projected)
    told = quantizer.decode(quantizer.compute_codes(projected))
    asked = slice(None, None, max(1, len(vectors) // ASKED))
    true = _distances(vectors[asked], vectors)
    near = np.argpartition(true, len(vectors) // 10)[:, : len(vectors) // 10 + 1]
    errors = _distances(projected[asked], told) - true
    return float(np.var(np.take_along_axis(errors, near, 1), axis=1, dtype=np.float64).mean())


def _distances(queries: Matrix, points: Matrix) -> NDArray[np.float32]:
    """Return squared distances, less the squared length of the query, shape (q, m)."""
    distances: NDArray[np.float32] = np.einsum("ij,ij->i", points, points) - 2 * queries @ points.T
    return distances

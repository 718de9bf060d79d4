"""Quantization: how short the codes are by which a graph compares vectors.

=========  =================  =======================================================================================
name       bytes a dimension  what it is
=========  =================  =======================================================================================
binary     1/8                one bit, RaBitQ (arxiv.org/abs/2405.12497): twice the candidates for the same recall
int8       1                  256 steps, evenly over the range of each dimension
float16    2                  half precision, which follows the scale of each number, up to 65,504
float32    4                  the vectors themselves
auto                          the shortest of int8, float16 and float32 that tells near vectors of a sample apart;
                              binary where codes of 8 bits would take more than `LARGE` bytes
=========  =================  =======================================================================================

Beside the codes a graph takes 2 M links of four bytes a vector. Measured with 20,000 clustered vectors of 384
dimensions (M=16): 200 bytes a vector for binary, 528 for int8; built in 1.9 and 3.3 s; recall 0.98 at ef=100 and 0.995
at ef=200 for binary, 1.0 for int8.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chromadb._index.cores import both
from chromadb._index.distance import Matrix
from chromadb._index.faiss import faiss_here, scaled

LARGE = 2**31
"""Bytes from which on `auto` takes codes of one bit: 5.6 million vectors of 384 dimensions."""

BINARY_FROM = 32
"""Dimensions from which on one bit of each tells enough."""

HALF_PRECISION = 60_000.0
"""Numbers up to this are kept in half precision."""

TRIAL, TRIAL_QUERIES, TRIAL_RECALL = 4000, 100, 0.98
"""On how many vectors codes are tried, with how many of them as queries, and what share of neighbours must be found."""

GATHERED = 2**19
"""Bytes of codes that are gathered at a time, so that they are still in the caches of a core when they are compared."""

SHARED, AWAY = 1_500_000, 140
"""Bytes of codes from which on two cores gather and compare them, if one is idle, where the way to each counts as so
many more: 3,000 of 384 bytes take 0.29 ms then instead of 0.38, and 10,000 0.6 instead of 0.9, if they are not in the
caches."""


def empty_graph(space: str, sample: Matrix, total: int, max_neighbors: int, quantization: str) -> Any:
    """Return a graph, trained and empty, of the faiss class that fits.

    Args:
        space: l2, ip or cosine.
        sample: vectors like those to come.
        total: how many will come, about.
        max_neighbors: M.
        quantization: see above. Where float16 cannot hold the sample it is float32; in an ip space, and for short
            vectors, binary is int8.
    """
    faiss = faiss_here()
    metric = faiss.METRIC_INNER_PRODUCT if space == "ip" else faiss.METRIC_L2
    vectors = scaled(space, sample)
    dimension = vectors.shape[1]
    if quantization == "auto":
        large = space != "ip" and dimension >= BINARY_FROM and total * dimension > LARGE
        quantization = "binary" if large else _shortest(vectors, metric)
    if quantization == "binary" and (space == "ip" or dimension < BINARY_FROM):
        # A graph compares vectors with each other as well, and by inner product faiss cannot do that with such codes;
        # and few bits tell little: of 12,000 vectors recall was 0.28 to 0.63 in 2 dimensions, 0.945 in 7.
        quantization = "int8"
    if quantization == "float16" and not _fit_half_precision(vectors):
        quantization = "float32"
    if quantization == "float32":
        return faiss.IndexHNSWFlat(dimension, max_neighbors, metric)
    if quantization == "binary":
        codes = faiss.IndexRaBitQ(dimension, metric)
        index = faiss.IndexHNSW(codes, max_neighbors)
        # The graph owns its codes, whoever made them.
        codes.this.disown()
        index.own_fields = True
    else:
        index = faiss.IndexHNSWSQ(dimension, _code(quantization), max_neighbors, metric)
    index.train(vectors)
    return index


def is_binary(index: Any) -> bool:
    """Return whether the codes of a graph have one bit a dimension."""
    faiss = faiss_here()
    return isinstance(faiss.downcast_index(index.storage), faiss.IndexRaBitQ)


class Comparer:
    """Compares codes that are gathered, one after the other in memory: three times as fast as each where it lies.

    Of 10,000 among a million, of 384 bytes, 0.13 ms to gather them and 0.25 to compare them.

    Args:
        codes: of all entries, as faiss keeps them; nothing may be added meanwhile.
    """

    def __init__(self, codes: Any) -> None:
        faiss = faiss_here()
        self._products = codes.metric_type == faiss.METRIC_INNER_PRODUCT
        self._rows: NDArray[np.uint8] = faiss.rev_swig_ptr(codes.codes.data(), codes.ntotal * codes.code_size).reshape(
            codes.ntotal, codes.code_size
        )
        self._block = max(1, GATHERED // codes.code_size)
        # One that holds nothing, for the sake of its scanner.
        centre, one = faiss.IndexFlatL2(codes.d), (codes.d, 1)
        if isinstance(codes, faiss.IndexRaBitQ):
            centre.add(faiss.vector_to_array(codes.center)[np.newaxis])
            self._lists = faiss.IndexIVFRaBitQ(centre, *one, codes.metric_type, False)
            self._lists.rabitq, self._lists.qb = codes.rabitq, codes.qb
        elif isinstance(codes, faiss.IndexScalarQuantizer):
            self._lists = faiss.IndexIVFScalarQuantizer(centre, *one, codes.sq.qtype, codes.metric_type, False)
            self._lists.sq = codes.sq
        else:
            self._lists = faiss.IndexIVFFlat(centre, *one, codes.metric_type, False)
        self._lists.is_trained = True

    def nearest(self, point: Matrix, count: int, entries: NDArray[np.int64]) -> tuple[NDArray[np.int64], Matrix]:
        """Return the `count` nearest of some entries, nearest first, and how near they are, as faiss measures it.

        Fewer where distances overflow.

        Args:
            point: shape (dimension,).
            count: how many.
            entries: ascending, as they lie in memory.
        """
        count = min(count, len(entries))
        if len(entries) * (AWAY + self._rows.shape[1]) < SHARED:
            found, scores = self._some(point, count, entries)
        else:
            halves = (partial(self._some, point, count, half) for half in np.array_split(entries, 2))
            found, scores = map(np.concatenate, zip(*both(*halves), strict=True))
        # What is missing is as far away as can be.
        order = np.argsort(-scores if self._products else scores, kind="stable")[:count]
        return found[order], scores[order]

    def _some(self, point: Matrix, count: int, entries: NDArray[np.int64]) -> tuple[NDArray[np.int64], Matrix]:
        """Return the `count` nearest of some entries, in no order, and -1 for those that are missing."""
        pointer = faiss_here().swig_ptr
        found = np.full(count, -1, dtype=np.int64)
        scores = np.full(count, -np.inf if self._products else np.inf, dtype=np.float32)
        scanner = self._lists.get_InvertedListScanner(False, None, None)
        scanner.set_query(pointer(point))
        scanner.set_list(0, 0.0)
        for start in range(0, len(entries), self._block):
            part = entries[start : start + self._block]
            rows = self._rows.take(part, 0)
            scanner.scan_codes(len(part), pointer(rows), pointer(part), pointer(scores), pointer(found), count)
        return found, scores


def _code(quantization: str) -> int:
    quantizer = faiss_here().ScalarQuantizer
    return int({"int8": quantizer.QT_8bit, "float16": quantizer.QT_fp16}[quantization])


def _fit_half_precision(vectors: Matrix) -> bool:
    return float(np.abs(vectors).max()) <= HALF_PRECISION


def _shortest(vectors: Matrix, metric: int) -> str:
    """Return the shortest codes that tell near vectors apart, found by trying them on a sample.

    Codes of 8 bits divide the range of each dimension evenly: one vector of a thousand times the length leaves all
    others with the same code.
    """
    faiss = faiss_here()
    points = vectors[:: max(1, len(vectors) // TRIAL)][:TRIAL]
    queries = points[:: max(1, len(points) // TRIAL_QUERIES)][:TRIAL_QUERIES]
    exact = faiss.IndexFlat(points.shape[1], metric)
    exact.add(points)
    true, _ = exact.search(queries, min(10, len(points)))
    for quantization in ("int8", "float16"):
        if quantization == "float16" and not _fit_half_precision(vectors):
            continue
        trial = faiss.IndexScalarQuantizer(points.shape[1], _code(quantization), metric)
        trial.train(vectors)
        trial.add(points)
        _, found = trial.search(queries, min(30, len(points)))
        if _share_found(points, queries, found, true[:, -1], metric == faiss.METRIC_INNER_PRODUCT) >= TRIAL_RECALL:
            return quantization
    return "float32"


def _share_found(points: Matrix, queries: Matrix, found: NDArray[np.int64], bounds: Matrix, products: bool) -> float:
    """Return which share of the true neighbours is among those found, judged by distance, so that ties count."""
    total = 0
    for query, entries, bound in zip(queries, found, bounds, strict=True):
        near = points[entries[entries >= 0]]
        if products:
            total += min(10, int(np.count_nonzero(near @ query >= bound - 1e-5 * abs(bound))))
        else:
            squared = np.einsum("ij,ij->i", near - query, near - query)
            total += min(10, int(np.count_nonzero(squared <= bound + 1e-5 * abs(bound))))
    return total / (len(queries) * min(10, len(points)))

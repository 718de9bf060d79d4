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

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

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


class Decoder(NamedTuple):
    """What codes stand for."""

    decode: Callable[[NDArray[np.int64]], Matrix]
    """Gives the vectors of some entries, shape (m, dimension), less the origin."""
    origin: Matrix
    """Shape (dimension,). It takes less to move a query than every vector: 0.12 us instead of 0.2 each."""


def decoder_of(codes: Any) -> Decoder:
    """Return what decodes codes of 8 bits six times as fast as faiss, which takes them number by number.

    Args:
        codes: of all entries, as faiss keeps them; nothing may be added meanwhile.
    """
    faiss, nowhere = faiss_here(), np.zeros(codes.d, dtype=np.float32)
    if isinstance(codes, faiss.IndexRaBitQ):
        return Decoder(codes.reconstruct_batch, nowhere)
    rows = faiss.rev_swig_ptr(codes.codes.data(), codes.ntotal * codes.code_size).reshape(codes.ntotal, -1)
    if isinstance(codes, faiss.IndexFlat):
        return Decoder(lambda entries: rows.view(np.float32)[entries], nowhere)
    if codes.sq.qtype == _code("float16"):
        return Decoder(lambda entries: rows.view(np.float16)[entries].astype(np.float32), nowhere)
    low, width = np.split(faiss.vector_to_array(codes.sq.trained), 2)
    step = width / np.float32(255)

    def decode(entries: NDArray[np.int64]) -> Matrix:
        vectors: Matrix = rows.take(entries, 0).astype(np.float32)
        vectors *= step
        return vectors

    return Decoder(decode, (low + step / 2).astype(np.float32))


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

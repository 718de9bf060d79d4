"""Codes: every quantization finds the nearest, in every space, from memory and from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from chromadb._index import codes
from chromadb._index.bits import packed
from chromadb._index.choice import Allowed
from chromadb._index.codes import empty_graph
from chromadb._index.distance import exact_distances
from chromadb._index.faiss import faiss_here
from chromadb._index.graph import Graph
from chromadb._index.planner import nearest
from chromadb._index.segment import Recipe, Segment

COUNT, DIMENSION = 3000, 128
SPACES = ("l2", "ip", "cosine")
QUANTIZATIONS = ("binary", "int8", "float16", "float32")

Vectors = NDArray[np.float32]


def vectors_of(count: int, seed: int = 0) -> Vectors:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(30, DIMENSION))
    return (centres[rng.integers(0, 30, count)] + 0.7 * rng.normal(size=(count, DIMENSION))).astype(np.float32)


def segment_of(space: str, quantization: str, vectors: Vectors) -> Segment:
    labels = np.arange(len(vectors))
    recipe = Recipe(space, 16, 100, quantization)
    segment = Segment.build("name", 1, recipe, labels, lambda some: (some, vectors[some]), lambda: False)
    assert segment is not None
    return segment


def recall(segment: Segment, vectors: Vectors, allowed: NDArray[np.bool_]) -> float:
    queries, found = vectors_of(50, 1), 0
    vectors = vectors[segment.labels]
    for query in queries:
        true = exact_distances(segment.recipe.space, query, vectors)
        entries, distances = nearest(
            segment,
            query,
            10,
            100,
            Allowed(segment.cells, len(allowed), bitmap=packed(allowed)),
            lambda some, query=query: exact_distances(segment.recipe.space, query, vectors[some]),
        )
        assert np.allclose(distances, true[entries])
        assert allowed[entries].all()
        bound = np.sort(true[allowed])[9]
        found += min(10, int(np.count_nonzero(true[entries] <= bound)))
    return found / (10 * len(queries))


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_the_nearest_are_found_with_and_without_a_filter(space: str, quantization: str, tmp_path: Path) -> None:
    vectors = vectors_of(COUNT)
    segment = segment_of(space, quantization, vectors)
    rng = np.random.default_rng(5)
    for share in (1.0, 0.5, 0.1):
        assert recall(segment, vectors, rng.random(COUNT) < share) >= 0.98, share
    segment.graph.save(str(tmp_path / "graph"))
    opened = Graph.open(str(tmp_path / "graph"), space)
    assert opened.binary == segment.graph.binary == (quantization == "binary" and space != "ip")
    query = vectors[3]
    assert opened.nearest(query, 100).entries.tolist() == segment.graph.nearest(query, 100).entries.tolist()


def test_shorter_codes_take_less_memory_and_disk(tmp_path: Path) -> None:
    sizes = []
    for quantization in QUANTIZATIONS:
        graph = segment_of("l2", quantization, vectors_of(COUNT)).graph
        graph.save(str(tmp_path / quantization))
        on_disk = (tmp_path / quantization).stat().st_size
        assert abs(graph.nbytes - on_disk) < 0.1 * on_disk
        assert Graph.open(str(tmp_path / quantization), "l2").nbytes == 0
        sizes.append(on_disk)
    assert sizes == sorted(sizes)
    assert sizes[0] < 0.65 * sizes[1] < 0.65 * sizes[3]


def kind(index: Any) -> str:
    faiss = faiss_here()
    if isinstance(index, faiss.IndexHNSWFlat):
        return "float32"
    storage = faiss.downcast_index(index.storage)
    if isinstance(storage, faiss.IndexRaBitQ):
        return "binary"
    return {faiss.ScalarQuantizer.QT_8bit: "int8", faiss.ScalarQuantizer.QT_fp16: "float16"}[storage.sq.qtype]


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_what_is_asked_for_is_taken(quantization: str) -> None:
    assert kind(empty_graph("l2", vectors_of(200), 200, 16, quantization)) == quantization


def test_half_precision_that_would_overflow_becomes_float32() -> None:
    assert kind(empty_graph("l2", vectors_of(200) * 1e6, 200, 16, "float16")) == "float32"


def test_auto_takes_the_shortest_codes_that_tell_vectors_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = vectors_of(500)
    assert kind(empty_graph("l2", vectors, 500, 16, "auto")) == "int8"
    uneven = vectors * np.random.default_rng(3).choice([1e-3, 1.0, 1e3], size=(500, 1)).astype(np.float32)
    assert kind(empty_graph("l2", uneven, 500, 16, "auto")) == "float16"
    assert kind(empty_graph("l2", uneven * 1e6, 500, 16, "auto")) == "float32"
    monkeypatch.setattr(codes, "LARGE", 10_000)
    assert kind(empty_graph("l2", vectors, 500, 16, "auto")) == "binary"
    assert kind(empty_graph("cosine", vectors, 500, 16, "auto")) == "binary"
    assert kind(empty_graph("ip", vectors, 500, 16, "auto")) == "int8"
    one_long = vectors_of(4000)
    one_long[7] *= 1e4
    assert kind(empty_graph("ip", one_long, 4000, 16, "auto")) == "float16"


@pytest.mark.parametrize("space", ["l2", "cosine"])
def test_clusters_that_come_one_after_the_other_are_all_within_reach(space: str) -> None:
    """Tight and far apart: a graph over them in this order would lose some."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(60, DIMENSION))
    vectors = (np.repeat(centres, 100, axis=0) + 0.1 * rng.normal(size=(6000, DIMENSION))).astype(np.float32)
    segment = segment_of(space, "auto", vectors)
    entry_of = np.argsort(segment.labels)
    lost = [row for row in range(0, 6000, 20) if entry_of[row] not in segment.graph.nearest(vectors[row], 100).entries]
    assert len(lost) <= 1

"""Sealed segments: a graph, cells, and the labels of their entries, at one commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chromadb._index.cells import Cells, CellsBuilder
from chromadb._index.distance import Matrix
from chromadb._index.graph import Graph, sealable
from chromadb._index.reach import TRIED, Reach, reach_of
from chromadb._index.refined import Refined

Labels = NDArray[np.int64]

SAMPLE = 40_000
"""Vectors at most from which the range of the codes and the cells are learnt."""


BLOCK = 4096
"""Vectors read at a time."""

ReadVectors = Callable[[Labels], tuple[Labels, Matrix]]


class Recipe(NamedTuple):
    """What a graph is built with; a segment with another recipe than its collection's is rebuilt."""

    space: str
    max_neighbors: int
    ef_construction: int
    quantization: str = "auto"


@dataclass(frozen=True, eq=False)
class Segment:
    """A graph and cells over vectors as they were at a commit.

    Later commits may have changed or deleted some of them; whoever searches leaves these entries out.
    """

    name: str
    commit_no: int
    recipe: Recipe
    labels: Labels
    """The label of each entry; these are numbered cell by cell."""
    skipped: Labels
    """Labels that were to be sealed and cannot be, in no order."""
    graph: Graph
    cells: Cells
    reach: Reach
    """How far to look in the cells."""

    @cached_property
    def refined(self) -> Refined:
        """Cells and graph in one; made when the graph is there."""
        return Refined(self.cells, self.graph, self.recipe.space)

    @property
    def nbytes(self) -> int:
        """Bytes of memory; what is mapped from files does not count, for the system takes it back at need."""
        return self.labels.nbytes + self.skipped.nbytes + self.graph.nbytes + self.cells.nbytes

    @classmethod
    def build(
        cls,
        name: str,
        commit_no: int,
        recipe: Recipe,
        labels: Labels,
        read: ReadVectors,
        stop: Callable[[], bool],
    ) -> Segment | None:
        """Return a segment over `labels`, or None if `stop` said so meanwhile or nothing can be sealed.

        Args:
            name: of the segment.
            commit_no: a commit not later than any that `read` sees.
            recipe: how to build the graph.
            labels: ascending.
            read: gives the vectors of some labels, and the labels that still have one.
            stop: asked now and then.
        """
        sealed: list[Labels] = []
        skipped: list[Labels] = []

        def blocks() -> Iterator[Matrix]:
            # In random order: of clusters that come one after the other, a graph would lose some out of reach.
            rng, steps = np.random.default_rng(0), -(-len(labels) // BLOCK)
            for start in range(steps):
                present, vectors = read(labels[start::steps].copy())
                order = rng.permutation(len(present))
                present, vectors = present[order], vectors[order]
                fits = sealable(recipe.space, vectors)
                sealed.append(present[fits])
                skipped.append(present[~fits])
                yield vectors[fits]

        sample = _sample(recipe.space, labels, read)
        if not len(sample):
            return None
        # Others than those that cells are learnt from, which lie nearer to the centres than queries do.
        apart = np.arange(len(sample)) % max(2, len(sample) // TRIED) == 0
        tried, sample = sample[apart], sample[~apart] if len(sample) > 2 * TRIED else sample
        partition = CellsBuilder(recipe.space, len(labels), sample)

        def partitioned() -> Iterator[Matrix]:
            for block in blocks():
                partition.add(block)
                yield block

        graph = Graph.build(
            recipe.space,
            sample,
            partitioned(),
            total=len(labels),
            quantization=recipe.quantization,
            max_neighbors=recipe.max_neighbors,
            ef_construction=recipe.ef_construction,
            stop=stop,
        )
        if graph is None or not len(graph):
            return None
        cells, order = partition.finish()
        # To give codes another order takes as much memory as they do, for a moment.
        del sample
        graph.renumber(order)
        reach = reach_of(cells, graph, tried)
        numbered = np.concatenate(sealed)[order]
        return cls(name, commit_no, recipe, numbered, np.concatenate(skipped), graph, cells, reach)


def _sample(space: str, labels: Labels, read: ReadVectors) -> Matrix:
    """Return vectors that can be sealed, evenly spread over `labels`; no more than `SAMPLE`."""
    chosen = labels[np.unique(np.linspace(0, len(labels) - 1, min(SAMPLE, len(labels)), dtype=np.intp))]
    sample, count = np.empty((0, 0), dtype=np.float32), 0
    for start in range(0, len(chosen), BLOCK):
        _, vectors = read(chosen[start : start + BLOCK])
        vectors = vectors[sealable(space, vectors)]
        if not sample.size:
            sample = np.empty((len(chosen), vectors.shape[1]), dtype=np.float32)
        sample[count : count + len(vectors)] = vectors
        count += len(vectors)
    return sample[:count]

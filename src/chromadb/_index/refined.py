"""The cells near a query and the comparison of what they hold by longer codes, in one call.

Each call of faiss lets go of the interpreter, and to get it back takes longer than the call where other threads search:
two threads answer 4,100 queries a second among 100,000 vectors, 3,100 by a call for each step; one thread 4,100 and
3,500.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from chromadb._index.cells import Cells
from chromadb._index.distance import Matrix
from chromadb._index.faiss import Candidates, candidates_of, faiss_here, scaled
from chromadb._index.graph import Graph
from chromadb._tracing import ALL, spanned


@lru_cache(maxsize=64)
def _parameters(faiss: Any, probes: int) -> Any:
    """Return the parameters of a search, which searches only read."""
    inner = faiss.SearchParametersPreTransform(index_params=faiss.IVFSearchParameters(nprobe=probes))
    return faiss.IndexRefineSearchParameters(k_factor=1, base_index_params=inner)


class Refined:
    """What the codes of cells find, in the order that the codes of a graph tell.

    Args:
        cells: of a segment.
        graph: of the same; its entries have the same numbers.
        space: l2 or cosine.
    """

    def __init__(self, cells: Cells, graph: Graph, space: str) -> None:
        # The index only points to both.
        self._cells, self._graph = cells, graph
        self._space = space
        self._index = faiss_here().IndexRefine(cells.index, graph.codes)

    @spanned("index.refined", ALL)
    def near(self, query: Matrix, count: int, probes: int) -> Candidates:
        """Return about the `count` nearest entries, nearest first; as `Cells.near`, but by longer codes."""
        parameters = _parameters(faiss_here(), min(probes, self._cells.count))
        scores, found = self._index.search(scaled(self._space, query[np.newaxis]), count, params=parameters)
        return candidates_of(self._space, found[0], scores[0])

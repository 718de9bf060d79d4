"""Graphs that come later: large files, verified in the background.

To read the graph of a million vectors takes 0.3 to 1 s; the cells, which answer meanwhile, a tenth of that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from chromadb._index.graph import Graph

PAUSE = 0.5
"""Seconds for which the first query has the disk to itself."""


class LateGraph(Graph):
    """A graph that is here as soon as its file is verified.

    Args:
        count: how many entries it has.
        verified: gives the graph; None if it is damaged, or if the function that it is given said to stop.
    """

    def __init__(self, count: int, verified: Callable[[Callable[[], bool]], Graph | None]) -> None:
        self.here = False
        self._count = count
        self._verified = verified
        self._stopped = threading.Event()
        self.begin()

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        """Bytes of memory: none, it is mapped from a file."""
        return 0

    def begin(self) -> None:
        """Verify the file in a thread of its own, unless that is done; in a child, its parent's is gone."""
        if not self.here:
            threading.Thread(target=self._arrive, name="chroma-verify", daemon=True).start()

    def stop(self) -> None:
        """Leave it at that, soon."""
        self._stopped.set()

    def _arrive(self) -> None:
        graph = None if self._stopped.wait(PAUSE) else self._verified(self._stopped.is_set)
        if graph is not None:
            super().__init__(graph._index, graph._space, mapped=True)
            # Last, for others look at it without a lock.
            self.here = True

"""Which vectors a query may return, and what follows from that for each segment."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from chromadb._index.cells import Cells

Mask = NDArray[np.bool_]


class Allowed:
    """Which entries of one segment may be returned.

    Args:
        entries: shape (entries of the segment,).
        cells: of the segment.
    """

    def __init__(self, entries: Mask, cells: Cells) -> None:
        self.entries = entries
        self.count = int(np.count_nonzero(entries))
        self._cells = cells

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, what has been worked out included."""
        worked_out = (vars(self).get(name) for name in ("bitmap", "in_cell"))
        return self.entries.nbytes + sum(int(array.nbytes) for array in worked_out if array is not None)

    @property
    def all(self) -> bool:
        """Whether every entry may be returned."""
        return self.count == len(self.entries)

    @cached_property
    def bitmap(self) -> NDArray[np.uint8]:
        """The entries, eight to a byte, the first in the lowest bit."""
        return np.packbits(self.entries, bitorder="little")

    @cached_property
    def in_cell(self) -> NDArray[np.int64]:
        """How many entries may be returned of each cell."""
        return np.bincount(self._cells.cell_of[self.entries], minlength=self._cells.count)


class Choice:
    """Which places of one snapshot a query may return: those that are alive and pass a filter.

    What it works out for a segment is kept, so that the next query with the same filter has it.
    """

    def __init__(self, mask: Mask) -> None:
        self.mask = mask
        self.count = int(np.count_nonzero(mask))
        self.segments: dict[str, Allowed] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of memory, what has been worked out for segments included."""
        return self.mask.nbytes + sum(allowed.nbytes for allowed in list(self.segments.values()))

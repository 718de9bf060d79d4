"""The codes of a column in the order of a segment's entries, numbered by value.

A range of values then is a range of numbers, and two comparisons of short numbers that lie one after the other tell
which entries pass: of a million, 0.07 ms. To look up what each code says takes 0.4 to 1.1 ms, and to bring what passes
from the order of places into that of entries 0.8 ms more for 100,000.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chromadb._index.bits import Bitmap, packed
from chromadb._index.ranks import Ranges, Ranks

MOST_RANGES = 8
"""Ranges of ranks that are compared one by one; of more, each entry's rank is looked up, which takes as long as ten."""


class Ranked:
    """The rank of the value of each entry. Immutable.

    Costs 1, 2 or 4 bytes an entry.

    Args:
        codes: by entry, from 0 on.
        ranks: of these codes.
    """

    def __init__(self, codes: NDArray[np.int32], ranks: Ranks) -> None:
        self.ranks = ranks
        self._of_entry = ranks.of(codes)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, without the ranks of codes."""
        return self._of_entry.nbytes

    def holding(self, ranges: Ranges) -> Bitmap:
        """Return which entries have a rank in some ranges."""
        if len(ranges) > MOST_RANGES:
            steps = np.zeros(len(self.ranks) + 1, dtype=np.int8)
            steps[ranges[:, 0]], steps[ranges[:, 1]] = 1, -1
            return packed(np.cumsum(steps, dtype=np.int8).view(np.bool_)[self._of_entry])
        held = np.zeros(-(-len(self._of_entry) // 8), dtype=np.uint8)
        for first, end in ranges.tolist():
            held |= self._between(first, end - 1)
        return held

    def _between(self, first: int, last: int) -> Bitmap:
        # What is below the first wraps around to more than any width: one comparison instead of two.
        kind = self._of_entry.dtype.type
        return packed(np.less_equal(np.subtract(self._of_entry, kind(first)), kind(last - first)))

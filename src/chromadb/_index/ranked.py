"""The codes of a column in the order of a segment's entries, numbered by value.

A range of values then is a range of numbers, and two comparisons of short numbers that lie one after the other tell
which entries pass: of a million, 0.07 ms. To look up what each code says takes 0.4 to 1.1 ms, and to bring what passes
from the order of places into that of entries 0.8 ms more for 100,000.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chromadb._index.bits import Bitmap, packed

Mask = NDArray[np.bool_]
Numbers = NDArray[np.float64]

MOST_RANGES = 8
"""Ranges of ranks that are compared one by one; of more, each entry's rank is looked up, which takes as long as ten."""


class Ranked:
    """The rank of the value of each entry. Immutable.

    Costs a sort of the distinct values, and 1, 2 or 4 bytes an entry: as short as the number of values allows.

    Args:
        codes: by entry, from 0 on.
        numbers: the value of each code, to be ordered by; NaN for what is no number.
    """

    def __init__(self, codes: NDArray[np.int32], numbers: Numbers) -> None:
        self._order = np.argsort(numbers, kind="stable")
        ranks = np.empty(len(numbers), dtype=np.min_scalar_type(max(1, len(numbers) - 1)))
        ranks[self._order] = np.arange(len(numbers))
        self._ranks = ranks[codes]

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self._order.nbytes + self._ranks.nbytes

    def holding(self, passing: Mask) -> Bitmap:
        """Return which entries have a code that passes.

        Args:
            passing: by code; codes that are newer than the ranks are not asked for.
        """
        wanted = passing[self._order]
        bounds = np.flatnonzero(np.diff(wanted, prepend=False, append=False)).reshape(-1, 2)
        if len(bounds) > MOST_RANGES:
            return packed(wanted[self._ranks])
        held = np.zeros(-(-len(self._ranks) // 8), dtype=np.uint8)
        for first, end in bounds.tolist():
            held |= self._between(first, end - 1)
        return held

    def _between(self, first: int, last: int) -> Bitmap:
        # What is below the first wraps around to more than any width: one comparison instead of two.
        kind = self._ranks.dtype.type
        return packed(np.less_equal(np.subtract(self._ranks, kind(first)), kind(last - first)))

"""Columns the other way round: the places of each value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chromadb._index.ranks import Ranges, Ranks

Places = NDArray[np.intp]


class Inverted:
    """The places of each value of a column, in the order of their ranks. Immutable.

    Costs a sort of all codes to make, 90 ms for a million, and 4 bytes a place.

    Args:
        codes: by place, from 0 on.
        ranks: of these codes.
    """

    def __init__(self, codes: NDArray[np.int32], ranks: Ranks) -> None:
        self.ranks = ranks
        of_place = ranks.of(codes)
        self._places: NDArray[np.int32] = np.argsort(of_place, kind="stable").astype(np.int32)
        self._starts = np.zeros(len(ranks) + 1, dtype=np.int64)
        np.cumsum(np.bincount(of_place, minlength=len(ranks)), out=self._starts[1:])

    def __len__(self) -> int:
        return len(self._places)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, without the ranks of codes."""
        return self._places.nbytes + self._starts.nbytes

    def count(self, ranges: Ranges) -> int:
        """Return how many places have a rank in some ranges."""
        return int((self._starts[ranges[:, 1]] - self._starts[ranges[:, 0]]).sum())

    def places(self, ranges: Ranges) -> Places:
        """Return the places that have a rank in some ranges, in no order."""
        starts = self._starts[ranges[:, 0]]
        sizes = self._starts[ranges[:, 1]] - starts
        if len(ranges) == 1:
            return self._places[starts[0] : starts[0] + sizes[0]].astype(np.intp)
        # Runs of consecutive numbers: each begins at its start, less what the runs before it have taken.
        offsets = starts - (np.cumsum(sizes) - sizes)
        return self._places[np.repeat(offsets, sizes) + np.arange(int(sizes.sum()))].astype(np.intp)

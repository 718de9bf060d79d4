"""Columns the other way round: the places of each value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.intp]


class Inverted:
    """The places of each code of a column. Immutable.

    Costs a sort of all codes to make, 90 ms for a million, and 4 bytes a place.

    Args:
        codes: by place, from 0 on.
    """

    def __init__(self, codes: NDArray[np.int32]) -> None:
        self._places: NDArray[np.int32] = np.argsort(codes, kind="stable").astype(np.int32)
        self._ends = np.cumsum(np.bincount(codes))

    def __len__(self) -> int:
        return len(self._places)

    @property
    def distinct(self) -> int:
        """How many codes there are."""
        return len(self._ends)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self._places.nbytes + self._ends.nbytes

    def count(self, codes: NDArray[np.intp]) -> int:
        """Return how many places have one of these codes, each of which is given once."""
        return int(self._sizes(codes).sum())

    def places(self, codes: NDArray[np.intp]) -> Places:
        """Return the places that have one of these codes, each of which is given once; in no order."""
        sizes = self._sizes(codes)
        # Runs of consecutive numbers: each begins at its start, less what the runs before it have taken.
        offsets = self._ends[codes] - sizes - (np.cumsum(sizes) - sizes)
        return self._places[np.repeat(offsets, sizes) + np.arange(int(sizes.sum()))].astype(np.intp)

    def _sizes(self, codes: NDArray[np.intp]) -> NDArray[np.int64]:
        starts = np.where(codes > 0, self._ends[codes - 1], 0)
        return self._ends[codes] - starts

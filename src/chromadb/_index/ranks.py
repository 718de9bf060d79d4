"""The distinct values of a column in order: numbers ascending, then what is none.

A range of values is a range of ranks, which two binary searches find: of a million distinct values, such as times, in
0.01 ms. To ask each of them takes 1 ms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chromadb._index.dictionary import Dictionary, is_comparable, parted
from chromadb._model.where import COMPLEMENTS, Compare

Ranges = NDArray[np.int64]
"""The first rank of each range and the rank behind its last, ascending, with a gap between them; shape (k, 2)."""

Side = Literal["left", "right"]

SIDES: Mapping[str, Side] = {"$gt": "right", "$gte": "left", "$lt": "left", "$lte": "right"}
"""On which side of the values that are equal to its operand a comparison begins or ends."""


class Ranks:
    """The rank of each code of a column. Immutable.

    Costs a sort of the distinct values: 90 ms for a million.

    Args:
        dictionary: of the column; what is added to it later has no rank.
        count: of how many codes, from 0 on.
    """

    def __init__(self, dictionary: Dictionary, count: int) -> None:
        numbers, rests = dictionary.numbers(count), dictionary.rests(count)
        self._dictionary = dictionary
        order = np.lexsort((rests, numbers)) if rests.any() else np.argsort(numbers, kind="stable")
        self._order = order.astype(np.int32)
        # NaN stands for what is no number, and comes last.
        comparable = order[: count - int(np.count_nonzero(np.isnan(numbers)))]
        self._numbers, self._rests = numbers[comparable], rests[comparable]
        self._ranks = np.empty(count, dtype=np.min_scalar_type(max(1, count - 1)))
        self._ranks[order] = np.arange(count)

    def __len__(self) -> int:
        return len(self._order)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return int(self._order.nbytes + self._numbers.nbytes + self._rests.nbytes + self._ranks.nbytes)

    def of(self, codes: NDArray[np.int32]) -> NDArray[np.unsignedinteger]:
        """Return the rank of each of some codes, as short as the number of values allows: 1, 2 or 4 bytes."""
        return self._ranks[codes]

    def meeting(self, compares: Sequence[Compare]) -> Ranges:
        """Return the ranks of the values that meet all comparisons."""
        bounds = self._between(compares)
        if bounds is not None:
            return bounds
        if len(compares) == 1:
            compare = compares[0]
            opposite = COMPLEMENTS.get(compare.operator)
            if (opposite or compare.operator) in ("$eq", "$in"):
                codes = self._dictionary.equal_to(compare)
                named = _runs(np.sort(self._ranks[codes[codes < len(self)]].astype(np.int64)))
                return named if opposite is None else _others(named, len(self))
        return _runs(np.flatnonzero(self._dictionary.meeting(compares, self._order)))

    def _between(self, compares: Sequence[Compare]) -> Ranges | None:
        """Return the one range that comparisons with numbers mean; None if they are others."""
        first, end = 0, len(self._numbers)
        for compare in compares:
            operator, operand = compare.operator, compare.operand
            if operator not in SIDES or not is_comparable(operand):
                return None
            if math.isnan(operand):
                first = end
            elif operator in ("$gt", "$gte"):
                first = max(first, self._position(operand, SIDES[operator]))
            else:
                end = min(end, self._position(operand, SIDES[operator]))
        return np.array([(first, end)] if first < end else [], dtype=np.int64).reshape(-1, 2)

    def _position(self, value: float, side: Side) -> int:
        """Return how many of the numbers are less than a value, or if it is for the right side, not more."""
        number, rest = parted(value)
        first, end = (int(np.searchsorted(self._numbers, number, each)) for each in ("left", "right"))
        return first + int(np.searchsorted(self._rests[first:end], rest, side))


def _runs(ranks: NDArray[np.int64]) -> Ranges:
    """Return the ranges that ascending ranks are."""
    if not len(ranks):
        return np.empty((0, 2), dtype=np.int64)
    breaks = np.flatnonzero(np.diff(ranks) > 1)
    return np.stack([ranks[np.append(0, breaks + 1)], ranks[np.append(breaks, len(ranks) - 1)] + 1], axis=1)


def _others(ranges: Ranges, count: int) -> Ranges:
    """Return the ranges of the other ranks, of so many."""
    others = np.concatenate([[0], ranges.ravel(), [count]]).reshape(-1, 2)
    return others[others[:, 0] < others[:, 1]]

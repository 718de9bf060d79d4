"""The distinct values of a column, and which of them pass a filter, as the reference in ``_model.match`` says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from sys import getsizeof
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from chromadb._index.arrays import GrowingArray
from chromadb._model.match import value_test
from chromadb._model.where import COMPLEMENTS, Compare, identity

Mask = NDArray[np.bool_]

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "$gt": np.greater,
    "$gte": np.greater_equal,
    "$lt": np.less,
    "$lte": np.less_equal,
}

EXACT = 2**53
"""Ints up to this are the same as floats."""

MOST = 2**63
"""Ints that are stored are not beyond."""

ENTRY = 180
"""Bytes of an entry in the table of a dictionary: its key, a tuple, and its place."""


class Dictionary:
    """The distinct values of a column, numbered. Code 0 stands for a missing key.

    Values are only ever added, by one thread at a time; so columns can share it, and read it while it grows.
    """

    def __init__(self, values: list[Any] | None = None) -> None:
        self.values: list[Any] = [None, *(values or [])]
        self._numbers = GrowingArray(_numbers(self.values))
        self._rests = GrowingArray(_rests(self.values))
        self._size = _size(self.values)

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, about."""
        table = ENTRY * len(self.values) if "_table" in vars(self) else 0
        return self._size + self._numbers.nbytes + self._rests.nbytes + table

    @property
    def _code_of(self) -> dict[Any, int]:
        """The code of each value; made at the first need, for most filters of a sealed column do not need it."""
        table: dict[Any, int] | None = vars(self).get("_table")
        if table is None:
            # Of two threads that make it, one wins: values are added only once the table is there.
            table = vars(self).setdefault("_table", {_key(value): code for code, value in enumerate(self.values)})
        return table

    def numbers(self, count: int) -> NDArray[np.float64]:
        """Return the values of the first `count` codes as numbers; NaN, which is equal to nothing, for what is none."""
        return self._numbers.values[:count]

    def rests(self, count: int) -> NDArray[np.int16]:
        """Return by how much the values of the first `count` codes are more than the numbers that stand for them.

        A float stands for a large int that it does not hold; numbers, and their rests where they are the same, are in
        the order of the values.
        """
        return self._rests.values[:count]

    def find(self, value: Any) -> int:
        """Return the code of a value that filters compare, -1 if it has none."""
        return self._code_of.get(identity(value), -1)

    def encode(self, values: Iterable[Any]) -> NDArray[np.int32]:
        """Return codes, giving new ones to new values."""
        first = len(self.values)
        codes = np.fromiter((self.code(value) for value in values), dtype=np.int32)
        added = self.values[first:]
        self._rests = self._rests.append(_rests(added))
        self._numbers = self._numbers.append(_numbers(added))
        self._size += _size(added)
        return codes

    def equal_to(self, compare: Compare) -> NDArray[np.int64]:
        """Return the codes that a comparison by `$eq` or `$in`, or `$ne` or `$nin`, names; each once, in no order."""
        operand = compare.operand
        found = {self.find(item) for item in (operand if isinstance(operand, tuple) else (operand,))} - {-1}
        return np.fromiter(found, dtype=np.int64, count=len(found))

    def meeting(self, compares: Sequence[Compare], codes: NDArray[np.integer] | None = None) -> Mask:
        """Return which codes, of some or else of all, have a value that meets all comparisons; shape (len(codes),)."""
        codes = np.arange(len(self)) if codes is None else codes
        passing = np.ones(len(codes), dtype=np.bool_)
        for compare in compares:
            opposite = COMPLEMENTS.get(compare.operator)
            if opposite is None:
                passing &= self._passing(compare, codes)
            else:
                passing &= ~self._passing(Compare(compare.key, opposite, compare.operand), codes)
        return passing

    def _passing(self, compare: Compare, codes: NDArray[np.integer]) -> Mask:
        operand = compare.operand
        if compare.operator == "$eq":
            equal: Mask = np.equal(codes, self.find(operand))
            return equal
        if isinstance(operand, tuple):
            return np.isin(codes, self.equal_to(compare))
        if compare.operator in _COMPARISONS and is_comparable(operand):
            compared, (number, rest) = _COMPARISONS[compare.operator], parted(operand)
            numbers = self._numbers.values[codes]
            passing: Mask = compared(numbers, number)
            same = np.flatnonzero(numbers == number)
            passing[same] = compared(self._rests.values[codes[same]], rest)
            return passing
        test, values = value_test(compare), self.values
        return np.fromiter((test(values[code]) for code in codes.tolist()), dtype=np.bool_, count=len(codes))

    def code(self, value: Any) -> int:
        """Return the code of a value, a new one if it is new; `encode` is to follow before a filter is asked."""
        key = _key(value)
        code = self._code_of.get(key)
        if code is None:
            code = len(self.values)
            self.values.append(value)
            self._code_of[key] = code
        return code


def _key(value: Any) -> Any:
    return ("list", tuple(identity(item) for item in value)) if isinstance(value, list) else identity(value)


def _size(values: Sequence[Any]) -> int:
    return sum(map(getsizeof, values)) + 8 * len(values)


def is_comparable(operand: Any) -> TypeGuard[int | float]:
    """Return whether `parted` can take a number to compare with in two."""
    if isinstance(operand, int):
        return not isinstance(operand, bool) and abs(operand) <= MOST
    return isinstance(operand, float)


def parted(value: float) -> tuple[float, int]:
    """Return the float that is nearest to a number, and how much the number is more."""
    number = float(value)
    return number, int(value) - int(number) if isinstance(value, int) else 0


def _numbers(values: Sequence[Any]) -> NDArray[np.float64]:
    return np.array([float(value) if type(value) in (int, float) else np.nan for value in values], dtype=np.float64)


def _rests(values: Sequence[Any]) -> NDArray[np.int16]:
    return np.array(
        [parted(value)[1] if type(value) is int and abs(value) > EXACT else 0 for value in values], dtype=np.int16
    )

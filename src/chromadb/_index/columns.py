"""Columns of metadata values, for filters.

A column is dictionary-encoded: a code per place, and the distinct values. A filter is asked once per distinct value,
and the answers are looked up for all places at once. They are those of the reference in ``_model.match``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from sys import getsizeof
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chromadb._index.arrays import GrowingArray
from chromadb._index.inverted import Inverted, Places
from chromadb._model.match import value_test
from chromadb._model.where import COMPLEMENTS, Compare, identity

Mask = NDArray[np.bool_]

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "$gt": np.greater,
    "$gte": np.greater_equal,
    "$lt": np.less,
    "$lte": np.less_equal,
}

INVERT_FROM = 20_000
"""Places among which a filter's are looked up by value rather than found by asking every one: 0.1 ms for 100,000."""

INVERT_AFTER = 1
"""Filters that are answered without it, because it takes a sort: 90 ms for a million."""

EXACT = 2**53
"""Ints up to this are the same as floats."""

ENTRY = 180
"""Bytes of an entry in the table of a dictionary: its key, a tuple, and its place."""


class Dictionary:
    """The distinct values of a column, numbered. Code 0 stands for a missing key.

    Values are only ever added, by one thread at a time; so columns can share it, and read it while it grows.
    """

    def __init__(self, values: list[Any] | None = None) -> None:
        self.values: list[Any] = [None, *(values or [])]
        # The values as numbers: NaN, which compares with nothing, for what is none, or too large an int.
        self._numbers = GrowingArray(np.array([_number(value) for value in self.values], dtype=np.float64))
        self._large = _large(self.values)
        self._size = _size(self.values)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, about."""
        return self._size + self._numbers.nbytes + (ENTRY * len(self.values) if "_table" in vars(self) else 0)

    @property
    def _code_of(self) -> dict[Any, int]:
        """The code of each value; made at the first need, for most filters of a sealed column do not need it."""
        table: dict[Any, int] | None = vars(self).get("_table")
        if table is None:
            # Of two threads that make it, one wins: values are added only once the table is there.
            table = vars(self).setdefault("_table", {_key(value): code for code, value in enumerate(self.values)})
        return table

    def find(self, value: Any) -> int:
        """Return the code of a value that filters compare, -1 if it has none."""
        return self._code_of.get(identity(value), -1)

    def encode(self, values: Iterable[Any]) -> NDArray[np.int32]:
        """Return codes, giving new ones to new values."""
        first = len(self.values)
        codes = np.fromiter((self.code(value) for value in values), dtype=np.int32)
        added = self.values[first:]
        self._numbers = self._numbers.append(np.array([_number(value) for value in added], dtype=np.float64))
        self._large += _large(added, first)
        self._size += _size(added)
        return codes

    def answers(self, compare: Compare) -> Mask:
        """Return for each code whether its value passes a comparison."""
        operand = compare.operand
        if compare.operator in _COMPARISONS and isinstance(operand, (int, float)) and abs(operand) <= EXACT:
            numbers, large = self._numbers.values, self._large[:]
            passing: Mask = _COMPARISONS[compare.operator](numbers, operand)
            inside = [code for code in large if code < len(passing)]
            test = value_test(compare)
            passing[inside] = [test(self.values[code]) for code in inside]
            return passing
        count = len(self._numbers)
        if compare.operator == "$eq":
            passing = np.zeros(count, dtype=np.bool_)
            code = self.find(operand)
            if 0 <= code < count:
                passing[code] = True
            return passing
        test = value_test(compare)
        if isinstance(operand, tuple):
            passing = np.zeros(count, dtype=np.bool_)
            found = (self.find(item) for item in operand)
            passing[[code for code in found if 0 <= code < count]] = True
            return passing
        return np.fromiter((test(value) for value in self.values[:count]), dtype=np.bool_, count=count)

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


def _large(values: Sequence[Any], first: int = 0) -> list[int]:
    """Return the codes of ints that a float does not hold; the first value has the code `first`."""
    return [code for code, value in enumerate(values, first) if type(value) is int and abs(value) > EXACT]


def _number(value: Any) -> float:
    return float(value) if type(value) is float or (type(value) is int and abs(value) <= EXACT) else np.nan


class Column:
    """The values of one metadata key by place; None where a record does not have the key. Immutable."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        dictionary = Dictionary()
        self._begin(dictionary, GrowingArray(dictionary.encode(values)))

    @classmethod
    def coded(cls, values: list[Any], codes: NDArray[np.int32]) -> Column:
        """Return a column of which the codes are known: 0 for None, i + 1 for ``values[i]``; these are distinct."""
        return cls._of(Dictionary(values), GrowingArray(codes))

    @classmethod
    def _of(
        cls,
        dictionary: Dictionary,
        codes: GrowingArray[np.int32],
        lookup: tuple[Inverted, Places] | None = None,
        asked: int = 0,
    ) -> Column:
        column = cls.__new__(cls)
        column._begin(dictionary, codes, lookup, asked)
        return column

    def _begin(
        self,
        dictionary: Dictionary,
        codes: GrowingArray[np.int32],
        lookup: tuple[Inverted, Places] | None = None,
        asked: int = 0,
    ) -> None:
        self._dictionary, self._codes = dictionary, codes
        # Where each value is, as of an earlier column of this line, and the places that were replaced since; one
        # attribute, so that threads see both of one moment.
        self._lookup = lookup
        self._asked = asked

    def __len__(self) -> int:
        return len(self._codes)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, about."""
        lookup = 0 if self._lookup is None else sum(part.nbytes for part in self._lookup)
        return self._dictionary.nbytes + self._codes.nbytes + lookup

    def append(self, values: Iterable[Any]) -> Column:
        """Return a column with `values` at the end."""
        return self._with(self._codes.append(self._dictionary.encode(values)), self._lookup)

    def replace(self, places: NDArray[np.intp], values: Iterable[Any]) -> Column:
        """Return a column with `values` at `places`."""
        lookup = self._lookup
        if lookup is not None:
            lookup = lookup[0], np.concatenate([lookup[1], places])
        return self._with(self._codes.replace(places, self._dictionary.encode(values)), lookup)

    def keep(self, places: NDArray[np.intp]) -> Column:
        """Return a column of the values at `places` alone; values that only others had are forgotten."""
        used, codes = np.unique(self._codes.values[places], return_inverse=True)
        dictionary = Dictionary()
        renumbered = dictionary.encode([self._dictionary.values[code] for code in used.tolist()])
        return Column._of(dictionary, GrowingArray(renumbered[codes]))

    def matching(self, compares: Sequence[Compare]) -> Mask:
        """Return which places meet all comparisons, shape (len,)."""
        codes = self._codes.values
        if len(compares) == 1 and compares[0].operator == "$eq":
            return np.equal(codes, self._dictionary.find(compares[0].operand))
        return self._passing(compares)[codes]

    def matching_at(self, compares: Sequence[Compare], places: Places) -> Mask:
        """Return which of some places meet all comparisons, shape (len(places),)."""
        return self._passing(compares)[self._codes.values[places]]

    def find(self, compares: Sequence[Compare], most: int) -> Places | None:
        """Return the places that meet all comparisons, in no order.

        None if there are more than `most`, or if to look for them is not worth it; then ask `matching`.
        """
        lookup = self._inverted()
        if lookup is None:
            return None
        inverted, replaced = lookup
        passing, codes = self._passing(compares), self._codes.values
        if np.count_nonzero(passing) > most:
            # Few values are nowhere: there are about as many places, or more.
            return None
        found = np.flatnonzero(passing[: inverted.distinct])
        if inverted.count(found) > most:
            return None
        places = inverted.places(found)
        if len(replaced):
            places = np.unique(np.concatenate([places, replaced[replaced < len(inverted)]]))
            places = places[passing[codes[places]]]
        return np.concatenate([places, len(inverted) + np.flatnonzero(passing[codes[len(inverted) :]])])

    def _inverted(self) -> tuple[Inverted, Places] | None:
        lookup, codes = self._lookup, self._codes.values
        if lookup is not None:
            inverted, replaced = lookup
            if len(codes) - len(inverted) + len(replaced) <= len(codes) // 8:
                return lookup
        self._asked += 1
        if len(codes) < INVERT_FROM or self._asked <= INVERT_AFTER:
            return None
        self._lookup = lookup = Inverted(codes), np.empty(0, dtype=np.intp)
        return lookup

    def _passing(self, compares: Sequence[Compare]) -> Mask:
        """Return for each code whether its value meets all comparisons."""
        passing: Mask | None = None
        for compare in compares:
            if compare.operator in COMPLEMENTS:
                opposite = Compare(compare.key, COMPLEMENTS[compare.operator], compare.operand)
                answers = ~self._dictionary.answers(opposite)
            else:
                answers = self._dictionary.answers(compare)
            # Another thread may have added values meanwhile; those of this column are in both.
            passing = answers if passing is None else passing[: len(answers)] & answers[: len(passing)]
        assert passing is not None
        return passing

    def _with(self, codes: GrowingArray[np.int32], lookup: tuple[Inverted, Places] | None) -> Column:
        return Column._of(self._dictionary, codes, lookup, self._asked)

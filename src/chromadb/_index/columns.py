"""Columns of metadata values, for filters.

A column is dictionary-encoded: a code per place, and the distinct values. A filter is asked once per distinct value,
and the answers are looked up for all places at once. They are those of the reference in ``_model.match``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from sys import getsizeof
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from chromadb._index.arrays import GrowingArray
from chromadb._index.bits import Bitmap, put_bits
from chromadb._index.inverted import Inverted, Places
from chromadb._index.ranked import Ranked
from chromadb._index.sealed import Sealed
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

SHARE_REPLACED = 8
"""Another order of the codes is made anew when more than one in so many places was replaced since."""

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

    def numbers(self, count: int) -> NDArray[np.float64]:
        """Return the values of the first `count` codes as numbers; NaN for those that are none."""
        return self._numbers.values[:count]

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


class _Arranged(NamedTuple):
    """The codes of a column in other orders, as of an earlier column of its line."""

    inverted: Inverted | None = None
    """Where each value is."""
    ranked: Mapping[Sealed, Ranked] = WeakKeyDictionary()
    """By segment, as long as that is used: the codes in the order of its entries."""
    replaced: Places = np.empty(0, dtype=np.intp)
    """The places that were replaced since."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        inverted = 0 if self.inverted is None else self.inverted.nbytes
        return inverted + sum(ranked.nbytes for ranked in self.ranked.values()) + self.replaced.nbytes


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
        arranged: _Arranged | None = None,
        asked: int = 0,
    ) -> Column:
        column = cls.__new__(cls)
        column._begin(dictionary, codes, arranged, asked)
        return column

    def _begin(
        self,
        dictionary: Dictionary,
        codes: GrowingArray[np.int32],
        arranged: _Arranged | None = None,
        asked: int = 0,
    ) -> None:
        self._dictionary, self._codes = dictionary, codes
        # One attribute, so that threads see all of one moment.
        self._arranged = arranged or _Arranged()
        self._asked = asked

    def __len__(self) -> int:
        return len(self._codes)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, about."""
        return self._dictionary.nbytes + self._codes.nbytes + self._arranged.nbytes

    def append(self, values: Iterable[Any]) -> Column:
        """Return a column with `values` at the end."""
        return self._with(self._codes.append(self._dictionary.encode(values)), self._arranged)

    def replace(self, places: NDArray[np.intp], values: Iterable[Any]) -> Column:
        """Return a column with `values` at `places`."""
        arranged = self._arranged
        if arranged.inverted is not None or arranged.ranked:
            arranged = arranged._replace(replaced=np.concatenate([arranged.replaced, places]))
        return self._with(self._codes.replace(places, self._dictionary.encode(values)), arranged)

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

    def matching_entries(self, compares: Sequence[Compare], sealed: Sealed) -> Bitmap:
        """Return which entries of a segment meet all comparisons; anything for those without a place.

        Of a million, 0.15 ms; 15 ms before that, once a segment.
        """
        ranked, replaced = self._ranked(sealed)
        passing = self._passing(compares)
        bitmap = ranked.holding(passing)
        if len(replaced):
            entries = sealed.entries_at(replaced)
            put_bits(bitmap, entries, passing[self._codes.values[sealed.places[entries]]])
        return bitmap

    def _ranked(self, sealed: Sealed) -> tuple[Ranked, Places]:
        """Return the column in the order of a segment's entries, and the places that were replaced since."""
        arranged, codes = self._arranged, self._codes.values
        if SHARE_REPLACED * len(arranged.replaced) > len(codes):
            arranged = _Arranged()
        ranked = arranged.ranked.get(sealed)
        if ranked is None:
            ranked = Ranked(codes[sealed.places], self._dictionary.numbers(int(codes.max(initial=0)) + 1))
            self._arranged = arranged._replace(ranked=WeakKeyDictionary({**arranged.ranked, sealed: ranked}))
        return ranked, arranged.replaced

    def find(self, compares: Sequence[Compare], most: int) -> Places | None:
        """Return the places that meet all comparisons, in no order.

        None if there are more than `most`, or if to look for them is not worth it; then ask `matching`.
        """
        found = self._inverted()
        if found is None:
            return None
        inverted, replaced = found
        passing, codes = self._passing(compares), self._codes.values
        if np.count_nonzero(passing) > most:
            # Few values are nowhere: there are about as many places, or more.
            return None
        values = np.flatnonzero(passing[: inverted.distinct])
        if inverted.count(values) > most:
            return None
        places = inverted.places(values)
        if len(replaced):
            places = np.unique(np.concatenate([places, replaced[replaced < len(inverted)]]))
            places = places[passing[codes[places]]]
        return np.concatenate([places, len(inverted) + np.flatnonzero(passing[codes[len(inverted) :]])])

    def _inverted(self) -> tuple[Inverted, Places] | None:
        """Return where each value is, if it is worth it, and the places that were replaced since."""
        (inverted, ranked, replaced), codes = self._arranged, self._codes.values
        if inverted is not None and SHARE_REPLACED * (len(codes) - len(inverted) + len(replaced)) <= len(codes):
            return inverted, replaced
        self._asked += 1
        if len(codes) < INVERT_FROM or self._asked <= INVERT_AFTER:
            return None
        inverted = Inverted(codes)
        # The other orders are of before what was replaced, and this one is not.
        self._arranged = arranged = _Arranged(inverted, {} if len(replaced) else ranked)
        return inverted, arranged.replaced

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

    def _with(self, codes: GrowingArray[np.int32], arranged: _Arranged) -> Column:
        return Column._of(self._dictionary, codes, arranged, self._asked)

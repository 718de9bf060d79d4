"""Columns of metadata values, for filters.

A column is dictionary-encoded: a code per place, and the distinct values (see ``dictionary``). What a filter means for
the values is found by their order where they are numbers or equal to what is given (see ``ranks``), and otherwise asked
of each value; the answers hold for all places that have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from chromadb._index.arrays import GrowingArray
from chromadb._index.bits import Bitmap, put_bits
from chromadb._index.dictionary import Dictionary
from chromadb._index.inverted import Inverted, Places
from chromadb._index.ranked import Ranked
from chromadb._index.ranks import Ranks
from chromadb._index.sealed import Sealed
from chromadb._model.where import Compare

Mask = NDArray[np.bool_]

INVERT_FROM = 20_000
"""Places among which a filter's are looked up by value rather than found by asking every one: 0.1 ms for 100,000."""

INVERT_AFTER = 1
"""Filters that are answered without it, because it takes a sort: 90 ms for a million."""

MANY = 4
"""Fewer codes than one for so many values are asked one by one; of more, every value is asked once."""

SHARE_REPLACED = 8
"""Another order of the codes is made anew when more than one in so many places was replaced since."""


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
        orders: list[Inverted | Ranked] = [*self.ranked.values()]
        orders += [] if self.inverted is None else [self.inverted]
        ranks = {id(order.ranks): order.ranks.nbytes for order in orders}
        return sum(order.nbytes for order in orders) + sum(ranks.values()) + self.replaced.nbytes


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
        return self._meeting(compares, self._codes.values)

    def matching_at(self, compares: Sequence[Compare], places: Places) -> Mask:
        """Return which of some places meet all comparisons, shape (len(places),)."""
        return self._meeting(compares, self._codes.values[places])

    def _meeting(self, compares: Sequence[Compare], codes: NDArray[np.int32]) -> Mask:
        """Return which of some codes meet all comparisons; of many codes, each value is asked once."""
        dictionary = self._dictionary
        if MANY * len(codes) <= len(dictionary) or (len(compares) == 1 and compares[0].operator == "$eq"):
            return dictionary.meeting(compares, codes)
        return dictionary.meeting(compares)[codes]

    def matching_entries(self, compares: Sequence[Compare], sealed: Sealed) -> Bitmap:
        """Return which entries of a segment meet all comparisons; anything for those without a place.

        Of a million, 0.15 ms; 15 ms before that, once a segment.
        """
        ranked, replaced = self._ranked(sealed)
        bitmap = ranked.holding(ranked.ranks.meeting(compares))
        if len(replaced):
            entries = sealed.entries_at(replaced)
            put_bits(bitmap, entries, self.matching_at(compares, sealed.places[entries]))
        return bitmap

    def _ranked(self, sealed: Sealed) -> tuple[Ranked, Places]:
        """Return the column in the order of a segment's entries, and the places that were replaced since."""
        arranged, codes = self._arranged, self._codes.values
        if SHARE_REPLACED * len(arranged.replaced) > len(codes):
            arranged = _Arranged()
        ranked = arranged.ranked.get(sealed)
        if ranked is None:
            ranked = Ranked(codes[sealed.places], self._ranks(arranged))
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
        ranges = inverted.ranks.meeting(compares)
        if inverted.count(ranges) > most:
            return None
        places = inverted.places(ranges)
        if len(replaced):
            stale = np.zeros(len(self), dtype=np.bool_)
            stale[replaced] = True
            again = np.flatnonzero(stale[: len(inverted)])
            places = np.concatenate([places[~stale[places]], again[self.matching_at(compares, again)]])
        if len(inverted) == len(self):
            return places
        newer = np.arange(len(inverted), len(self))
        return np.concatenate([places, newer[self.matching_at(compares, newer)]])

    def _inverted(self) -> tuple[Inverted, Places] | None:
        """Return where each value is, if it is worth it, and the places that were replaced since."""
        arranged, codes = self._arranged, self._codes.values
        inverted, ranked, replaced = arranged
        if inverted is not None and SHARE_REPLACED * (len(codes) - len(inverted) + len(replaced)) <= len(codes):
            return inverted, replaced
        self._asked += 1
        if len(codes) < INVERT_FROM or self._asked <= INVERT_AFTER:
            return None
        inverted = Inverted(codes, self._ranks(arranged))
        # The other orders are of before what was replaced, and this one is not.
        self._arranged = arranged = _Arranged(inverted, {} if len(replaced) else ranked)
        return inverted, arranged.replaced

    def _ranks(self, arranged: _Arranged) -> Ranks:
        """Return ranks of all codes, those that are there already if they are."""
        count = int(self._codes.values.max(initial=0)) + 1
        others = [] if arranged.inverted is None else [arranged.inverted.ranks]
        others += [ranked.ranks for ranked in arranged.ranked.values()]
        return next((ranks for ranks in others if len(ranks) >= count), None) or Ranks(self._dictionary, count)

    def _with(self, codes: GrowingArray[np.int32], arranged: _Arranged) -> Column:
        return Column._of(self._dictionary, codes, arranged, self._asked)

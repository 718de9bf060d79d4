"""Filters that are asked only of what is searched, in the order in which that is kept.

To a query it does not matter at which places a filter holds: of a segment it has to know the entries, and of the loose
vectors which may be returned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, reduce
from operator import and_, or_
from typing import TypeVar

import numpy as np

from chromadb._index.bits import Bitmap, bitmap_of, packed
from chromadb._index.choice import Choice, Mask, Places
from chromadb._index.columns import Column
from chromadb._index.sealed import Hidden, Sealed
from chromadb._model.where import COMPLEMENTS, Compare, Filter, MatchDocument, Or


def by_key(clauses: Sequence[Filter]) -> tuple[dict[str, list[Compare]], list[Filter]]:
    """Return comparisons by key, for those of a range allow less together than each, and the other clauses."""
    compares: dict[str, list[Compare]] = defaultdict(list)
    others: list[Filter] = []
    for clause in clauses:
        if isinstance(clause, Compare):
            compares[clause.key].append(clause)
        else:
            others.append(clause)
    return compares, others


class Asked(Choice):
    """The places that are alive and pass a filter.

    Args:
        total: how many places there are.
        filter: what they have to pass; None for nothing.
        columns: of the keys that it compares.
        documents: for each test of documents in it, or its complement, the places that pass.
        alive: which places are, shape (total,).
        dead: the others.
    """

    def __init__(
        self,
        total: int,
        filter: Filter | None,
        columns: Mapping[str, Column],
        documents: Mapping[MatchDocument, Places],
        alive: Mask,
        dead: Hidden,
    ) -> None:
        super().__init__(total, filtered=filter is not None)
        self._filter = filter
        self._columns = columns
        self._documents = documents
        self._alive, self._dead = alive, dead
        self._last: tuple[Places, Mask] | None = None

    @cached_property
    def mask(self) -> Mask:
        """Which of them, shape (total,)."""
        return self._ask(np.arange(len(self)))

    def holds(self, places: Places) -> Mask:
        """Return which of some places may be returned, shape (len(places),); kept for the same array."""
        last = self._last
        if last is None or last[0] is not places:
            self._last = last = places, self._ask(places)
        return last[1]

    def entries(self, sealed: Sealed) -> Bitmap:
        """Return which entries of a segment may be returned; anything for those without a place."""
        total = len(sealed.places)

        def match(test: MatchDocument) -> Bitmap:
            return bitmap_of(sealed.entries_at(self._documents[test]), total)

        def compare(key: str, compares: Sequence[Compare]) -> Bitmap:
            return self._columns[key].matching_entries(compares, sealed)

        if self._filter is None:
            bitmap = packed(np.ones(total, dtype=np.bool_))
        else:
            bitmap = _holding(self._filter, compare, match)
        self._dead.leave_out(bitmap, sealed)
        return bitmap

    def _ask(self, places: Places) -> Mask:
        def match(test: MatchDocument) -> Mask:
            return np.isin(places, self._documents[test])

        def compare(key: str, compares: Sequence[Compare]) -> Mask:
            return self._columns[key].matching_at(compares, places)

        alive = self._alive[places]
        return alive if self._filter is None else alive & _holding(self._filter, compare, match)


BitsT = TypeVar("BitsT", Mask, Bitmap)


def _holding(
    filter: Filter, compare: Callable[[str, Sequence[Compare]], BitsT], match: Callable[[MatchDocument], BitsT]
) -> BitsT:
    """Return what passes a filter, of what `compare` and `match` tell by comparisons of one key, and by documents."""
    if isinstance(filter, Compare):
        return compare(filter.key, [filter])
    if isinstance(filter, MatchDocument):
        opposite = COMPLEMENTS.get(filter.operator)
        return match(filter) if opposite is None else ~match(MatchDocument(opposite, filter.operand))
    parts: list[BitsT] = []
    if isinstance(filter, Or):
        parts += [_holding(clause, compare, match) for clause in filter.clauses]
        return reduce(or_, parts)
    keys, others = by_key(filter.clauses)
    parts += [compare(key, compares) for key, compares in keys.items()]
    parts += [_holding(clause, compare, match) for clause in others]
    return reduce(and_, parts)

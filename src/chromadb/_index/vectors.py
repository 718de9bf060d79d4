"""The vectors of a snapshot: most of them sealed in segments, the others loose in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from chromadb._index.arrays import GrowingArray
from chromadb._index.choice import Allowed, Choice, Mask
from chromadb._index.distance import Matrix, exact_distances, is_well_scaled
from chromadb._index.flat import FlatIndex
from chromadb._index.planner import nearest
from chromadb._index.sealed import Hidden, Sealed
from chromadb._index.segment import Segment
from chromadb._tracing import ALL, span, spanned

Places = NDArray[np.intp]
Hits = tuple[Places, NDArray[np.float32]]
_Measured = tuple[Places, NDArray[np.float64]]

EXACT_BLOCK = 4096
"""Vectors fetched at a time by an exact comparison with what is sealed."""


class FetchVectors(Protocol):
    """Gives the vectors at places, ascending, from where they are kept: shape (len(places), d)."""

    def __call__(self, places: Places, /) -> Matrix: ...


@dataclass(frozen=True, eq=False)
class Vectors:
    """Where the vector of each place is to be found. Immutable."""

    loose: FlatIndex
    loose_places: GrowingArray[np.intp]
    """The place of each loose vector."""
    loose_of: GrowingArray[np.int32]
    """By place: the number of the loose vector; -1 where the vector is sealed."""
    sealed: tuple[Sealed, ...] = ()
    """Each segment once."""

    @property
    def dimension(self) -> int:
        """Of every vector."""
        return self.loose.dimension

    @property
    def nbytes(self) -> int:
        """Bytes of memory of the loose vectors, the places and the segments."""
        own = self.loose.nbytes + self.loose_places.nbytes + self.loose_of.nbytes
        own += vars(self)["_held"].nbytes if "_held" in vars(self) else 0
        return own + sum(sealed.nbytes for sealed in self.sealed)

    def advance(self, first_place: int, added: Matrix, updated_places: Places, updated: Matrix) -> Vectors:
        """Return the vectors with `added` at the places from `first_place` on, and `updated` at theirs."""
        numbers = self.loose_of.values[updated_places]
        inside = numbers >= 0
        loose = self.loose.replace(numbers[inside].astype(np.intp), updated[inside])
        places = np.concatenate([np.arange(first_place, first_place + len(added)), updated_places[~inside]])
        new = np.arange(len(loose), len(loose) + len(places), dtype=np.int32)
        loose = loose.append(np.concatenate([added, updated[~inside]]))
        loose_of = self.loose_of.append(new[: len(added)]).replace(updated_places[~inside], new[len(added) :])
        return Vectors(loose, self.loose_places.append(places), loose_of, self.sealed)

    def keep(self, live: Places) -> Vectors:
        """Return the vectors of the places `live`, ascending, renumbered from 0."""
        renumbered = np.full(len(self.loose_of) + 1, -1, dtype=np.intp)
        renumbered[live] = np.arange(len(live))
        places = renumbered[self.loose_places.values]
        kept = np.flatnonzero(places >= 0)
        return assemble(
            self.loose.keep(kept),
            places[kept],
            len(live),
            tuple(replace(sealed, places=renumbered[sealed.places]) for sealed in self.sealed),
        )

    def seal(self, segment: Segment, places: Places, alive: Mask) -> Vectors:
        """Return the vectors with a further segment; as they are, if it is there already.

        Args:
            segment: what is to hold vectors from now on.
            places: of its entries, as in Sealed.
            alive: by place; a segment that holds nothing alive any more is let go.
        """
        if any(sealed.segment.name == segment.name for sealed in self.sealed):
            return self
        covered = np.zeros(len(self.loose_of) + 1, dtype=np.bool_)
        covered[places] = True
        kept = np.flatnonzero(~covered[self.loose_places.values])
        gone = np.append(~alive, True) | covered
        others = (replace(sealed, places=np.where(gone[sealed.places], -1, sealed.places)) for sealed in self.sealed)
        return assemble(
            self.loose.keep(kept),
            self.loose_places.values[kept],
            len(self.loose_of),
            (*(sealed for sealed in others if (sealed.places >= 0).any()), Sealed(segment, places)),
        )

    def search(
        self, space: str, queries: Matrix, n: int, choice: Choice, fetch: FetchVectors, *, ef_search: int, exact: bool
    ) -> list[Hits]:
        """Return for each query the places of the `n` nearest vectors that are allowed, and their distances.

        Args:
            space: l2, ip or cosine.
            queries: shape (q, d).
            n: how many; all that are allowed if there are fewer.
            choice: which places are allowed.
            fetch: gives sealed vectors.
            ef_search: at least so many candidates are looked at in a graph.
            exact: compare every vector that is allowed.
        """
        n = max(1, min(n, choice.most))
        with span("index.loose", ALL):
            loose = self._search_loose(space, queries, n, choice)
        return [
            self._nearest(space, query, n, hits, choice, fetch, ef_search, exact or not is_well_scaled(query))
            for query, hits in zip(queries, loose, strict=True)
        ]

    def _search_loose(self, space: str, queries: Matrix, n: int, choice: Choice) -> list[list[_Measured]]:
        """Return for each query the nearest loose vectors; nothing where all vectors are sealed."""
        places = self.loose_places.values
        if self.sealed and not len(places):
            return [[] for _ in queries]
        found = self.loose.search(space, queries, n, choice.holds(places))
        return [[(places[numbers], distances)] for numbers, distances in found]

    def _nearest(
        self,
        space: str,
        query: Matrix,
        n: int,
        found: list[_Measured],
        choice: Choice,
        fetch: FetchVectors,
        ef_search: int,
        exact: bool,
    ) -> Hits:
        """Return the `n` nearest of the loose vectors `found` and of all segments."""
        for sealed in self.sealed:
            allowed = self._allowed(sealed, choice)
            with span("index.segment", ALL):
                entries, its_distances = nearest(
                    sealed.segment,
                    query,
                    allowed.count if exact else n,
                    ef_search,
                    allowed,
                    partial(_measure, space, query, fetch, sealed.places),
                )
            found.append((sealed.places[entries], its_distances))
        places, distances = found[0] if len(found) == 1 else map(np.concatenate, zip(*found, strict=True))
        order = np.lexsort((places, distances))[:n]
        with np.errstate(over="ignore"):
            return places[order], distances[order].astype(np.float32)

    @cached_property
    def _held(self) -> Mask:
        """By place: whether a segment holds its vector."""
        return self.loose_of.values < 0

    @cached_property
    def _hidden(self) -> Hidden:
        """The places of loose vectors: what a segment has of them is out of date."""
        return Hidden(self.loose_places.values)

    def _allowed(self, sealed: Sealed, choice: Choice) -> Allowed:
        allowed = choice.segments.get(sealed.segment.name)
        if allowed is None:
            cells, total = sealed.segment.cells, len(sealed.places)
            if choice.few:
                places = choice.numbers[self._held[choice.numbers]] if len(self.loose) else choice.numbers
                allowed = Allowed(cells, total, numbers=sealed.entries_at(places))
            else:
                bitmap = choice.entries(sealed) & sealed.known
                self._hidden.leave_out(bitmap, sealed)
                allowed = Allowed(cells, total, bitmap=bitmap, filtered=choice.filtered)
            choice.segments[sealed.segment.name] = allowed
        return allowed


@spanned("index.rescore", ALL)
def _measure(
    space: str, query: Matrix, fetch: FetchVectors, places: Places, entries: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the true distances of entries of a segment."""
    found = places[entries]
    order = found.argsort()
    distances = np.empty(len(entries), dtype=np.float64)
    for start in range(0, len(entries), EXACT_BLOCK):
        block = order[start : start + EXACT_BLOCK]
        distances[block] = exact_distances(space, query, fetch(found[block]))
    return distances


def assemble(loose: FlatIndex, places: Places, total: int, sealed: tuple[Sealed, ...] = ()) -> Vectors:
    """Return the vectors of `total` places: the loose ones, at `places`, and those that segments hold."""
    loose_of = np.full(total, -1, dtype=np.int32)
    loose_of[places] = np.arange(len(places), dtype=np.int32)
    return Vectors(loose, GrowingArray(places), GrowingArray(loose_of), sealed)

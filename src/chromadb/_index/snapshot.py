"""What is searched: the state of a collection at one commit, by place."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chromadb._index.arrays import GrowingArray
from chromadb._index.choice import Choice
from chromadb._index.columns import Column, Mask
from chromadb._index.distance import Matrix
from chromadb._index.sealed import Hidden
from chromadb._index.segment import Segment
from chromadb._index.vectors import Vectors
from chromadb._model.where import Filter

Labels = NDArray[np.int64]
Places = NDArray[np.intp]

CHOICES_BYTES = 16 * 2**20
"""Memory for what filters allow, of one collection."""

MOST_CHOICES = 256
"""Filters of which that is kept, if they fit."""

COLUMNS_BYTES = 256 * 2**20
"""Memory for the codes of metadata columns, of one collection."""

COMPACT_FROM = 1024
"""Dead places are squeezed out once there are so many of them, and more than live ones."""


# Of all snapshots: held for a few instructions.
_keeping = threading.Lock()


def _no_labels() -> GrowingArray[np.int64]:
    return GrowingArray(np.empty(0, dtype=np.int64))


def _nothing_alive() -> GrowingArray[np.bool_]:
    return GrowingArray(np.empty(0, dtype=np.bool_))


@dataclass(frozen=True)
class Snapshot:
    """Labels, vectors and metadata columns of a collection at one commit, aligned by place. Immutable.

    A place belongs to one label for good; labels ascend with places, so places follow the order of insertion.
    Vectors and columns are there only once they were asked for.
    """

    commit_no: int = 0
    next_label: int = 1
    labels: GrowingArray[np.int64] = field(default_factory=_no_labels)
    alive: GrowingArray[np.bool_] = field(default_factory=_nothing_alive)
    vectors: Vectors | None = None
    columns: Mapping[str, Column] = field(default_factory=dict)
    choices: dict[Filter | None, Choice] = field(default_factory=dict, init=False, compare=False)
    """What filters asked of this snapshot allow, the last of them."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, about."""
        sizes = [self.labels.nbytes, self.alive.nbytes]
        sizes += [column.nbytes for column in self.columns.values()]
        sizes += [choice.nbytes for choice in list(self.choices.values())]
        return sum(sizes) + (0 if self.vectors is None else self.vectors.nbytes)

    def find(self, labels: Labels) -> Places:
        """Return the place of each label, shape (len(labels),); -1 for a label that has none."""
        known = self.labels.values
        if np.array_equal(labels, known[: len(labels)]):
            return np.arange(len(labels))
        if not len(known):
            return np.full(len(labels), -1, dtype=np.intp)
        places = np.searchsorted(known, labels)
        places[places == len(known)] = -1
        return np.where(known[places] == labels, places, -1)

    def places_of(self, labels: Labels) -> Places:
        """Return the places of labels that are alive; labels that are not are left out."""
        places = self.find(labels)
        places = places[places >= 0]
        return np.unique(self.living(places))

    def living(self, places: Places) -> Places:
        """Return those of some places that are alive."""
        return places[self.alive.values[places]] if len(self.dead) else places

    @cached_property
    def dead(self) -> Hidden:
        """The places that are not alive."""
        return Hidden(np.flatnonzero(~self.alive.values))

    def choose(self, places: Places) -> Choice:
        """Return a choice of those `places` that are alive."""
        return Choice(len(self), numbers=self.living(places))

    def choose_by(self, mask: Mask) -> Choice:
        """Return a choice of those places of `mask` that are alive."""
        return Choice(len(self), mask=mask & self.alive.values)

    def advance(
        self,
        commit_no: int,
        next_label: int,
        *,
        added: Labels,
        updated: Labels,
        moved: Labels,
        deleted: Labels,
        vectors: Sequence[Matrix] | None,
        metadatas: Sequence[Mapping[str, Any] | None] | None,
    ) -> Snapshot:
        """Return the snapshot of a later commit.

        Args:
            commit_no: of the new snapshot.
            next_label: greater than every label.
            added: new labels, ascending.
            updated: labels that are here and have other metadata, ascending.
            moved: labels that are here and have another vector, ascending.
            deleted: labels that are gone; those that never were here are ignored.
            vectors: those of `added`, then those of `moved`; None if this snapshot has no vectors.
            metadatas: of `added` and then of `updated`; None if this snapshot has no columns.
        """
        places = np.searchsorted(self.labels.values, updated)
        gone = self.places_of(deleted)
        index, columns = self.vectors, dict(self.columns)
        if index is not None and vectors is not None:
            index = index.advance(len(self), vectors[0], np.searchsorted(self.labels.values, moved), vectors[1])
        if metadatas is not None:
            for key, column in columns.items():
                values = [(metadata or {}).get(key) for metadata in metadatas]
                columns[key] = column.append(values[: len(added)]).replace(places, values[len(added) :])
        return Snapshot(
            commit_no,
            next_label,
            self.labels.append(added),
            self.alive.replace(gone, np.zeros(len(gone), dtype=np.bool_)).append(np.ones(len(added), dtype=np.bool_)),
            index,
            columns,
        )._tidied()

    def with_vectors(self, vectors: Vectors) -> Snapshot:
        """Return this snapshot with the vectors of its places."""
        return replace(self, vectors=vectors)

    def keep_choice(self, filter: Filter | None, choice: Choice) -> None:
        """Remember what a filter allows, for the next query that asks the same; the oldest is forgotten."""
        # As a bitmap, or as the numbers of few, beside a number for each cell.
        most = max(2, min(MOST_CHOICES, CHOICES_BYTES // (len(self) // 7 + 1)))
        with _keeping:
            self.choices[filter] = choice
            while len(self.choices) > most:
                del self.choices[next(iter(self.choices))]

    def places_in(self, segment: Segment, stale: Labels) -> Places:
        """Return the place of each entry of a segment; -1 for an entry that is out of date or gone.

        Args:
            segment: of a commit not later than this one.
            stale: labels that commits after that of the segment changed.
        """
        places = self.find(segment.labels)
        # One item more, to which the place -1 leads.
        valid = np.append(self.alive.values, False)[places]
        return np.where(valid & ~np.isin(segment.labels, stale), places, -1)

    def without_vectors(self) -> Snapshot:
        """Return this snapshot without vectors, which are loaded again at the next need."""
        return replace(self, vectors=None)

    def shrunk(self) -> Snapshot:
        """Return this snapshot without what filters have asked for."""
        return replace(self, columns={})

    def with_columns(self, columns: Mapping[str, Column]) -> Snapshot:
        """Return this snapshot with further columns; the oldest are forgotten where there are too many."""
        most = max(len(columns), min(64, COLUMNS_BYTES // (4 * len(self) + 1)))
        kept = list({**self.columns, **columns}.items())[-most:]
        return replace(self, columns=dict(kept))

    def _tidied(self) -> Snapshot:
        """Return this snapshot compacted, if it is worth it."""
        dead = len(self.dead)
        return self if dead < COMPACT_FROM or 2 * dead <= len(self) else self.compacted()

    def compacted(self) -> Snapshot:
        """Return this snapshot without dead places."""
        live = np.flatnonzero(self.alive.values)
        if len(live) == len(self):
            return self
        return replace(
            self,
            labels=GrowingArray(self.labels.values[live]),
            alive=GrowingArray(np.ones(len(live), dtype=np.bool_)),
            vectors=self.vectors.keep(live) if self.vectors is not None else None,
            columns={key: column.keep(live) for key, column in self.columns.items()},
        )

"""A segment as a snapshot uses it: with the place of each entry."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from chromadb._index.bits import Bitmap, bitmap_of, packed
from chromadb._index.segment import Segment

Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Sealed:
    """A segment and where its entries are in a snapshot."""

    segment: Segment
    places: Places
    """The place of each entry; -1 for an entry that is out of date or gone."""

    def entries_at(self, places: Places) -> Places:
        """Return the entries of places, ascending; places that have none are left out."""
        entries = self._entry_of.take(places, mode="clip")
        # As short numbers they are sorted in half the time.
        entries.sort()
        return entries[np.searchsorted(entries, 0) :].astype(np.intp)

    @cached_property
    def known(self) -> Bitmap:
        """The entries that have a place."""
        return packed(self.places >= 0)

    @cached_property
    def _entry_of(self) -> NDArray[np.int32]:
        """By place: its entry, -1 for none; one item more, which stands for all places behind."""
        entry_of = np.full(int(self.places.max(initial=-1)) + 2, -1, dtype=np.int32)
        held = np.flatnonzero(self.places >= 0)
        entry_of[self.places[held]] = held
        return entry_of

    @property
    def nbytes(self) -> int:
        """Bytes of memory of the segment and its places."""
        entry_of = vars(self).get("_entry_of")
        return self.segment.nbytes + self.places.nbytes + (0 if entry_of is None else int(entry_of.nbytes))


class Hidden:
    """Places that are not to be found in segments. Immutable.

    Args:
        places: in no order.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self._others: dict[str, Bitmap] = {}

    def __len__(self) -> int:
        return len(self.places)

    def leave_out(self, bitmap: Bitmap, sealed: Sealed) -> None:
        """Take the entries of a segment that are at these places out of a bitmap; they are looked up once."""
        if not len(self):
            return
        others = self._others.get(sealed.segment.name)
        if others is None:
            others = ~bitmap_of(sealed.entries_at(self.places), len(sealed.places))
            self._others[sealed.segment.name] = others
        bitmap &= others

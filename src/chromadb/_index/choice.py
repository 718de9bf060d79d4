"""Which vectors a query may return, and what follows from that for each segment."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from chromadb._index.bits import Bitmap, bitmap_of, bits_at, packed, unpacked
from chromadb._index.cells import Cells
from chromadb._index.sealed import Sealed

Mask = NDArray[np.bool_]
Places = NDArray[np.intp]


class Allowed:
    """Which entries of one segment may be returned.

    Few of many are given as numbers, others as a bitmap; each form is made of the other when it is asked for.

    Args:
        cells: of the segment.
        total: how many entries there are.
        bitmap: which of them; or
        numbers: the numbers of those, ascending.
        filtered: whether somebody chose, even if it is all.
    """

    def __init__(
        self,
        cells: Cells,
        total: int,
        *,
        bitmap: Bitmap | None = None,
        numbers: Places | None = None,
        filtered: bool = True,
    ) -> None:
        self._cells = cells
        self._total = total
        self.filtered = filtered
        given = {"bitmap": bitmap} if numbers is None else {"numbers": numbers, "count": len(numbers)}
        self.__dict__.update(given)

    def __len__(self) -> int:
        return self._total

    @property
    def all(self) -> bool:
        """Whether every entry may be returned."""
        return self.count == len(self)

    def holds(self, entries: Places) -> Mask:
        """Return which of some entries may be returned, shape (len(entries),)."""
        return bits_at(self.bitmap, entries)

    @cached_property
    def count(self) -> int:
        """How many entries may be returned."""
        return int(self.in_cell.sum())

    @cached_property
    def bitmap(self) -> Bitmap:
        """The entries, eight to a byte, the first in the lowest bit."""
        return bitmap_of(self.numbers, len(self))

    @cached_property
    def numbers(self) -> Places:
        """Their numbers, ascending."""
        return np.flatnonzero(unpacked(self.bitmap, len(self)))

    @cached_property
    def in_cell(self) -> NDArray[np.int64]:
        """How many entries may be returned of each cell."""
        numbers = vars(self).get("numbers")
        return self._cells.count_where(self.bitmap) if numbers is None else self._cells.count_among(numbers)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, what has been worked out included."""
        return _nbytes(self)


class Choice:
    """Which places of one snapshot a query may return: those that are alive and pass a filter.

    What it works out for a segment is kept, so that the next query with the same filter has it.

    Args:
        total: how many places there are.
        mask: which of them, shape (total,); or
        numbers: those places, each once, in any order.
        filtered: whether somebody chose, even if it is all.
    """

    def __init__(
        self, total: int, *, mask: Mask | None = None, numbers: Places | None = None, filtered: bool = True
    ) -> None:
        self._total = total
        self.filtered = filtered
        self.few = numbers is not None
        """Whether it was made of numbers."""
        self.segments: dict[str, Allowed] = {}
        if numbers is not None:
            self.__dict__["numbers"] = numbers
        elif mask is not None:
            self.__dict__["mask"] = mask

    def __len__(self) -> int:
        return self._total

    @cached_property
    def mask(self) -> Mask:
        """Which places, shape (total,)."""
        mask = np.zeros(len(self), dtype=np.bool_)
        mask[self.numbers] = True
        return mask

    @cached_property
    def numbers(self) -> Places:
        """The places, in no order."""
        return np.flatnonzero(self.mask)

    @property
    def places(self) -> Places:
        """The places, ascending."""
        return np.sort(self.numbers) if self.few else self.numbers

    @property
    def most(self) -> int:
        """As many places as these, or more, as far as it is known without counting."""
        return len(self.numbers) if self.few else len(self)

    def holds(self, places: Places) -> Mask:
        """Return which of some places may be returned, shape (len(places),)."""
        return self.mask[places]

    def entries(self, sealed: Sealed) -> Bitmap:
        """Return which entries of a segment may be returned; anything for those without a place."""
        return packed(self.mask[sealed.places])

    @property
    def nbytes(self) -> int:
        """Bytes of memory, what has been worked out for segments included."""
        return _nbytes(self) + sum(allowed.nbytes for allowed in list(self.segments.values()))


def _nbytes(choice: Allowed | Choice) -> int:
    return sum(int(value.nbytes) for value in list(vars(choice).values()) if isinstance(value, np.ndarray))

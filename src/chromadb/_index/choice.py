"""Which vectors a query may return, and what follows from that for each segment.

Few of many are kept as numbers, others as a mask; each form is made of the other when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from chromadb._index.cells import Cells

Mask = NDArray[np.bool_]
Places = NDArray[np.intp]


class Chosen:
    """Some of `total` things that are numbered from 0.

    Args:
        total: how many there are.
        mask: which of them, shape (total,); or
        numbers: the numbers of those, each once, in any order.
        filtered: whether somebody chose, even if it is all.
    """

    def __init__(
        self, total: int, *, mask: Mask | None = None, numbers: Places | None = None, filtered: bool = True
    ) -> None:
        self._total = total
        self.filtered = filtered
        self.few = numbers is not None
        """Whether it was made of numbers."""
        if numbers is not None:
            self.__dict__["numbers"] = numbers
            self.count = len(numbers)
        elif mask is not None:
            self.__dict__["mask"] = mask
            self.count = int(np.count_nonzero(mask))

    def __len__(self) -> int:
        return self._total

    @cached_property
    def mask(self) -> Mask:
        """Which of them, shape (total,)."""
        mask = np.zeros(self._total, dtype=np.bool_)
        mask[self.numbers] = True
        return mask

    @cached_property
    def numbers(self) -> Places:
        """Their numbers."""
        return np.flatnonzero(self.mask)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, what has been worked out included."""
        return sum(int(value.nbytes) for value in list(vars(self).values()) if isinstance(value, np.ndarray))


class Allowed(Chosen):
    """Which entries of one segment may be returned.

    Args:
        cells: of the segment.
    """

    def __init__(
        self,
        cells: Cells,
        total: int,
        *,
        mask: Mask | None = None,
        numbers: Places | None = None,
        filtered: bool = True,
    ) -> None:
        super().__init__(total, mask=mask, numbers=numbers, filtered=filtered)
        self._cells = cells

    def holds(self, entries: Places) -> Mask:
        """Return which of some entries may be returned, shape (len(entries),)."""
        return self.mask[entries]

    @property
    def all(self) -> bool:
        """Whether every entry may be returned."""
        return self.count == len(self)

    @cached_property
    def bitmap(self) -> NDArray[np.uint8]:
        """The entries, eight to a byte, the first in the lowest bit."""
        return np.packbits(self.mask, bitorder="little")

    @cached_property
    def in_cell(self) -> NDArray[np.int64]:
        """How many entries may be returned of each cell."""
        return self._cells.count_where(self.mask)


class AllowedByPlace(Allowed):
    """Allowed entries that are known by their places; all are put into the order of entries only where that is needed.

    A walk needs it of what it finds alone, and of a million it takes two milliseconds.

    Args:
        cells: of the segment.
        by_place: which places may be returned; one item more, False, to which the place -1 leads.
        places: the place of each entry.
        count: how many entries may be returned.
        find: gives these entries, where that is quicker than to ask every place.
        filtered: as in Chosen.
    """

    def __init__(
        self,
        cells: Cells,
        by_place: Mask,
        places: Places,
        count: int,
        find: Callable[[], Places] | None = None,
        filtered: bool = True,
    ) -> None:
        super().__init__(cells, len(places), filtered=filtered)
        self.count = count
        self.few = find is not None
        self._by_place, self._places, self._find = by_place, places, find

    @cached_property
    def mask(self) -> Mask:
        """Which of them, shape (total,)."""
        if self._find is None:
            return self._by_place[self._places]
        mask = np.zeros(len(self), dtype=np.bool_)
        mask[self.numbers] = True
        return mask

    @cached_property
    def numbers(self) -> Places:
        """Their numbers."""
        return np.flatnonzero(self.mask) if self._find is None else self._find()

    def holds(self, entries: Places) -> Mask:
        """Return which of some entries may be returned, shape (len(entries),)."""
        return self.mask[entries] if "mask" in vars(self) else self._by_place[self._places[entries]]

    @property
    def nbytes(self) -> int:
        """Bytes of memory, what has been worked out included; the places are the segment's."""
        return super().nbytes - self._places.nbytes


class Choice(Chosen):
    """Which places of one snapshot a query may return: those that are alive and pass a filter.

    What it works out for a segment is kept, so that the next query with the same filter has it.
    """

    def __init__(
        self, total: int, *, mask: Mask | None = None, numbers: Places | None = None, filtered: bool = True
    ) -> None:
        super().__init__(total, mask=mask, numbers=numbers, filtered=filtered)
        self.segments: dict[str, Allowed] = {}

    @property
    def places(self) -> Places:
        """The places, ascending."""
        return np.sort(self.numbers) if self.few else self.numbers

    @property
    def nbytes(self) -> int:
        """Bytes of memory, what has been worked out for segments included."""
        return super().nbytes + sum(allowed.nbytes for allowed in list(self.segments.values()))

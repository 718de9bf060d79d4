"""Arrays that grow at the end while older views of them stay as they are."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

ScalarT = TypeVar("ScalarT", bound=np.generic)


class GrowingArray(Generic[ScalarT]):
    """An immutable array of one axis whose successors share its memory.

    Appending to the newest of a line of arrays costs the new items only (amortised); appending to an older one copies.
    Only one thread may append at a time; readers need no lock, because nothing they see is written again.
    """

    __slots__ = ("_buffer", "_used", "values")

    def __init__(self, values: NDArray[ScalarT]) -> None:
        self._buffer = values
        self._used = [len(values)]
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    @property
    def nbytes(self) -> int:
        """Bytes of the memory that it shares with its successors."""
        return self._buffer.nbytes

    def append(self, items: NDArray[ScalarT]) -> GrowingArray[ScalarT]:
        """Return an array with `items` at the end."""
        old, new = len(self.values), len(self.values) + len(items)
        if not len(items):
            return self
        successor: GrowingArray[Any] = GrowingArray.__new__(GrowingArray)
        if self._used[0] == old and new <= len(self._buffer):
            successor._buffer, successor._used = self._buffer, self._used
        else:
            successor._buffer = np.empty(max(new + new // 2, 1024), dtype=self.values.dtype)
            successor._buffer[:old] = self.values
            successor._used = [old]
        successor._buffer[old:new] = items
        successor._used[0] = new
        successor.values = successor._buffer[:new]
        return successor

    def replace(self, places: NDArray[np.intp], items: NDArray[ScalarT]) -> GrowingArray[ScalarT]:
        """Return a copy with `items` at `places`."""
        if not len(places):
            return self
        values = self.values.copy()
        values[places] = items
        return GrowingArray(values)

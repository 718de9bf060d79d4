"""Buckets: how many requests each of many has left, for all processes of a server.

A bucket is one number, the time at which it will be full again (the generic cell rate algorithm, ITU-T I.371): so many
fit into a megabyte that the processes of a server map, and none of them has to wait for another. Two that read the same
bucket at the same instant may count one request instead of two; it is as if one had come a moment later.
"""

from __future__ import annotations

import mmap
import os
import struct
from hashlib import blake2b

SLOTS = 2**16
"""Buckets that are remembered: those that are not full."""

REACH = 16
"""Places where a bucket may be; with more than these in use, the fullest is forgotten."""

_SLOT = struct.Struct("<Qd")


class Buckets:
    """A table of buckets.

    Args:
        rate: requests per second that flow into each.
        burst: how many it holds.
        file: that processes share, made by the first; None for one process.
    """

    def __init__(self, rate: float, burst: int, file: str | None = None) -> None:
        self._each = 1 / rate
        self._most = (burst - 1) * self._each
        size = SLOTS * _SLOT.size
        if file is None:
            self._map = mmap.mmap(-1, size)
            return
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(descriptor, size)
            self._map = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)

    def take(self, key: str, now: float) -> float:
        """Take a request out of somebody's bucket; return 0, or the seconds until there is one.

        Args:
            key: whose.
            now: a clock that the processes share, in seconds.
        """
        number = int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little") or 1
        place = self._place(number, now)
        holder, full_at = _SLOT.unpack_from(self._map, place)
        begin = max(full_at, now) if holder == number else now
        wait = begin - now - self._most
        # As far as floats tell: a wait of less than a nanosecond is none.
        if wait > 1e-9:
            return float(wait)
        _SLOT.pack_into(self._map, place, number, begin + self._each)
        return 0.0

    def _place(self, number: int, now: float) -> int:
        """Return where somebody's bucket is, or may be put."""
        fullest, soonest = 0, float("inf")
        for step in range(REACH):
            place = (number + step) % SLOTS * _SLOT.size
            holder, full_at = _SLOT.unpack_from(self._map, place)
            if holder == number:
                return place
            if full_at < soonest:
                fullest, soonest = place, full_at
        return fullest

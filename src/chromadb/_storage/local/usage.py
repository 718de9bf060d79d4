"""What tenants store: counted anew only where files have changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from uuid import UUID

from chromadb._model.entities import TenantUsage

Stamp = tuple[tuple[str, int, int], ...]
"""Names, sizes and times of the files of a record store: they are others once it was written to."""


class Counted:
    """What is known of collections.

    Args:
        folder_of: gives the folder of a collection; None in memory.
        records: the name of the record store in it.
    """

    def __init__(self, folder_of: Callable[[UUID], Path | None], records: str) -> None:
        self._folder_of = folder_of
        self._records = records
        self._counts: dict[UUID, tuple[Stamp, int]] = {}

    def count(self, ids: Iterable[UUID], count: Callable[[UUID], int]) -> TenantUsage:
        """Add up what collections take.

        Args:
            ids: which.
            count: counts the records of one; 0 for one that was deleted meanwhile.
        """
        total = TenantUsage()
        for id in ids:
            folder = self._folder_of(id)
            total += TenantUsage(1, self._count(id, folder, count), 0 if folder is None else size_of(folder))
        return total

    def _count(self, id: UUID, folder: Path | None, count: Callable[[UUID], int]) -> int:
        if folder is None:
            return count(id)
        stamp = self._stamp(folder)
        if not stamp:
            self._counts.pop(id, None)
            return 0
        known = self._counts.get(id)
        if known is None or known[0] != stamp:
            # The stamp first: what is written meanwhile is counted again the next time.
            known = self._counts[id] = (stamp, count(id))
        return known[1]

    def _stamp(self, folder: Path) -> Stamp:
        stamp = []
        for name in (self._records, f"{self._records}-wal"):
            try:
                status = os.stat(folder / name)
            except OSError:
                continue
            stamp.append((name, status.st_size, status.st_mtime_ns))
        return tuple(stamp)


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder; what goes meanwhile counts for nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return total

"""The pages of a SQLite file, read without SQLite, which gives up on a file at the first thing that is wrong.

What is here follows sqlite.org/fileformat2.html: pages, the write-ahead log over them, the trees of tables and indexes,
and the rows in their leaves. Nothing that is read is trusted: what does not fit is `Unreadable`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

TABLE_INTERIOR, TABLE_LEAF, INDEX_INTERIOR, INDEX_LEAF = 0x05, 0x0D, 0x02, 0x0A

_INTEGER_SIZES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_FRAME = 24
"""Bytes before each page in the log."""

Row = tuple[Any, ...]


class Unreadable(Exception):
    """A page or a row does not hold what it should."""


class SqliteFile:
    """The pages of a database, with what its log has committed.

    Args:
        path: of the database; its log is looked for beside it.
        page_size: in bytes; the header, which says so too, may be damaged.

    Raises:
        OSError: it cannot be read.
    """

    def __init__(self, path: Path, page_size: int) -> None:
        self._page_size = page_size
        self._file = path.open("rb")
        self._log: dict[int, bytes] = {}
        with suppress(FileNotFoundError, IsADirectoryError):
            self._log = dict(read_log(Path(f"{path}-wal").read_bytes(), page_size))
        self.page_count = max(-(-path.stat().st_size // page_size), max(self._log, default=0))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def page(self, number: int) -> bytes:
        """Return a page, counted from 1.

        Raises:
            Unreadable: there is no such page, or it ends too early.
        """
        if number in self._log:
            return self._log[number]
        if not 1 <= number <= self.page_count:
            raise Unreadable
        try:
            self._file.seek((number - 1) * self._page_size)
            page = self._file.read(self._page_size)
        except OSError:
            # A sector that the disk cannot read.
            raise Unreadable from None
        if len(page) < self._page_size:
            raise Unreadable
        return page

    def free_pages(self) -> set[int]:
        """Return the pages that nothing uses, as far as their list can be read: they hold what was deleted."""
        free: set[int] = set()
        try:
            trunk = struct.unpack_from(">I", self.page(1), 32)[0]
            while trunk and trunk not in free:
                following, count = struct.unpack_from(">II", self.page(trunk))
                free.add(trunk)
                free.update(struct.unpack_from(f">{min(count, self._page_size // 4 - 2)}I", self.page(trunk), 8))
                trunk = following
        except Unreadable:
            pass
        return free

    def roots(self) -> dict[str, int]:
        """Return the first page of each table and index by its name, as far as the schema can be read."""
        found = {}
        with suppress(Unreadable):
            for _, row in self.rows(1):
                if len(row) >= 4 and isinstance(row[1], str) and isinstance(row[3], int):
                    found[row[1]] = row[3]
        return found

    def leaves(self, root: int, interior: int, leaf: int) -> Iterator[tuple[int, bool]]:
        """Yield the pages of a tree from its root on, and whether each can be read."""
        seen: set[int] = set()
        open_pages = [root]
        while open_pages:
            number = open_pages.pop()
            if number in seen:
                yield number, False
                continue
            seen.add(number)
            try:
                page = self.page(number)
                kind, children = page[_start(number)], []
                if kind == interior:
                    children = list(_children(page, _start(number)))
                elif kind != leaf:
                    raise Unreadable
            except (Unreadable, struct.error, IndexError):
                yield number, False
                continue
            yield number, True
            open_pages.extend(reversed(children))

    def rows(self, number: int, damaged: list[int] | None = None) -> Iterator[tuple[int, Row]]:
        """Yield label and columns of the rows in a page of a table; of what cannot be read `damaged` is told.

        Raises:
            Unreadable: it is no such page.
        """
        page = self.page(number)
        kind = page[_start(number)]
        if kind == TABLE_INTERIOR and number != 1:
            return
        if kind == TABLE_INTERIOR:
            for child in _children(page, _start(number)):
                yield from self.rows(child, damaged)
            return
        if kind != TABLE_LEAF:
            raise Unreadable
        for offset in _cells(page, _start(number)):
            try:
                size, offset = _varint(page, offset)
                label, offset = _varint(page, offset)
                yield label, _columns(self._payload(page, offset, size, self._page_size - 35))
            except (Unreadable, struct.error, IndexError, UnicodeDecodeError):
                if damaged is not None:
                    damaged.append(number)

    def entries(self, number: int) -> Iterator[Row]:
        """Yield the columns of the entries in a page of an index, as far as they can be read."""
        page = self.page(number)
        start = _start(number)
        most = (self._page_size - 12) * 64 // 255 - 23
        try:
            offsets = list(_cells(page, start))
        except Unreadable:
            return
        for offset in offsets:
            with suppress(Unreadable, struct.error, IndexError, UnicodeDecodeError):
                size, offset = _varint(page, offset + (4 if page[start] == INDEX_INTERIOR else 0))
                yield _columns(self._payload(page, offset, size, most))

    def _payload(self, page: bytes, offset: int, size: int, most: int) -> bytes:
        """Return `size` bytes from an offset on, the rest of them from further pages if they are more than `most`."""
        if size <= most:
            if offset + size > len(page):
                raise Unreadable
            return page[offset : offset + size]
        usable = self._page_size
        least = (usable - 12) * 32 // 255 - 23
        local = least + (size - least) % (usable - 4)
        local = local if local <= most else least
        parts = [page[offset : offset + local]]
        (following,) = struct.unpack_from(">I", page, offset + local)
        left = size - local
        if left > usable * self.page_count:
            raise Unreadable
        while left:
            page = self.page(following)
            (following,) = struct.unpack_from(">I", page)
            parts.append(page[4 : 4 + left])
            left -= min(left, usable - 4)
        return b"".join(parts)


def read_log(data: bytes, page_size: int) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of the pages that a write-ahead log has committed, in order."""
    if len(data) < 32:
        return
    magic, _, size, _, *salts = struct.unpack_from(">6I", data)
    if magic not in (0x377F0682, 0x377F0683) or size != page_size:
        return
    order = ">" if magic & 1 else "<"
    sums = _log_sums(data[:24], order, (0, 0))
    if sums != struct.unpack_from(">2I", data, 24):
        return
    waiting: list[tuple[int, bytes]] = []
    for offset in range(32, len(data) - _FRAME - page_size + 1, _FRAME + page_size):
        number, committed, *found = struct.unpack_from(">6I", data, offset)
        page = data[offset + _FRAME : offset + _FRAME + page_size]
        sums = _log_sums(page, order, _log_sums(data[offset : offset + 8], order, sums))
        if found[:2] != salts or tuple(found[2:]) != sums:
            return
        waiting.append((number, page))
        if committed:
            yield from waiting
            waiting = []


def _log_sums(data: bytes, order: str, sums: tuple[int, int]) -> tuple[int, int]:
    first, second = sums
    numbers = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(numbers[::2], numbers[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second


def _start(number: int) -> int:
    """Return where a page begins: the first has the header of the file before it."""
    return 100 if number == 1 else 0


def _cells(page: bytes, start: int) -> Iterator[int]:
    """Yield where the cells of a page begin."""
    head = 12 if page[start] in (TABLE_INTERIOR, INDEX_INTERIOR) else 8
    (count,) = struct.unpack_from(">H", page, start + 3)
    if start + head + 2 * count > len(page):
        raise Unreadable
    yield from struct.unpack_from(f">{count}H", page, start + head)


def _children(page: bytes, start: int) -> Iterator[int]:
    for offset in _cells(page, start):
        yield struct.unpack_from(">I", page, offset)[0]
    yield struct.unpack_from(">I", page, start + 8)[0]


def _varint(data: bytes, offset: int) -> tuple[int, int]:
    """Return a number of variable length, and where it ends."""
    value = 0
    for place in range(8):
        byte = data[offset + place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, offset + place + 1
    value = value << 8 | data[offset + 8]
    return (value - 2**64 if value >= 2**63 else value), offset + 9


def _columns(payload: bytes) -> Row:
    """Return the columns of a row; texts that are not UTF-8 as they are, in bytes."""
    end, offset = _varint(payload, 0)
    if end > len(payload):
        raise Unreadable
    kinds = []
    while offset < end:
        kind, offset = _varint(payload, offset)
        kinds.append(kind)
    row: list[Any] = []
    for kind in kinds:
        size = (kind - 12) // 2 if kind >= 12 else _INTEGER_SIZES.get(kind, 8 if kind == 7 else 0)
        if kind in (10, 11) or kind < 0 or offset + size > len(payload):
            raise Unreadable
        data = payload[offset : offset + size]
        offset += size
        if kind >= 12:
            row.append(_text(data) if kind % 2 else data)
        elif kind == 7:
            row.append(struct.unpack(">d", data)[0])
        else:
            row.append(None if kind == 0 else kind - 8 if kind >= 8 else int.from_bytes(data, "big", signed=True))
    if offset != len(payload):
        raise Unreadable
    return tuple(row)


def _text(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data

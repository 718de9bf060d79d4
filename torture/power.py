"""A loss of power: from a trace of what a process did to its files, what a disk may hold at any moment of it.

What was synced is there: the bytes of a file by a sync of the file, the names in a directory by a sync of the
directory. Of everything else any part may be there. Three disks are made for a moment:

- "strict": nothing but what was synced;
- "names": every name, as on a file system that keeps a journal of names alone, but only the bytes that were synced;
- "random": the names up to some moment after the last sync, and any of the writes, the last one cut at a sector.

Shared memory (``-shm``) is not on a disk; what stood there is gone.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

CREATE, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, MKDIR, RMDIR, MARK, WHOLE = range(1, 11)
VARIANTS = ("strict", "names", "random")
SECTOR = 512

_HEAD = struct.Struct("<BIqI")


@dataclass(frozen=True)
class Event:
    """One call: what it did, where, and with what."""

    op: int
    path: str
    offset: int
    data: bytes


@dataclass
class File:
    """A file: what is on the disk for sure, and the writes since."""

    synced: bytearray = field(default_factory=bytearray)
    pending: list[Event] = field(default_factory=list)

    def sync(self) -> None:
        """Put everything on the disk."""
        for event in self.pending:
            _write(self.synced, event)
        self.pending = []

    def after_loss(self, rng: random.Random | None) -> bytes:
        """Return what is left; without `rng` what was synced."""
        content = bytearray(self.synced)
        for place, event in enumerate(self.pending if rng else []):
            assert rng is not None
            if rng.random() < 0.5:
                continue
            if event.op == WRITE and place == len(self.pending) - 1:
                cut = rng.randrange(0, len(event.data) + SECTOR, SECTOR)
                event = Event(WRITE, event.path, event.offset, event.data[:cut])
            _write(content, event)
        return bytes(content)


@dataclass
class Folder:
    """A directory: its names, and the changes of them since it was last synced."""

    synced: dict[str, File | Folder] = field(default_factory=dict)
    names: dict[str, File | Folder] = field(default_factory=dict)
    pending: list[tuple[str, File | Folder | None]] = field(default_factory=list)

    def put(self, name: str, node: File | Folder | None) -> None:
        """Give something a name, or take the name away."""
        self.pending.append((name, node))
        _put(self.names, name, node)

    def sync(self) -> None:
        """Put the names on the disk."""
        self.synced, self.pending = dict(self.names), []

    def after_loss(self, variant: str, rng: random.Random) -> dict[str, File | Folder]:
        """Return the names that are left."""
        if variant == "names":
            return self.names
        names = dict(self.synced)
        if variant == "random":
            for name, node in self.pending[: rng.randint(0, len(self.pending))]:
                _put(names, name, node)
        return names


class Disk:
    """What a disk holds, and what it may hold after a loss of power.

    Args:
        root: the directory that the trace is of; it is there.
    """

    def __init__(self, root: str) -> None:
        self._root = PurePosixPath(root)
        self._top = Folder()

    def play(self, event: Event) -> None:
        """Do what a call did."""
        if event.op == MARK:
            return
        path = PurePosixPath(event.path)
        if path == self._root:
            if event.op == SYNC:
                self._top.sync()
            return
        folder = self._folder(path.parent)
        node = folder.names.get(path.name)
        if event.op == CREATE:
            folder.put(path.name, File())
        elif event.op == MKDIR:
            folder.put(path.name, Folder())
        elif event.op in (UNLINK, RMDIR):
            folder.put(path.name, None)
        elif event.op == RENAME:
            target = PurePosixPath(event.data.decode())
            self._folder(target.parent).put(target.name, node)
            folder.put(path.name, None)
        elif event.op == SYNC:
            if node is not None:
                node.sync()
        else:
            if not isinstance(node, File):
                # Made by a call that is not seen, inside of the C library.
                node = File()
                folder.put(path.name, node)
            node.pending.append(event)

    def lose_power(self, target: Path, variant: str, rng: random.Random) -> None:
        """Make a directory of what is left."""
        self._lay_out(self._top, target, variant, rng)

    def _lay_out(self, folder: Folder, target: Path, variant: str, rng: random.Random) -> None:
        target.mkdir(parents=True)
        for name, node in folder.after_loss(variant, rng).items():
            if isinstance(node, Folder):
                self._lay_out(node, target / name, variant, rng)
            elif not name.endswith("-shm"):
                (target / name).write_bytes(node.after_loss(rng if variant == "random" else None))

    def _folder(self, path: PurePosixPath) -> Folder:
        folder = self._top
        for name in path.relative_to(self._root).parts:
            step = folder.names[name]
            assert isinstance(step, Folder)
            folder = step
        return folder


def events(trace: bytes) -> Iterator[Event]:
    """Yield what a trace holds."""
    place = 0
    while place < len(trace):
        op, path, offset, length = _HEAD.unpack_from(trace, place)
        place += _HEAD.size
        name = trace[place : place + path].decode()
        yield Event(op, name, offset, trace[place + path : place + path + length])
        place += path + length


def _write(content: bytearray, event: Event) -> None:
    if event.op == WHOLE:
        content[:] = event.data
    elif event.op == TRUNCATE:
        content[:] = content[: event.offset].ljust(event.offset, b"\0")
    else:
        content.extend(bytes(max(0, event.offset - len(content))))
        content[event.offset : event.offset + len(event.data)] = event.data


def _put(names: dict[str, File | Folder], name: str, node: File | Folder | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node

"""Taking turns: of the processes that have a collection open, one at a time builds its index."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_held: set[int] = set()
"""Descriptors through which this process has its turns."""


@contextmanager
def turn(folder: Path | None) -> Iterator[bool]:
    """Give whether it is this process's turn to build what belongs to a folder; nothing waits.

    It is a lock on the folder itself, which ends with the process. Where there is none to be had (in memory, on
    Windows, on some network file systems) it is always this process's turn: that costs work, not correctness.
    """
    try:
        import fcntl

        if folder is None:
            raise OSError
        descriptor = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield True
        return
    _held.add(descriptor)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError:
            yield True
            return
        yield True
    finally:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        _held.discard(descriptor)
        os.close(descriptor)


def _let_go() -> None:
    """Let a forked child have no part in the turns of its parent, which would not end before the child does."""
    while _held:
        with suppress(OSError):
            os.close(_held.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)

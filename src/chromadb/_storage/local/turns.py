"""Taking turns: of the processes that have a collection open, one at a time builds its index."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError:
            yield True
            return
        try:
            yield True
        finally:
            # Not by closing alone: a forked child may have the descriptor too.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)

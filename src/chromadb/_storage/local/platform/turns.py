"""Taking turns: of the processes that have a collection open, one at a time builds its index or vacuums it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BEGINNING, ABANDONED = 10.0, 24 * 3600.0
"""Seconds in which a process has its turn on a folder that it made; and after which the folder is taken for that of one
that ended, where nobody can be asked."""

_held: set[int] = set()
"""Descriptors through which this process has its turns."""


@contextmanager
def turn(folder: Path | None, wait: float = 0.0) -> Iterator[bool]:
    """Give whether it is this process's turn to build what belongs to a folder, if need be after `wait` seconds.

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
        yield _take(descriptor, wait)
    finally:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        _held.discard(descriptor)
        os.close(descriptor)


def is_abandoned(folder: Path) -> bool:
    """Return whether a folder is nobody's turn any more, which a process made and had its turn on from then on.

    Where there are no locks, that is assumed after a day.
    """
    try:
        age = time.time() - folder.stat().st_mtime
    except OSError:
        # Finished, and renamed, a moment ago.
        return False
    if age < BEGINNING:
        return False
    try:
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        return age > ABANDONED
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return age > ABANDONED
    else:
        return True
    finally:
        os.close(descriptor)


def is_left_over(entry: os.DirEntry[str]) -> bool:
    """Return whether what is named .<process>-... is unfinished and will stay so.

    Where the process cannot be asked for, that is assumed after a day.
    """
    process = entry.name[1:].partition("-")[0]
    if os.name == "posix" and process.isdigit():
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return True
        except OSError:
            pass
    try:
        return time.time() - entry.stat().st_mtime > ABANDONED
    except FileNotFoundError:
        # Finished, and renamed, a moment ago.
        return False


def _take(descriptor: int, wait: float) -> bool:
    import fcntl

    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(min(0.02, wait))
        except OSError:
            return True
        else:
            return True


def _let_go() -> None:
    """Let a forked child have no part in the turns of its parent, which would not end before the child does."""
    while _held:
        with suppress(OSError):
            os.close(_held.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)

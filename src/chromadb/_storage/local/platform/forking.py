"""Surviving ``os.fork``.

A forked child must not inherit open SQLite files: SQLite keeps a table of locks per process and file, and the child
would believe in locks that it does not hold (sqlite.org/howtocorrupt.html, 2.6). So the files are closed for the
moment of the fork, and opened again by whoever needs them, parent and child alike. Besides, a lock that another thread
holds at that moment stays locked in the child for ever, so the child begins with new ones.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from weakref import WeakSet

logger = logging.getLogger("chromadb.storage")

PATIENCE = 5.0
"""Seconds that a fork waits for the operations of other threads to end."""


class ForkAware:
    """Something that is told before and after this process forks, from its making until it is collected."""

    def __init__(self) -> None:
        with _lock:
            _aware.add(self)

    def before_fork(self, deadline: float) -> None:
        """Get ready, at the latest at `deadline` of the monotonic clock."""

    def after_fork(self, *, child: bool) -> None:
        """Go on; in the child no other thread exists."""


def living() -> list[ForkAware]:
    """Return everything that this process has made and not let go of."""
    with _lock:
        return list(_aware)


_aware: WeakSet[ForkAware] = WeakSet()

# Guards `_aware`, and is held through a fork, so that nothing new comes between `before_fork` and `after_fork`.
_lock = threading.Lock()


def _before() -> None:
    _lock.acquire()
    deadline = time.monotonic() + PATIENCE
    for each in list(_aware):
        try:
            each.before_fork(deadline)
        except Exception:
            logger.exception("a fork goes on although %r was not ready", each)


def _after(child: bool) -> None:
    global _lock
    for each in list(_aware):
        try:
            each.after_fork(child=child)
        except Exception:
            logger.exception("%r does not go on after a fork", each)
    if child:
        _lock = threading.Lock()
    else:
        _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before, after_in_parent=lambda: _after(child=False), after_in_child=lambda: _after(child=True)
    )

"""The background builder: one thread that seals what collections have written.

It waits until a collection has been quiet for a moment, and serves collections in the order in which they became due.
Nothing waits for it but ``stop``. What it has not finished when the process ends is begun anew by the next one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol
from weakref import WeakKeyDictionary

from chromadb._storage.local.platform.forking import ForkAware
from chromadb._storage.local.platform.memory import give_back_memory
from chromadb.errors import ChromaError

logger = logging.getLogger("chromadb.storage")

QUIET = 0.5
"""Seconds without a write after which a collection is built: a bulk load is sealed once, not piece by piece."""

PATROL = 20.0
"""Seconds between two looks at what other processes have deleted."""

PATIENCE = 30.0
"""Seconds after which a collection that is never quiet is built all the same."""


class Buildable(Protocol):
    """A collection, as the builder sees it."""

    def build(self, stop: threading.Event) -> bool:
        """Seal what is due; return whether there is more to do. Ends soon after `stop` is set."""
        ...


class Builder(ForkAware):
    """Builds the indexes of collections, in a thread that starts when it is first needed."""

    def __init__(self) -> None:
        super().__init__()
        self._begin()

    def _begin(self) -> None:
        self._stop = threading.Event()
        self._wake = threading.Condition()
        # When each collection is to be built: after a quiet moment, and at the latest.
        self._due: WeakKeyDictionary[Buildable, tuple[float, float]] = WeakKeyDictionary()
        self._thread: threading.Thread | None = None
        self._look: Callable[[], None] | None = None
        self._looked = time.monotonic()

    @property
    def due(self) -> int:
        """How many collections wait."""
        return len(self._due)

    def schedule(self, collection: Buildable, put_off: bool = True) -> None:
        """Build a collection soon; every further call puts it off, for a while, unless it says not to."""
        now = time.monotonic()
        with self._wake:
            if self._stop.is_set() or (not put_off and collection in self._due):
                return
            latest = self._due.get(collection, (0.0, now + PATIENCE))[1]
            self._due[collection] = (now + QUIET, latest)
            self._start()
            self._wake.notify()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="chromadb-builder", daemon=True)
            self._thread.start()

    def patrol(self, look: Callable[[], None]) -> None:
        """Call `look` every now and then, in the thread of the builder; a later call replaces it."""
        with self._wake:
            if not self._stop.is_set():
                self._look = look
                self._start()
                self._wake.notify()

    def stop(self) -> None:
        """End the thread, within about a tenth of a second. Nothing is built any more."""
        self._stop.set()
        with self._wake:
            self._wake.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def after_fork(self, *, child: bool) -> None:
        """Begin anew in a child, where the thread does not exist."""
        if child and not self._stop.is_set():
            self._begin()

    def _run(self) -> None:
        while not self._stop.is_set():
            collection = self._next()
            if collection is None:
                self._patrol()
                continue
            try:
                if collection.build(self._stop):
                    self.schedule(collection)
            except ChromaError as error:
                # Closed, deleted, or a full disk: searches do without, and the next write asks again.
                logger.info("the index was not built: %s", error)
            except Exception:
                logger.exception("the index was not built")
            del collection
            give_back_memory()

    def _next(self) -> Buildable | None:
        """Wait for a collection that is due; None when it is time to stop, or to look at what others did."""
        with self._wake:
            while not self._stop.is_set():
                now = time.monotonic()
                times = [(min(quiet, latest), collection) for collection, (quiet, latest) in self._due.items()]
                if times:
                    soonest, collection = min(times, key=lambda item: item[0])
                    if soonest <= now:
                        del self._due[collection]
                        return collection
                    del collection
                else:
                    soonest = now + PATROL
                times = []
                if self._look is None:
                    self._wake.wait(soonest - now)
                elif now < self._looked + PATROL:
                    self._wake.wait(min(soonest, self._looked + PATROL) - now)
                else:
                    return None
        return None

    def _patrol(self) -> None:
        self._looked = time.monotonic()
        look = self._look
        if look is not None and not self._stop.is_set():
            try:
                look()
            except Exception:
                logger.exception("what other processes deleted was not looked at")

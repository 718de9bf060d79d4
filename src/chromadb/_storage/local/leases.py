"""Which collections are open, and for whom: they are leased, and idle ones are closed for files and memory.

A collection that is in use is never closed: it is leased, and the last one to give it back closes it if it was deleted,
or the backend closed, meanwhile. Only idle ones are closed to make room, the least recently used first.

Locks: `_lock` guards the table, and is held for opening a collection at most.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

from chromadb._storage.local.collection import LocalCollection
from chromadb._storage.local.platform.forking import ForkAware
from chromadb._storage.local.platform.memory import give_back_memory

logger = logging.getLogger("chromadb.storage")

GROWN = 1.1
"""A collection that takes by so much more memory than before has loaded something."""

HANDLES = 16
"""Of the files that a process may have open, one open collection is allowed for so many: it holds up to six itself."""


class Lease:
    """A collection that is open, and how many operations use it at the moment."""

    def __init__(self, store: LocalCollection) -> None:
        self.store = store
        self.users = 0
        self.closing = False
        self.deleted = False
        self.nbytes = 0
        """Bytes of memory when it was last used."""
        self.pages = 0
        """How many of them are pages that its connections keep."""

    @property
    def idle(self) -> bool:
        """Whether nobody uses it, the builder included."""
        return not self.users and not self.store.building


class OpenCollections(ForkAware):
    """The table of open collections.

    Args:
        most: how many are kept open; None for collections in memory, which would be lost.
        memory_limit: bytes of memory that they may take, mapped files not counted; 0: no limit. One collection alone
            may take more; then it is the only one.
    """

    def __init__(self, most: int | None, memory_limit: int) -> None:
        super().__init__()
        self.leases: OrderedDict[UUID, Lease] = OrderedDict()
        """The one used least recently first."""
        self.memory_limit = memory_limit if most is not None else 0
        self._most = sys.maxsize if most is None else most
        self._sizes: dict[UUID, int] = {}
        self._told_of_excess = False
        self._lock = threading.Lock()

    def take(self, id: UUID, open_collection: Callable[[], LocalCollection]) -> tuple[Lease, bool]:
        """Lease a collection, opened if it is not; return the lease, and whether it was opened."""
        with self._lock:
            lease = self.leases.get(id)
            new = lease is None
            if lease is None:
                lease = self.leases[id] = Lease(open_collection())
            self.leases.move_to_end(id)
            lease.users += 1
        if new:
            self._make_room(self._sizes.get(id, 0))
        return lease, new

    def give_back(self, id: UUID, lease: Lease) -> bool:
        """End a lease; return whether the collection was deleted meanwhile, so that its files have to go now."""
        with self._lock:
            lease.users -= 1
            last = lease.closing and not lease.users
        if last:
            lease.store.close()
            return lease.deleted
        if self.memory_limit:
            self._keep_within_memory(id, lease)
        return False

    def ids(self) -> list[UUID]:
        """Return which collections are open."""
        with self._lock:
            return list(self.leases)

    def retire(self, id: UUID) -> bool:
        """Close a deleted collection; return False if it is in use: then the last user is told when giving it back."""
        with self._lock:
            self._sizes.pop(id, None)
            lease = self.leases.pop(id, None)
            if lease is not None:
                lease.closing = lease.deleted = True
                if lease.users:
                    return False
        if lease is not None:
            lease.store.close()
        return True

    def drop(self, id: UUID, lease: Lease) -> None:
        """Forget what is open of a collection; its last user closes it, and the next one opens it anew."""
        with self._lock:
            if self.leases.get(id) is lease:
                del self.leases[id]
            lease.closing = True

    def close_idle(self, id: UUID) -> None:
        """Close a collection if nobody uses it at the moment."""
        with self._lock:
            lease = self.leases.get(id)
            if lease is None or lease.users:
                return
            del self.leases[id]
        lease.store.close()

    def stores(self) -> list[LocalCollection]:
        """Return the collections that are open."""
        with self._lock:
            return [lease.store for lease in self.leases.values()]

    def close(self) -> None:
        """Close every collection; what runs in those in use goes on to its end."""
        with self._lock:
            leases, self.leases = self.leases, OrderedDict()
            for lease in leases.values():
                lease.closing = True
        for lease in leases.values():
            lease.store.close()

    def after_fork(self, *, child: bool) -> None:
        """Begin with a new lock in a child, where nobody uses anything."""
        if child:
            self._lock = threading.Lock()
            for lease in self.leases.values():
                lease.users = 0

    # --- room -------------------------------------------------------------------------------------

    def _keep_within_memory(self, id: UUID, lease: Lease) -> None:
        former = lease.nbytes
        self._measure(id, lease)
        if lease.nbytes > GROWN * former:
            # What was needed to load it is free again.
            give_back_memory()
        if self._make_room() > 0 and lease.idle:
            lease.store.shrink()
            give_back_memory()
            self._measure(id, lease)
            self._tell_of_excess(lease)

    def _measure(self, id: UUID, lease: Lease) -> None:
        """Note how much memory a collection takes."""
        nbytes, pages = lease.store.nbytes, lease.store.database.nbytes
        with self._lock:
            # Unless it was retired meanwhile.
            if self.leases.get(id) is lease:
                lease.nbytes, lease.pages = nbytes, pages
                self._sizes[id] = nbytes

    def _make_room(self, further: int = 0) -> int:
        """Take files and memory from idle collections, least recently used first, until the others keep to the limits.

        Of memory the pages that connections keep go first, for the system has them too; then whole collections.

        Args:
            further: bytes of memory that are about to be used.

        Returns:
            Bytes by which the limit of memory is still exceeded, by what is in use.
        """
        released: list[Lease] = []
        evicted: list[Lease] = []
        with self._lock:
            idle = [(id, each) for id, each in self.leases.items() if each.idle]
            handles = len(self.leases) - self._most
            memory = further + sum(each.nbytes for each in self.leases.values())
            memory -= self.memory_limit or sys.maxsize
            for _, each in idle:
                if memory > 0 and each.pages:
                    released.append(each)
                    memory -= each.pages
                    each.nbytes, each.pages = each.nbytes - each.pages, 0
            for id, each in idle:
                # The last one stays, for it was used just now; if it is too large even so, it is made smaller.
                if handles > 0 or (memory > 0 and len(self.leases) > 1):
                    evicted.append(self.leases.pop(id))
                    handles, memory = handles - 1, memory - each.nbytes
        for each in released:
            each.store.database.release()
        for each in evicted:
            each.store.close()
        if self.memory_limit and (released or evicted):
            give_back_memory()
        return memory

    def _tell_of_excess(self, lease: Lease) -> None:
        if lease.nbytes > self.memory_limit and not self._told_of_excess:
            self._told_of_excess = True
            logger.warning(
                "%s alone takes %d bytes of memory, but chroma_memory_limit_bytes is %d. It is searched all the same, "
                "and no other collection is kept open beside it.",
                lease.store.database.name,
                lease.nbytes,
                self.memory_limit,
            )


def allowed() -> int:
    """Return how many collections may be open, given how many files this process may have open."""
    try:
        import resource
    except ImportError:
        return 8192 // HANDLES
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (2**20 if soft == resource.RLIM_INFINITY else soft) // HANDLES

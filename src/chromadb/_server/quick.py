"""Quick reads: which operations are done in the event loop itself, rather than in a thread.

To hand a query of half a millisecond to a thread costs as much again: SQLite lets go of the interpreter at every row,
and the two threads take it from each other. Two workers on two cores answered 1,900 to 2,500 queries/s in place, 1,100
to 1,300 by threads, with 8 clients, in turns.

So that nothing holds up the loop, a read is quick only if it is small by itself (no filter, few vectors, few results),
the last one of its kind on this collection was quick, and this process has not written to the collection since, nor
writes anywhere. Whatever has to be opened or loaded first is left to a thread: a collection that was closed to make
room, a graph that another worker has built, whose files are read to their end before they serve. What other workers
write is not known: a read that has become slow by that holds up the loop once, and is handed to a thread the next time.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from uuid import UUID

from chromadb._model import operations as op
from chromadb._model.operations import Operation

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

QUICK = 0.003
"""Seconds of work that a quick read takes at most."""

SLOW = 0.030
"""Seconds after which a read that was done in place is handed to a thread the next time."""

FEW = 100
"""Results that a quick read may have."""

COLLECTIONS, KINDS = 1_000, 100
"""Collections of which something is remembered, and kinds of reads of each: those found to be quick last."""


class QuickReads:
    """What is known of the reads that were done.

    Args:
        ready: tells whether a read has nothing to open or load first.
    """

    def __init__(self, ready: Callable[[Any], bool]) -> None:
        self._ready = ready
        self._quick: OrderedDict[UUID, OrderedDict[Hashable, None]] = OrderedDict()

    def allows(self, operation: Operation[Any]) -> bool:
        """Return whether an operation may be done in place."""
        kind = _kind(operation)
        return kind is not None and kind in self._quick.get(_collection(operation), ()) and self._ready(operation)

    def note(self, operation: Operation[Any], seconds: float, *, most: float = QUICK) -> None:
        """Remember how long an operation took."""
        kind = _kind(operation)
        if kind is None:
            return
        collection = _collection(operation)
        if seconds > most:
            self._quick.get(collection, OrderedDict()).pop(kind, None)
            return
        _keep(self._quick.setdefault(collection, OrderedDict()), kind, None, KINDS)
        _keep(self._quick, collection, self._quick[collection], COLLECTIONS)

    def forget(self, collection: UUID) -> None:
        """Know nothing of a collection any more, which was written to."""
        self._quick.pop(collection, None)


def _keep(kept: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    """Put a value last, and let go of the first where there are too many."""
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)


def clock() -> float:
    """Return the seconds that this thread was at work."""
    return time.thread_time()


def _collection(operation: Operation[Any]) -> UUID:
    return operation.address.collection  # type: ignore[attr-defined, no-any-return]


def _kind(operation: Operation[Any]) -> Hashable:
    """Return what reads that cost about the same have in common; None for one that may cost anything."""
    if isinstance(operation, op.Count):
        return (op.Count,)
    if not isinstance(operation, (op.Query, op.Get)) or operation.selection.filter is not None:
        return None
    ids = operation.selection.ids
    if ids is not None and len(ids) > FEW:
        return None
    kind = type(operation), operation.include, ids is None
    if isinstance(operation, op.Get):
        small = ids is not None or (operation.limit is not None and operation.limit <= FEW)
        return (*kind, operation.offset.bit_length()) if small else None
    small = len(operation.vectors) <= 2 and operation.n_results <= FEW and not operation.exact
    return (*kind, len(operation.vectors), operation.n_results, operation.ef_search) if small else None

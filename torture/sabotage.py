"""A store that is broken on purpose, to see that the torture notices."""

from __future__ import annotations

import os
import random
import signal
from typing import Any

from chromadb._storage.local import collection
from chromadb._storage.local.tables import records

OFTEN = 0.25
"""Of the calls so many are answered as if nothing were wrong."""


def break_store(how: str) -> None:
    """Break the store of this process and of those that it forks.

    Args:
        how: "lose": writes are acknowledged and not made; "halve": half of a write is made; "stale": reads give what
            they gave before; "crash": the process ends by itself.
    """
    write, get = records.write, collection.LocalCollection.get

    def broken_write(sql: Any, mode: Any, batch: Any) -> Any:
        if random.random() < OFTEN:
            if how == "lose":
                return []
            if how == "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
        return write(sql, mode, batch)

    def halved_write(store: Any, mode: Any, batch: Any) -> Any:
        if mode == "upsert" and len(batch) > 1 and random.random() < OFTEN:
            batch = batch.part(0, len(batch) // 2)
        return write_whole(store, mode, batch)

    former: dict[str, Any] = {}

    def stale_get(store: Any, selection: Any, *arguments: Any) -> Any:
        key = repr((store.database.path, selection, arguments))
        if random.random() < 0.5 and key in former:
            return former[key]
        former[key] = get(store, selection, *arguments)
        return former[key]

    if how in ("lose", "crash"):
        records.write = broken_write  # type: ignore[assignment]
    elif how == "halve":
        write_whole = collection.LocalCollection.write
        collection.LocalCollection.write = halved_write  # type: ignore[method-assign]
    elif how == "stale":
        collection.LocalCollection.get = stale_get  # type: ignore[method-assign]

"""One process's day: a fixed sequence of calls, with every kind of write and everything that is derived."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from chromadb._storage.local.derived import builder, columns, sealing
from chromadb._storage.local.derived.text import documents
from chromadb.errors import StorageError
from torture import calls
from torture.ledger import Ledger
from torture.place import Place

WORKER = "w"

IDS = [f"{WORKER}-{number}" for number in range(40)]

DAY: list[list[Any]] = [
    ["create", "shared-0"],
    ["upsert", "shared-0", IDS],
    ["build"],
    ["update", "shared-0", IDS[:12]],
    ["create", f"own-{WORKER}-0"],
    ["add", f"own-{WORKER}-0", IDS[:8]],
    ["fork", f"own-{WORKER}-0", f"own-{WORKER}-1"],
    ["delete_where", "shared-0", 2],
    ["rename", f"own-{WORKER}-1", f"own-{WORKER}-2"],
    ["upsert", "shared-0", IDS[8:30]],
    ["delete", "shared-0", IDS[5:9]],
    ["build"],
    ["drop", f"own-{WORKER}-0"],
    ["add", "shared-0", IDS[2:20]],
    ["vacuum"],
    ["upsert", "shared-0", [*IDS[:3], calls.beacon(WORKER)]],
]
"""Calls without their numbers; what is no call of a worker changes no record."""

WRITES: list[list[Any]] = [
    ["create", "shared-0"],
    ["upsert", "shared-0", IDS[:12]],
    ["update", "shared-0", IDS[:4]],
    ["delete", "shared-0", IDS[2:6]],
]
"""A day so short that each of its steps can be struck in a minute."""


def live(
    place: Place,
    tell: Callable[[Sequence[Any]], None],
    *,
    day: Sequence[Sequence[Any]] = DAY,
    faulty: Callable[[], object] | None = None,
    dies: bool = False,
) -> None:
    """Make the calls of the day.

    Args:
        place: where.
        tell: hears of every call before and after: lines of a ledger.
        day: its calls.
        faulty: ends the faults that are the cause of an error; None: there are none.
        dies: whether it is killed as soon as it has seen what became of a call that failed.

    Raises:
        Loss: after a fault something is there by half.
    """
    sealing.SEAL_FROM = columns.SEAL_FROM = documents.INDEX_FROM = 20
    # Built where the day says it, so that every day has the same steps.
    builder.QUIET = builder.PATIENCE = 1000.0
    ledger = Ledger()

    def note(*line: Any) -> None:
        tell(line)
        ledger.read([line])

    def succeeds(kind: str, *arguments: Any) -> bool:
        serial = ledger.serial + 1
        call = [kind, *arguments, *([serial] if kind in ("add", "update", "upsert") else [])]
        note("begin", serial, time.monotonic(), call)
        try:
            calls.perform(client, WORKER, call)
        except StorageError as error:
            if faulty is None:
                raise
            faulty()
            note("failed", serial, time.monotonic(), repr(error), True)
            before = ledger.state
            for line in ledger.settle(calls.observe(client, WORKER)):
                note(*line)
            if dies:
                os.kill(os.getpid(), signal.SIGKILL)
            return ledger.state != before
        note("done", serial, time.monotonic())
        return True

    client = _bravely(place.open, faulty)
    for kind, *arguments in day:
        if kind in ("build", "vacuum"):
            _bravely(client.vacuum if kind == "vacuum" else lambda: _build(client), faulty)
        elif not succeeds(kind, *arguments) and not succeeds(kind, *arguments):
            raise RuntimeError(f"{kind} fails although there is no fault any more")
    client.close()


def _bravely(act: Callable[[], Any], faulty: Callable[[], object] | None) -> Any:
    try:
        return act()
    except StorageError:
        if faulty is None:
            raise
        faulty()
        return act()


def _build(client: Any) -> None:
    backend = client._system.runner.backend
    for info in backend.list_collections(client.tenant, client.database, None, 0):
        with backend.open(info.address) as store:
            store.build(threading.Event())

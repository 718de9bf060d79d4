"""What a worker does until it is killed, and what a watcher sees of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from chromadb.errors import ChromaError, NotFoundError, StorageError
from torture import calls
from torture.faults import ERRORS, FAIL, Faults
from torture.journal import Journal
from torture.ledger import Loss
from torture.place import Place
from torture.small import build_early

LATE = 5.0
"""Seconds in which a server may yet do what a client that died has asked for."""


def work(
    place: Place,
    worker: str,
    connect: Callable[[], Any],
    *,
    remote: bool = False,
    faults: Faults | None = None,
    most: int | None = None,
) -> None:
    """Write and look until killed, or for `most` calls.

    Args:
        place: for the journal.
        worker: the name.
        connect: returns a client.
        remote: whether a server is in between, which may be gone at times.
        faults: strikes now and then, and errors of the storage are expected then.
        most: how many calls.

    Raises:
        Loss: something that was acknowledged is not there, or something is there by half.
    """
    build_early()
    rng = random.Random()
    journal = Journal(place.journal(worker))
    ledger = place.ledger(worker)
    client = _until_there(connect, remote)
    if faults is not None:
        faults.watch(place.data)
    begun = 0
    while True:
        if ledger.open is not None or begun == 0:
            _settle(client, worker, journal, ledger, remote)
        if most is not None and begun == most:
            client.close()
            return
        if rng.random() < 0.005 and not remote:
            _look_after(client, rng)
        if rng.random() < 0.4:
            _tolerant(lambda: calls.look(client, rng, worker, ledger.state), remote)
            _tolerant(lambda: _look_at_others(client, rng), remote)
        serial = ledger.serial + 1
        begun += 1
        call = calls.choose(rng, worker, ledger.state, serial)
        line: list[Any] = ["begin", serial, time.monotonic(), call]
        journal.write(*line)
        ledger.read([line])
        struck = faults is not None and rng.random() < 0.1
        if faults is not None and struck:
            faults.arm(rng.randrange(40), FAIL, rng.choice([*ERRORS.values()]), rng.choice([1, 1, 3, 100]))
        try:
            calls.perform(client, worker, call)
            line = ["done", serial, time.monotonic()]
        except ChromaError as error:
            if not remote and not (struck and isinstance(error, StorageError)):
                raise
            # What a server was at when the connection broke may come yet.
            final = isinstance(error, StorageError)
            line = ["failed", serial, time.monotonic(), f"{type(error).__name__}: {error}"[:300], final]
        finally:
            if faults is not None:
                faults.disarm()
        journal.write(*line)
        ledger.read([line])


def watch(place: Place, name: str, workers: Sequence[str], connect: Callable[[], Any], remote: bool) -> None:
    """Note when the beacons of the workers are first seen to have gone on.

    Lines of the notes: the number of the worker's call, the worker, when the read that saw it began and ended, and when
    the last one that did not see it began (None: that was not to be had).
    """
    notes = Journal(place.root / f"{name}.watch")
    client = _until_there(connect, remote)
    last: dict[str, int] = {}
    former = None
    while True:
        began = time.monotonic()
        try:
            collection = client.get_collection(calls.SHARED[0], embedding_function=None)
            found = collection.get(ids=[calls.beacon(worker) for worker in workers], include=["metadatas"])
        except ChromaError:
            if not remote:
                raise
            former = None
            time.sleep(0.05)
            continue
        ended = time.monotonic()
        for metadata in found["metadatas"]:
            worker, number = metadata["worker"], metadata["number"]
            if last.get(worker, 0) < number:
                last[worker] = number
                notes.write(number, worker, began, ended, former)
        former = began
        time.sleep(0.001)


def _until_there(connect: Callable[[], Any], remote: bool) -> Any:
    while True:
        try:
            return connect()
        except ChromaError:
            if not remote:
                raise
            time.sleep(0.1)


def _settle(client: Any, worker: str, journal: Journal, ledger: Any, remote: bool) -> None:
    late = time.monotonic() + (LATE if remote and ledger.open is not None else 0.0)
    while True:
        try:
            found = calls.observe(client, worker)
        except NotFoundError:
            # A collection that a server has just now deleted for a client that is dead.
            if not remote:
                raise
            continue
        except ChromaError:
            if not remote:
                raise
            time.sleep(0.1)
            late = time.monotonic() + LATE
            continue
        settled = ledger.settle(found)
        if time.monotonic() > late or any(happened for _, serial, happened in settled if serial == ledger.serial):
            break
        time.sleep(0.05)
    for line in settled:
        journal.write(*line)
    ledger.read(settled)


def _look_after(client: Any, rng: random.Random) -> None:
    if rng.random() < 0.5:
        client.vacuum(timeout=1.0)
    else:
        findings = client.check()
        if findings:
            raise Loss(f"check while others write: {findings[:3]}")


def _look_at_others(client: Any, rng: random.Random) -> None:
    names = [str(name) for name in client.list_collections()]
    try:
        collection = client.get_collection(rng.choice(names), embedding_function=None)
        found = collection.get(limit=20, offset=rng.randrange(50), include=calls.EVERYTHING)
        calls.records.numbers(found)
    except NotFoundError:
        pass


def _tolerant(ask: Callable[[], None], remote: bool) -> None:
    try:
        ask()
    except ChromaError:
        if not remote:
            raise

"""A disk that is full: a small file system of its own, where this user may mount one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from torture.place import Place
from torture.processes import Processes
from torture.report import Report

MEGABYTES, BALLAST = 12, 8_000_000
"""The size of the disk; bytes that are given free when it is full, as somebody does who looks after it."""

MOUNTED = 'mount -t tmpfs -o "size=$1" torture "$2" && shift 2 && exec "$@"'


def full_disk(folder: Path, processes: Processes, report: Report, deadline: float) -> None:
    """Write until the disk is full, delete, write again, as often as the time allows."""
    place = Place(folder / "full", shared=True)
    place.data.mkdir()
    seconds = max(1.0, deadline - time.monotonic())
    inside = [sys.executable, "-m", "torture.full_disk", str(place.root), str(seconds)]
    command = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        MOUNTED,
        "sh",
        f"{MEGABYTES}m",
        str(place.data),
    ]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*command, "true"], capture_output=True, check=False).returncode
    ):
        report.tell("a full disk: not tried, for this user may not mount one")
        return
    ran = subprocess.run([*command, *inside], capture_output=True, text=True, check=False, env={**os.environ})
    if ran.returncode:
        processes.failures.append(f"a full disk: code {ran.returncode}: {ran.stderr[-4000:]}")
        return
    refused, rounds = map(int, ran.stdout.split()[-2:])
    ledger = place.ledger("f")
    report.acknowledged += ledger.acknowledged
    report.failed += refused
    report.faults += refused
    told = f"{refused} writes refused in {rounds} rounds, {ledger.acknowledged} acknowledged"
    report.tell(f"a full disk of {MEGABYTES} MB: {told}")
    shutil.rmtree(place.root)


def _fill(root: Path, seconds: float) -> None:
    import random

    from chromadb.errors import StorageFullError
    from torture import calls
    from torture.journal import Journal
    from torture.small import build_early

    build_early()
    place, rng = Place(root), random.Random()
    place.prepare()
    journal, ledger = Journal(place.journal("f")), place.ledger("f")
    refused = rounds = serial = 0
    end = time.monotonic() + seconds
    client = place.open()

    def call(*call: object) -> bool:
        nonlocal serial
        serial += 1
        line = ["begin", serial, time.monotonic(), [*call, serial] if call[0] == "upsert" else list(call)]
        journal.write(*line)
        ledger.read([line])
        try:
            calls.perform(client, "f", line[3])  # type: ignore[arg-type]
            said = [["done", serial, time.monotonic()]]
        except StorageFullError as error:
            said = [["failed", serial, time.monotonic(), repr(error), True]]
        ledger.read(said)
        if ledger.open is not None:
            said += ledger.settle(calls.observe(client, "f"))
            ledger.read(said[1:])
        for each in said:
            journal.write(*each)
        return said[0][0] == "done"

    ballast = place.data / "ballast"
    while time.monotonic() < end or not refused:
        rounds += 1
        number = 0
        for name in calls.SHARED:
            client.get_collection(name, embedding_function=None).count()  # opened while there is room
        ballast.write_bytes(bytes(BALLAST))
        while call("upsert", "shared-0", [f"f-{number + i}" for i in range(50)]) and number < 100_000:
            number += 50
        refused += 1
        client.delete_collection("shared-1")  # which needs no room
        # All the rest needs a little: a log, and memory that processes share.
        ballast.unlink()
        if rng.random() < 0.5:
            client.close()
            client = place.open()
        client.get_or_create_collection("shared-1", embedding_function=None)
        place.audit_by(client)
        if not call("delete", "shared-0", [f"f-{i}" for i in range(number + 50)]):
            raise RuntimeError("nothing can be deleted although there is room")
        client.vacuum()
    client.close()
    place.audit()
    print(refused, rounds, flush=True)


if __name__ == "__main__":
    _fill(Path(sys.argv[1]), float(sys.argv[2]))
    os._exit(0)

"""Who holds the lock of a database, or has a file open, for the error of whoever waited in vain.

Looked up only then, so that no write pays for it: Linux lists the locks of all processes that this one may see. Since
when it is held nobody notes; when the log was last written says as much.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

WRITE, RECOVER = 120, 122
"""Bytes of the shared memory: the lock of the writer, and of who writes back or repairs (sqlite.org/walformat.html)."""


def holder_of(path: str) -> str | None:
    """Return who holds the lock of a database, as "process 12 (python)"; None where the system does not tell."""
    pids = {pid for file in (f"{path}-shm", path) for pid in _holders(file, shared_memory=file != path)}
    if not pids:
        return None
    names = [
        "another connection of this process" if pid == os.getpid() else f"process {_name(pid)}" for pid in sorted(pids)
    ]
    return " and ".join(names)


def last_written(path: str) -> str:
    """Return when something was last written to a database, as "3 seconds ago", "" if that is not known."""
    try:
        seconds = time.time() - os.stat(f"{path}-wal").st_mtime
    except OSError:
        return ""
    return f"{max(0.0, seconds):.0f} seconds ago"


def users_of(matches: Callable[[str], bool]) -> str:
    """Return " by process 12 (python)", of the other processes that have a file open whose real path matches.

    As far as the system tells, else "": Linux does, of one's own processes.
    """
    holders = []
    try:
        processes = [entry for entry in os.scandir("/proc") if entry.name.isdigit() and int(entry.name) != os.getpid()]
    except OSError:
        return ""
    for process in processes:
        try:
            if any(matches(os.readlink(handle)) for handle in Path(process.path, "fd").iterdir()):
                holders.append(int(process.name))
        except OSError:
            continue
    if not holders:
        return ""
    names = ", ".join(_name(pid) for pid in sorted(holders))
    return f" by process{'es' if len(holders) > 1 else ''} {names}"


def _holders(file: str, *, shared_memory: bool) -> Iterator[int]:
    try:
        inode = os.stat(file).st_ino
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        if "->" in line:
            continue  # waits
        # 1: POSIX  ADVISORY  WRITE 4711 fe:00:1234 120 120
        _, kind, _, mode, pid, place, first, last = line.split()
        # By the inode alone: what a file system of layers calls its device is not what stands here.
        if (kind, mode, place.rpartition(":")[2]) != ("POSIX", "WRITE", str(inode)) or int(pid) <= 0:
            continue
        if not shared_memory or (int(first) <= RECOVER and (last == "EOF" or int(last) >= WRITE)):
            yield int(pid)


def _name(pid: int) -> str:
    """Return the number of a process and, where the system tells, what it runs: "12 (python)"."""
    try:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return str(pid)
    return f"{pid} ({name})"

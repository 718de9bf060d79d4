"""Faults in the calls that change files, by a library of our own between a process and the C library: ``faults.c``."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

KILL, TEAR, FAIL = 1, 2, 3
"""What happens at a call: the process ends before it; in the middle of it, where it writes; it fails."""

ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO}

_LOADED = "TORTURE_LOADED"


class Faults:
    """The library, as it is loaded into this process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.torture_arm.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_int, ctypes.c_int]
        self._library.torture_calls.restype = ctypes.c_long

    def watch(self, directory: Path) -> None:
        """Concern yourself with the files below a directory, and count from 0."""
        self._library.torture_watch(os.path.realpath(directory).encode())

    def arm(self, first: int, what: int, error: int = 0, count: int = 1) -> None:
        """Strike `count` calls (-1: all) after `first` more."""
        self._library.torture_arm(first, count, what, error)

    def strike_reads(self) -> None:
        """Count and strike what reads, instead of what writes."""
        self._library.torture_strike_reads()

    def disarm(self) -> bool:
        """Let calls work again; return whether one has failed."""
        return bool(self._library.torture_disarm())

    @property
    def calls(self) -> int:
        """How many calls there were."""
        return int(self._library.torture_calls())

    def trace(self, path: Path) -> None:
        """Write down from now on what every call does: see ``power``."""
        self._library.torture_trace(bytes(path))

    def mark(self, text: str) -> None:
        """Put a text into the trace."""
        self._library.torture_mark(text.encode())


def load() -> Faults | None:
    """Return the library; where it is not loaded yet, begin this program anew with it. None: it cannot be had here."""
    if _LOADED in os.environ:
        return Faults() if os.environ[_LOADED] else None
    library = _build() if sys.platform == "linux" else None
    environment = {**os.environ, _LOADED: library or ""}
    if library is None:
        return None
    environment["LD_PRELOAD"] = f"{library} {os.environ.get('LD_PRELOAD', '')}".strip()
    sys.stdout.flush()
    return os.execve(sys.executable, [sys.executable, "-m", "torture", *sys.argv[1:]], environment)


def _build() -> str | None:
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        return None
    source = Path(__file__).with_name("faults.c")
    folder = Path(__file__).with_name(".build")
    folder.mkdir(exist_ok=True)
    library = folder / f"faults-{os.stat(source).st_mtime_ns}.so"
    if not library.exists():
        unfinished = library.with_suffix(f".{os.getpid()}")
        command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(unfinished), str(source), "-ldl", "-lpthread"]
        subprocess.run(command, check=True)
        unfinished.rename(library)
    return str(library)

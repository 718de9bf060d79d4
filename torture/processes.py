"""Processes that are forked, killed and mourned."""

from __future__ import annotations

import ctypes
import faulthandler
import importlib
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

LOST, BROKEN = 3, 4
"""Exit codes: something is not there, which the report says; an error that should not have been."""


class Processes:
    """The processes of a test, and what they had to say when they ended.

    Args:
        report: a file that they append to.
    """

    def __init__(self, report: Path) -> None:
        self.alive: dict[int, str] = {}
        """Their names."""
        self.kills = 0
        self.failures: list[str] = []
        """What ended otherwise than it should."""
        self._report = report
        self._killed: set[int] = set()

    def start(self, name: str, function: Callable[..., object], *arguments: Any) -> int:
        """Run a function in a forked process, which ends with it."""
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            self._be_child(name, function, *arguments)
        self.alive[pid] = name
        return pid

    def kill(self, pid: int) -> None:
        """End a process as nothing else does."""
        self._killed.add(pid)
        try:
            os.kill(pid, signal.SIGKILL)
            self.kills += 1
        except ProcessLookupError:
            pass

    def kill_all(self) -> None:
        """End all of them, and wait until they are gone."""
        for pid in list(self.alive):
            self.kill(pid)
        while self.alive:
            self.reap(block=True)

    def reap(self, *, block: bool = False) -> list[str]:
        """Return the names of the processes that have ended."""
        ended = []
        while self.alive:
            pid, status = os.waitpid(-1, 0 if block and not ended else os.WNOHANG)
            if pid == 0:
                break
            if pid in self.alive:
                name = self.alive.pop(pid)
                ended.append(name)
                self._judge(pid, name, status)
        return ended

    def run(self, name: str, function: Callable[..., object], *arguments: Any, dies: bool = False) -> int:
        """Run a function in a process of its own to its end; return how it ended, as ``os.waitstatus_to_exitcode``.

        Args:
            name: of the process.
            function: what it does.
            arguments: of the function.
            dies: whether SIGKILL is what it may die of.
        """
        pid = self.start(name, function, *arguments)
        _, status = os.waitpid(pid, 0)
        if dies:
            self._killed.add(pid)
        del self.alive[pid]
        self._judge(pid, name, status)
        return os.waitstatus_to_exitcode(status)

    def import_what_it_takes(self, function: Callable[..., object], *arguments: Any) -> None:
        """Run a function in another process, and import here what it needed."""
        receive, send = os.pipe()

        def list_modules() -> None:
            function(*arguments)
            os.write(send, " ".join(sys.modules).encode()[:60_000])

        self.run("a first run", list_modules)
        os.close(send)
        with os.fdopen(receive, encoding="utf-8") as names:
            for name in names.read().split():
                if name.partition(".")[0] in ("chromadb", "faiss", "numpy", "apsw", "msgspec", "xxhash"):
                    with suppress(ImportError):
                        importlib.import_module(name)

    def _judge(self, pid: int, name: str, status: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        if code == 0 or (code == -signal.SIGKILL and pid in self._killed):
            return
        if code < 0:
            self.failures.append(f"{name}: ended by {signal.Signals(-code).name}, which nobody sent")
        said = [line for line in self._said() if line.startswith(f"{pid} ")]
        self.failures += [f"{name}: {line.partition(' ')[2]}" for line in said] or [f"{name}: exit code {code}"]

    def _said(self) -> list[str]:
        return self._report.read_text(encoding="utf-8").splitlines() if self._report.exists() else []

    def _be_child(self, name: str, function: Callable[..., object], *arguments: Any) -> None:
        code = 0
        try:
            die_with_parent()
            random.seed()
            with self._report.open("a", encoding="utf-8") as report:
                faulthandler.enable(report, all_threads=True)
                try:
                    function(*arguments)
                except BaseException as error:
                    from torture.ledger import Loss

                    code = LOST if isinstance(error, Loss) else BROKEN
                    where = traceback.extract_tb(error.__traceback__)[-1]
                    text = f"{type(error).__name__}: {error}".replace("\n", " ")[:1000]
                    if code == BROKEN:
                        text += f" [{where.filename}:{where.lineno}]"
                    report.write(f"{os.getpid()} {text}\n")
        finally:
            os._exit(code)


def die_with_parent() -> None:
    """Let this process end when the one that started it does, where the system knows how."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def sleep_until(deadline: float, most: float = 0.05) -> bool:
    """Sleep for a moment; return whether there is time left."""
    time.sleep(max(0.0, min(most, deadline - time.monotonic())))
    return time.monotonic() < deadline

"""Workers: several processes on one port and one directory, begun again when they die."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Semaphore
from types import FrameType

logger = logging.getLogger("chromadb.server")

SOON = 1.0
"""A worker that lives for less than so many seconds did not start well."""


class Workers:
    """The parent of the worker processes.

    Args:
        target: what a worker does, in a process of its own; SIGTERM ends it. Its first argument is to be called once it
            listens.
        arguments: what else it is called with.
        count: how many there are.
        grace: seconds that they have to end.
    """

    def __init__(self, target: Callable[..., None], arguments: tuple[object, ...], count: int, grace: float) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._target = target
        self._arguments = arguments
        self._count = count
        self._grace = grace
        self._listening = self._context.Semaphore(0)
        self._stop = threading.Event()
        self._processes: list[BaseProcess] = []

    def run(self, listening: Callable[[], object]) -> bool:
        """Keep the workers alive until a signal comes, then end them; a second signal ends them at once.

        Args:
            listening: called as soon as all of them listen.

        Returns:
            Whether they were stopped by a signal, rather than that they could not start.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        self._processes = [self._begin() for _ in range(self._count)]
        failures, missing = 0, self._count
        while not self._stop.wait(0.2 if missing <= 0 else 0.02):
            while missing > 0 and self._listening.acquire(block=False):
                missing -= 1
                if not missing:
                    listening()
            for place, process in enumerate(self._processes):
                if process.is_alive():
                    continue
                failures += 1
                logger.error("worker %s ended with code %s; another one begins", process.pid, process.exitcode)
                if failures > 5 * self._count:
                    self._end()
                    return False
                self._stop.wait(SOON)
                if not self._stop.is_set():
                    self._processes[place] = self._begin()
        self._end()
        return True

    def _begin(self) -> BaseProcess:
        process = self._context.Process(
            target=_work, args=(self._target, self._listening, self._arguments), name="chroma-worker"
        )
        process.start()
        return process

    def _end(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(self._grace + 5)
            if process.is_alive():
                process.kill()
                process.join()

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        if self._stop.is_set():
            for process in self._processes:
                process.kill()
            os._exit(128 + number)
        self._stop.set()


def _work(target: Callable[..., None], listening: Semaphore, arguments: tuple[object, ...]) -> None:
    # Ctrl+C reaches every process of a terminal; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    target(listening.release, *arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

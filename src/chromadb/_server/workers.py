"""Workers: several processes on one port and one directory, begun again when they die."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from types import FrameType

logger = logging.getLogger("chromadb.server")

SOON = 1.0
"""A worker that lives for less than so many seconds did not start well; its successor waits for as long."""


class _Worker:
    """A worker process."""

    def __init__(self, process: BaseProcess, listening: Event) -> None:
        self.process = process
        self.listening = listening
        self.began = time.monotonic()
        self.mourned = False
        """Whether it is known that it ended."""

    @property
    def age(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began


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
        self._stop = threading.Event()
        self._workers: list[_Worker] = []

    def run(self, listening: Callable[[], object]) -> bool:
        """Keep the workers alive until a signal comes, then end them; a second signal ends them at once.

        Args:
            listening: called as soon as all of them listen.

        Returns:
            Whether they were stopped by a signal, rather than that they could not start: that one after the other did
            not start well, none of them listening for some time in between.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        self._workers = [self._begin() for _ in range(self._count)]
        failures, told = 0, False
        while not self._stop.wait(0.2 if told else 0.02):
            if not told and all(worker.listening.is_set() for worker in self._workers):
                told = True
                listening()
            for place, worker in enumerate(self._workers):
                if worker.process.is_alive():
                    continue
                if not worker.mourned:
                    worker.mourned = True
                    failures = 0 if worker.listening.is_set() and worker.age >= SOON else failures + 1
                    process = worker.process
                    logger.error("worker %s ended with code %s; another one begins", process.pid, process.exitcode)
                    if failures > 5 * self._count:
                        self._end()
                        return False
                if worker.age >= SOON:
                    self._workers[place] = self._begin()
        self._end()
        return True

    def _begin(self) -> _Worker:
        listening = self._context.Event()
        process = self._context.Process(
            target=_work, args=(self._target, listening, self._arguments), name="chroma-worker"
        )
        process.start()
        return _Worker(process, listening)

    def _end(self) -> None:
        processes = [worker.process for worker in self._workers]
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(self._grace + 5)
            if process.is_alive():
                process.kill()
                process.join()

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        if self._stop.is_set():
            for worker in self._workers:
                worker.process.kill()
            os._exit(128 + number)
        self._stop.set()


def _work(target: Callable[..., None], listening: Event, arguments: tuple[object, ...]) -> None:
    # Ctrl+C reaches every process of a terminal; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    target(listening.set, *arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

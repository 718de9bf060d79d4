"""The pool: threads that work on requests, within limits of number and time.

Not `concurrent.futures`, which costs 40 us a call more, and whose threads a process waits for at its end.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar, cast

from chromadb._tracing import carried
from chromadb.errors import RequestTimeoutError, ServerBusyError

T = TypeVar("T")


class _Job:
    """A call that was asked for."""

    def __init__(self, call: Callable[[], Any], lane: _Lane, loop: asyncio.AbstractEventLoop) -> None:
        self.call = call
        self.lane = lane
        self.loop = loop
        self.result: asyncio.Future[Any] = loop.create_future()
        self.lock = threading.Lock()
        """Taken by the thread that begins it, or by whoever takes it back; it is never given back."""


class LaneState(NamedTuple):
    """How it stands with a lane."""

    busy: int
    """Requests at work or waiting."""
    waiting: int
    """Those of them that wait for a thread."""
    started: int
    """Threads."""


class _Lane:
    """Threads that work on one kind of request; they are started as they are needed."""

    def __init__(self, name: str, threads: int) -> None:
        self.name = name
        self.queue: SimpleQueue[_Job | None] = SimpleQueue()
        self.threads = threads
        self.started = 0
        self.busy = 0


class Pool:
    """Threads that work on requests: some that read, some that write.

    Threads that read take turns at the interpreter, and hinder each other when there are many: with 32 clients on two
    cores 40 of them answered 712 queries/s, 4 of them 990. Threads that write wait for the disk and for each other.

    Args:
        threads: how many write, and at most as many read.
        most: requests at work or waiting at once.
        seconds: how long one may wait and work.
    """

    def __init__(self, threads: int, most: int, seconds: float) -> None:
        self._readers = _Lane("read", min(threads, max(4, os.cpu_count() or 1)))
        self._writers = _Lane("write", threads)
        self.wrap: Callable[[Callable[[], Any], str], Callable[[], Any]] | None = None
        """What makes of every call, and the name of its lane, the one that is made in a thread."""
        self._most = most
        self._seconds = seconds

    @property
    def busy(self) -> int:
        """Requests at work or waiting, with those whose caller was told that it takes too long."""
        return self._readers.busy + self._writers.busy

    def lanes(self) -> dict[str, LaneState]:
        """Return how it stands with the threads that read, and with those that write."""
        return {
            lane.name: LaneState(lane.busy, lane.queue.qsize(), lane.started) for lane in (self._readers, self._writers)
        }

    @property
    def writing(self) -> int:
        """Those of them that write."""
        return self._writers.busy

    async def run(self, call: Callable[[], T], *, writes: bool) -> T:
        """Return what `call` returns, called in a thread.

        Raises:
            ServerBusyError: too many requests wait, or no thread was free in time; it was not begun.
            RequestTimeoutError: it takes too long; it goes on, and nobody is told how it ends.
        """
        if self.busy >= self._most:
            raise ServerBusyError(
                f"The server is at work on {self.busy} requests, as many as chroma_server_max_concurrent_requests "
                "allows. Try again later."
            )
        loop = asyncio.get_running_loop()
        lane = self._writers if writes else self._readers
        job = _Job(carried(call if self.wrap is None else self.wrap(call, lane.name)), lane, loop)
        if lane.busy >= lane.started < lane.threads:
            lane.started += 1
            threading.Thread(target=self._work, args=(lane,), name="chroma-request", daemon=True).start()
        lane.busy += 1
        lane.queue.put(job)
        timer = loop.call_later(self._seconds, self._late, job)
        try:
            return cast(T, await job.result)
        finally:
            timer.cancel()
            # This frame belongs to the traceback of a failure, and would keep it and the request alive.
            del job, call

    def close(self) -> None:
        """Let go of the threads; what is at work goes on to its end."""
        for lane in (self._readers, self._writers):
            for _ in range(lane.started):
                lane.queue.put(None)

    # --- in a thread ------------------------------------------------------------------------------

    def _work(self, lane: _Lane) -> None:
        while (job := lane.queue.get()) is not None:
            if job.lock.acquire(blocking=False) and not self._do(job):
                return
            # A thread that waits keeps no request alive, whose body may be large.
            del job

    def _do(self, job: _Job) -> bool:
        """Do a job; return whether there is still a loop that hears of it."""
        result: Any = None
        failure: BaseException | None = None
        try:
            result = job.call()
        except Exception as error:
            failure = error
        except BaseException as error:  # a future cannot carry it
            failure = RuntimeError(f"{type(error).__name__} in a request: {error}")
        try:
            job.loop.call_soon_threadsafe(self._done, job, result, failure)
        except RuntimeError:
            # The loop has ended, with everybody who waited.
            return False
        finally:
            # This frame belongs to the traceback of the failure, and would keep both alive.
            del job, failure
        return True

    # --- in the event loop ------------------------------------------------------------------------

    def _done(self, job: _Job, result: Any, failure: BaseException | None) -> None:
        job.lane.busy -= 1
        if job.result.done():
            return
        if failure is None:
            job.result.set_result(result)
        elif isinstance(failure, StopIteration):
            job.result.set_exception(RuntimeError("A request ended in StopIteration."))
        else:
            job.result.set_exception(failure)

    def _late(self, job: _Job) -> None:
        if job.result.done():
            return
        if job.lock.acquire(blocking=False):
            job.lane.busy -= 1
            job.result.set_exception(
                ServerBusyError(
                    f"The server had no thread free for this request within {self._seconds:g} seconds; nothing was "
                    "done. Try again later."
                )
            )
        else:
            job.result.set_exception(
                RequestTimeoutError(
                    f"The server did not finish within {self._seconds:g} seconds, and goes on; it is not known whether "
                    "it will succeed. Ask for less at once, or raise chroma_server_request_timeout_seconds."
                )
            )

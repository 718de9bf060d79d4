"""The pool: runs operations in threads, within the limits of time and number."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from chromadb.errors import RequestTimeoutError, ServerBusyError

T = TypeVar("T")


class Pool:
    """Threads that work on requests.

    Args:
        threads: how many.
        most: requests at work or waiting at once.
        seconds: how long one may take.
    """

    def __init__(self, threads: int, most: int, seconds: float) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="chroma-request")
        self._most = most
        self._seconds = seconds
        self.busy = 0
        """Requests at work or waiting, those included whose caller was told that it takes too long."""

    def check(self) -> None:
        """Raise if there is no room for another request.

        Raises:
            ServerBusyError: too many are at work or waiting.
        """
        if self.busy >= self._most:
            raise ServerBusyError(
                f"The server is at work on {self.busy} requests, as many as chroma_server_max_concurrent_requests "
                "allows. Try again later."
            )

    async def run(self, function: Callable[[], T]) -> T:
        """Return what `function` returns, called in a thread.

        Raises:
            ServerBusyError: too many requests wait, or no thread was free in time; it was not begun.
            RequestTimeoutError: it takes too long; it goes on, and nobody is told how it ends.
        """
        self.check()
        self.busy += 1
        work = self._threads.submit(function)
        loop = asyncio.get_running_loop()
        work.add_done_callback(lambda done: loop.call_soon_threadsafe(self._done))
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(work)), self._seconds)
        except asyncio.TimeoutError:
            if work.cancel():
                raise ServerBusyError(
                    f"The server had no thread free for this request within {self._seconds:g} seconds; nothing was "
                    "done. Try again later."
                ) from None
            raise RequestTimeoutError(
                f"The server did not finish within {self._seconds:g} seconds, and goes on; it is not known whether it "
                "will succeed. Ask for less at once, or raise chroma_server_request_timeout_seconds."
            ) from None

    def _done(self) -> None:
        self.busy -= 1

    def close(self) -> None:
        """Let go of the threads; what is at work goes on to its end, what waits is not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)

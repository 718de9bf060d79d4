"""Requests per second, of each identity."""

from __future__ import annotations

import functools
import math
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from chromadb._limits.buckets import Buckets
from chromadb._limits.enforcers import AsyncRateLimitEnforcer, RateLimitEnforcer
from chromadb._model.names import shorten
from chromadb._settings.classes import HasSettings
from chromadb.errors import RateLimitError

T = TypeVar("T", bound=Callable[..., Any])
A = TypeVar("A", bound=Callable[..., Awaitable[Any]])

FILE = "rates"
"""The name of the table in the folder that the processes of a server share."""


class SimpleRateLimitEnforcer(RateLimitEnforcer):
    """Allows every operation: requests are counted where they arrive."""

    def rate_limit(self, func: T) -> T:
        """Return `func` itself."""
        return func


class SimpleAsyncRateLimitEnforcer(AsyncRateLimitEnforcer):
    """Allows everybody ``chroma_rate_limit_requests_per_second``, or any number where that is not set.

    Somebody who proved who they are is counted by their name, others by their address.

    Args:
        system: what has the ``settings`` of the server, and ``shared``, a folder of its processes if there are several.
    """

    def __init__(self, system: HasSettings) -> None:
        super().__init__(system)
        rate, burst = self._settings.chroma_rate_limit_requests_per_second, self._settings.chroma_rate_limit_burst
        self._buckets: Buckets | None = None
        if rate is not None:
            shared = getattr(system, "shared", None)
            file = None if shared is None else os.path.join(shared, FILE)
            self._buckets = Buckets(rate, burst or max(1, math.ceil(rate)), file)

    def rate_limit(self, func: A) -> A:
        """Return a function that raises a RateLimitError for somebody who asks too often."""
        buckets = self._buckets
        if buckets is None:
            return func

        @functools.wraps(func)
        async def limited(*args: Any, request: Any, **kwargs: Any) -> Any:
            identity = getattr(request.state, "user_identity", None)
            user = "" if identity is None else identity.user_id
            who = f"user {user}" if user else f"address {_host(request)}"
            wait = buckets.take(who, time.monotonic())
            if wait:
                error = RateLimitError(
                    f"Expected at most {self._settings.chroma_rate_limit_requests_per_second:g} requests a second from "
                    f"{shorten(who)}, got more. Try again in {wait:.3g} seconds, or raise "
                    "chroma_rate_limit_requests_per_second."
                )
                error.retry_after = wait
                raise error
            return await func(*args, request=request, **kwargs)

        return cast(A, limited)


def _host(request: Any) -> str:
    client = request.client
    return client.host if client is not None else "unknown"
